//! What the cards of a question that has ended say in place of their buttons.

use domain::outgoing::Card;
use domain::texts::approval as texts;
use store::{CardRow, CentralStore, Draft, NewPart, PartKind, QuestionRow, StoreError, Target};

use crate::host::Host;

/// Shows in every chat that was asked how it ended, and takes the buttons away. `failed` says why
/// what was allowed could not be done.
pub(super) fn closing_parts(
    host: &Host,
    central: &CentralStore,
    row: &QuestionRow,
    (value, by): (Option<&str>, &str),
    failed: Option<&str>,
) -> Result<Vec<NewPart>, StoreError> {
    let by = central.name_of(by)?;
    let end = match (value, failed) {
        (Some(_), Some(why)) => texts::not_done(why, &by),
        (Some(value), None) => {
            let chosen = row.question.options.iter().find(|it| it.value == value);
            let label = chosen.map_or(value, |it| &it.label);
            texts::decided(&texts::result(row.matter(), value, label), &by)
        }
        (None, _) => texts::EXPIRED.to_owned(),
    };
    let question = &row.question.text;
    let part = |(n, card): (usize, &CardRow)| {
        let content = if host.caps_of(&card.to.channel).edits {
            let card_text = Card { text: texts::closed_card(question, &end), buttons: vec![] };
            Draft::Edit(Target::Part(card.part.clone()), card_text)
        } else {
            Draft::Text(texts::closed_notice(question, &end))
        };
        NewPart::new(format!("q{}.{n}.end", row.id), card.to.clone(), PartKind::Interim, content)
    };
    Ok(row.cards.iter().enumerate().filter(|it| !it.1.lost).map(part).collect())
}
