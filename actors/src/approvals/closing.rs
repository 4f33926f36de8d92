//! What the cards of a question that has ended say in place of their buttons.

use domain::approval::{Closed, closed_card, closed_notice};
use domain::outgoing::Card;
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
    let how = match (value, failed) {
        (Some(_), Some(why)) => Closed::NotDone { why, by: &by },
        (Some(value), None) => {
            let chosen = row.question.options.iter().find(|it| it.value == value);
            let label = chosen.map_or(value, |it| &it.label);
            Closed::Answered { matter: row.matter(), value, label, by: &by }
        }
        (None, _) => Closed::Expired,
    };
    let question = &row.question.text;
    let part = |(n, card): (usize, &CardRow)| {
        let content = if host.caps_of(&card.to.channel).edits {
            let card_text = Card { text: closed_card(question, how), buttons: vec![] };
            Draft::Edit(Target::Part(card.part.clone()), card_text)
        } else {
            Draft::Text(closed_notice(question, how))
        };
        NewPart::new(format!("q{}.{n}.end", row.id), card.to.clone(), PartKind::Interim, content)
    };
    Ok(row.cards.iter().enumerate().filter(|it| !it.1.lost).map(part).collect())
}
