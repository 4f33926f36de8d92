//! What a user tells the host about a session itself: a command that the host answers, and the
//! order to stop.

use domain::message::{Admitted, InboundKind, Incoming, Outcome};
use domain::stop::StopReport;
use domain::time::Timestamp;

use super::messages::{MessageOutcome, conclude, insert, wake};
use super::{SessionRows, parts, stops};
use crate::StoreError;
use crate::outbox::PartKind;

const BY_HOST: MessageOutcome<'_> =
    MessageOutcome { outcome: Outcome::Answered, reason: "by the host", reply: None };

impl SessionRows<'_> {
    /// Stores a command together with the host's answer to it. Doing it again changes nothing.
    ///
    /// # Errors
    /// When the database fails; then nothing is stored. So for every method below.
    pub fn answer_command(
        &self,
        message: &Incoming,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a command", |tx| {
            let admitted =
                Admitted { message: message.clone(), kind: InboundKind::Command, rule: None };
            if let Some(seq) = insert(tx, &admitted, now)? {
                conclude(tx, seq, &BY_HOST, now)?;
                wake(tx)?;
                parts::add_notice(tx, "command", seq, PartKind::Answer, answer, now)?;
            }
            Ok(())
        })
    }

    /// Stops what is being worked on: sets all waiting messages aside, takes back what is not sent
    /// yet, and lets the running incarnation say nothing more. `answer` makes the text from what
    /// that came to. Doing it again changes nothing.
    pub fn cancel_turn(
        &self,
        message: &Incoming,
        answer: impl FnOnce(&StopReport) -> String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a stop", |tx| {
            let admitted =
                Admitted { message: message.clone(), kind: InboundKind::Command, rule: None };
            let Some(seq) = insert(tx, &admitted, now)? else { return Ok(()) };
            let ended = stops::end_work(tx, seq.0, Some((&message.from, seq)), now)?;
            conclude(tx, seq, &BY_HOST, now)?;
            wake(tx)?;
            let elsewhere = ended.iter().filter(|it| it.last != seq);
            stops::tell(tx, elsewhere, &format!("stopped-{seq}"), &message.body.sender.name, now)?;
            let text = answer(&stops::total(&ended));
            parts::add_notice(tx, "command", seq, PartKind::Notice, &text, now)
        })
    }
}
