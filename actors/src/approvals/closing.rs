//! What the cards of a question that has ended say in place of their buttons.

use domain::approval::{ALLOW, Closed, closed_card, closed_notice};
use domain::delivery::PartKey;
use domain::outgoing::Card;
use domain::people::Handle;
use store::{
    CentralStore, Draft, NewPart, PartKind, QuestionKind, QuestionRow, StoreError, Target,
};

use super::ApprovalState;

impl ApprovalState {
    /// Shows in every chat that was asked how it ended, and takes the buttons away.
    pub(super) async fn closing_parts(
        &self,
        row: &QuestionRow,
        value: Option<&str>,
        by: &str,
    ) -> Result<Vec<NewPart>, StoreError> {
        let by = self.name_of(by).await?;
        let failed = match (row.question.kind, value, row.question.session) {
            (QuestionKind::Change, Some(ALLOW), Some((session, seq))) => {
                let read = move |it: &mut CentralStore| it.rows(session).answer_of(seq);
                self.host.central.read(read).await?.filter(|it| !it.0).map(|it| it.1)
            }
            (_, _, _) => None,
        };
        let how = match value {
            Some(_) if let Some(why) = &failed => Closed::NotDone { why, by: &by },
            Some(value) => {
                let chosen = row.question.options.iter().find(|it| it.value == value);
                let label = chosen.map_or(value, |it| &it.label);
                Closed::Answered { matter: row.matter(), value, label, by: &by }
            }
            None => Closed::Expired,
        };
        let question = &row.question.text;
        let part = |(n, card): (usize, &store::CardRow)| {
            let edits = self.host.registration(&card.to.channel).is_some_and(|it| it.caps.edits);
            let content = if edits {
                let card_text = Card { text: closed_card(question, how), buttons: vec![] };
                Draft::Edit(Target::Part(card.part.clone()), card_text)
            } else {
                Draft::Text(closed_notice(question, how))
            };
            NewPart {
                key: PartKey(format!("q{}.{n}.end", row.id)),
                to: card.to.clone(),
                reply_to: String::new(),
                kind: PartKind::Interim,
                content,
            }
        };
        Ok(row.cards.iter().enumerate().filter(|it| !it.1.lost).map(part).collect())
    }

    async fn name_of(&self, by: &str) -> Result<String, StoreError> {
        let Some(handle) = Handle::parse(by) else {
            return Ok(by.to_owned());
        };
        let found = self
            .host
            .central
            .read(move |central| match central.person_of(&handle)? {
                Some(person) => central.person(person),
                None => Ok(None),
            })
            .await?;
        Ok(found.map_or_else(|| by.to_owned(), |it| it.name))
    }
}
