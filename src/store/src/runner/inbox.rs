//! What the runner reads from the inbound mailbox: messages that are due, with all that belongs to
//! them, and what the host lets the agent know.

use domain::inbound::{Inbound, claimable};
use domain::message::Address;
use domain::session::BACKOFF_MAX;
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{READ, RunnerStore};
use crate::Result;
use crate::mailbox::{ANSWER, Destination, Item, entry, facts, items};
use crate::row::{one, only, row};

/// What became of something that the agent asked of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Otherwise the text says why there is none.
    pub ok: bool,
    pub text: String,
}

row!(Answer { ok, text });

impl Item {
    fn is_due(&self, now: Timestamp) -> bool {
        let waits = self.wait.as_ref().is_some_and(|it| !it.is_over(now));
        self.is_complete && !waits && self.not_before.is_due(now, BACKOFF_MAX)
    }
}

impl RunnerStore {
    /// Messages that are due and that this incarnation has neither claimed nor ended, as far as they
    /// may share a turn with each other and with what is claimed; see [`claimable`]. One that waits for
    /// the provider, or backs off, or whose files are not here yet, holds up those behind it, so that
    /// answers come in the order of their questions. A claim of `unsure`, which failed, does not count,
    /// whether it took effect or not.
    ///
    /// # Errors
    /// When a mailbox fails. A failing inbound mailbox is often just being made again by the host: try
    /// again soon. So for every method below, as far as it reads.
    pub fn due(&mut self, now: Timestamp, unsure: &[MessageSeq]) -> Result<Vec<Inbound>> {
        self.is_read_by_host()?;
        self.read_inbound("look for messages", |inbound, own| {
            // Each is read as it is at one moment and locked once: first the inbound one, then ours.
            let (own, inbound) = (own.unchecked_transaction()?, inbound.unchecked_transaction()?);
            let facts = facts(&inbound)?;
            let (by, stopped) = (self.incarnation, facts.stopped_incarnation);
            if by <= stopped {
                return Ok(vec![]); // Stopped, and not killed yet: it gets nothing more.
            }
            // The oldest message with a wait that the host did not import yet, and all behind it, stay
            // where they are meanwhile.
            let sql = "SELECT min(message) FROM waits WHERE id > ?1";
            let held: Option<MessageSeq> = only(&own, sql, [facts.imported_wait])?;
            let (mut due, mut claimed) = (Vec::new(), Vec::new());
            for item in items(&inbound)? {
                if held.is_some_and(|held| held <= item.message.seq) {
                    break;
                }
                match has_claim_ended(&own, item.message.seq, by, stopped)? {
                    Some(true) => {}
                    Some(false) if !unsure.contains(&item.message.seq) => {
                        claimed.push(item.message);
                    }
                    Some(false) | None if item.is_due(now) => due.push(item.message),
                    Some(false) | None => break,
                }
            }
            due.truncate(claimable(&turn_keys(&due), &turn_keys(&claimed)));
            Ok(due)
        })
    }

    /// Whether the agent may name a message with this number, context messages included.
    pub fn has_inbound(&mut self, seq: MessageSeq) -> Result<bool> {
        self.read_inbound(READ, |conn, _| Ok(facts(conn)?.known.contains(&seq)))
    }

    /// The command that turns speech into text, if the agent has one.
    pub fn transcribe(&mut self) -> Result<Option<String>> {
        self.read_inbound(READ, |conn, _| Ok(facts(conn)?.transcribe))
    }

    /// Chats that the agent may write to, by name.
    pub fn destinations(&mut self) -> Result<Vec<Destination>> {
        self.read_inbound(READ, |conn, _| Ok(facts(conn)?.destinations))
    }

    /// What the host said to a question or request of ours; `None` as long as it is open.
    pub fn answer(&mut self, seq: OutSeq) -> Result<Option<Answer>> {
        self.read_inbound(READ, |conn, _| entry(conn, (ANSWER, seq.0)))
    }
}

fn turn_keys(messages: &[Inbound]) -> Vec<(&Address, bool)> {
    messages.iter().map(|it| (&it.from, it.runs_alone())).collect()
}

/// Whether a message that was claimed has ended; `None` where nobody claimed it. What an incarnation up
/// to `stopped` ended after a user stopped it, the host has not heard.
fn has_claim_ended(
    own: &Connection,
    message: MessageSeq,
    by: Incarnation,
    stopped: Incarnation,
) -> rusqlite::Result<Option<bool>> {
    let sql = "SELECT outcome IS NOT NULL FROM claims
               WHERE message = ?1
                 AND (incarnation = ?2 OR (outcome IS NOT NULL AND ?3 < incarnation))
               ORDER BY outcome IS NULL LIMIT 1";
    one(own, sql, [message.0, by.0, stopped.0])
}
