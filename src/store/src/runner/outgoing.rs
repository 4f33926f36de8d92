//! What the runner writes of a turn into the outbound database: what the agent says and asks for, and
//! which tools it uses, by their names alone. And what it deletes there, since it alone writes it.

use std::path::PathBuf;

use domain::message::Form;
use domain::retention::{BATCH, MACHINERY};
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::{Connection, params};

use super::{READ, RunnerStore};
use crate::layout::FILES;
use crate::mailbox::{self, RunnerFacts};
use crate::outbox::PartKind;
use crate::row::{list, one, run, to_json};
use crate::{Result, StoreError};

/// The longest name of a tool that is kept.
pub(crate) const TOOL_NAME_CHARS_MAX: usize = 64;
/// Calls of one message that are kept; a turn that makes more is looked into by other means.
const CALLS_MAX: i64 = 1_000;
/// Messages whose calls are kept, back from the newest; even numbers, so half as many.
const MESSAGES_BACK: i64 = 400;

/// A message that is about to be stored; [`domain::message::Outbound`] is how the host reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    pub in_reply_to: MessageSeq,
    /// `None` is the chat that is answered.
    pub destination: Option<String>,
    pub form: Form,
    /// Of a file its caption, of a reaction the emoji, of a request what is asked.
    pub text: String,
    /// How often the runner had started over with what it has in hand.
    pub attempt: u32,
}

impl NewMessage {
    pub fn text(in_reply_to: MessageSeq, text: &str) -> Self {
        let (form, text) = (Form::Text, text.to_owned());
        Self { in_reply_to, destination: None, form, text, attempt: 0 }
    }
}

impl RunnerStore {
    pub fn say(&mut self, in_reply_to: MessageSeq, text: &str, now: Timestamp) -> Result<OutSeq> {
        self.add(&NewMessage::text(in_reply_to, text), now)
    }

    /// Stores a message of the middle of a turn. Of a file there must be a copy already.
    pub fn add(&mut self, message: &NewMessage, now: Timestamp) -> Result<OutSeq> {
        let (kind, incarnation) = (PartKind::Interim, Some(self.incarnation));
        self.commit("a message", |tx, facts| add(tx, facts, message, kind, incarnation, now))
    }

    /// What a message of ours is; `None` when there is no such message.
    pub fn own_form(&mut self, seq: OutSeq) -> Result<Option<Form>> {
        let sql = "SELECT form FROM messages_out WHERE seq = ?1";
        one(&self.conn, sql, [seq.0]).map_err(StoreError::query("read an own message"))
    }

    /// The folder of files that are to be sent. A file's name is what lies below it.
    pub fn files_dir(&self) -> PathBuf {
        self.outbound_dir.join(FILES)
    }

    /// The names of files that the host did not import yet.
    pub fn files_waiting(&mut self) -> Result<Vec<String>> {
        let imported = self.read_inbound(READ, |conn, _| Ok(mailbox::facts(conn)?.imported_seq))?;
        let sql = "SELECT f.value FROM messages_out
                   JOIN json_each(iif(json_valid(form), form, '{}'), '$.file') f WHERE seq > ?1";
        list(&self.conn, sql, [imported.0]).map_err(StoreError::query("read the files to send"))
    }

    /// A tool begins to work for a message. `call` is the provider's name of this call.
    pub fn tool_started(
        &mut self,
        message: MessageSeq,
        call: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<()> {
        let values = params![message.0, self.incarnation.0, cut(call), cut(name), now.0, CALLS_MAX];
        self.commit("a tool", |tx, _| {
            let sql = "INSERT INTO tool_calls (message, incarnation, call, name, started_at)
                       SELECT ?1, ?2, ?3, ?4, ?5
                       WHERE (SELECT count(*) FROM tool_calls WHERE message = ?1) < ?6
                         AND NOT EXISTS (SELECT 1 FROM tool_calls
                                         WHERE call = ?3 AND incarnation = ?2)";
            if run(tx, sql, values)? == 1 {
                let sql = "DELETE FROM tool_calls WHERE message < ?1";
                run(tx, sql, [message.0 - MESSAGES_BACK])?;
            }
            Ok(())
        })
    }

    /// It is done, for good or ill. A call that nobody saw begin is none.
    pub fn tool_ended(&mut self, call: &str, ok: bool, now: Timestamp) -> Result<()> {
        let sql = "UPDATE tool_calls SET ended_at = ?3, ok = ?4
                   WHERE call = ?1 AND incarnation = ?2 AND ended_at IS NULL";
        let values = params![cut(call), self.incarnation.0, now.0, ok];
        self.commit("the end of a tool", |tx, _| run(tx, sql, values)).map(drop)
    }

    /// Removes at most [`BATCH`] messages and claims that are old, of the oldest: messages that the host
    /// has imported, and claims on messages that have their outcome there. Numbers are never given out
    /// twice, so the last message stays. Returns how many went.
    pub fn prune(&mut self, now: Timestamp) -> Result<usize> {
        let before = (now - MACHINERY).0;
        self.commit("prune", |tx, facts| {
            let sql = "DELETE FROM messages_out WHERE seq IN
                           (SELECT seq FROM
                                (SELECT seq, created_at FROM messages_out ORDER BY seq LIMIT ?3)
                            WHERE seq <= ?1 AND created_at < ?2
                              AND seq < (SELECT max(seq) FROM messages_out))";
            let messages = run(tx, sql, params![facts.imported_seq.0, before, BATCH])?;
            let sql = "DELETE FROM claims WHERE (message, incarnation) IN
                           (SELECT message, incarnation FROM
                                (SELECT message, incarnation, claimed_at FROM claims
                                 ORDER BY message, incarnation LIMIT ?3)
                            WHERE message < ?1 AND claimed_at < ?2)";
            Ok(messages + run(tx, sql, params![facts.waiting_from.0, before, BATCH])?)
        })
    }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(TOOL_NAME_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

/// Adds a message under the next number, which is above all that the host has imported. In the middle
/// of a turn it is known whose attempt at which turn it belongs to.
pub(super) fn add(
    tx: &Connection,
    facts: &RunnerFacts,
    message: &NewMessage,
    kind: PartKind,
    incarnation: Option<Incarnation>,
    now: Timestamp,
) -> rusqlite::Result<OutSeq> {
    // Its turn is not the message that is replied to: a later attempt may hand over several at once.
    let sql = "INSERT INTO messages_out
                   (seq, in_reply_to, kind, text, created_at, form, destination, incarnation, attempt, turn)
               VALUES ((SELECT max(coalesce(max(seq), -1), ?9) + 2 FROM messages_out),
                   ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                   (SELECT min(message) FROM claims WHERE incarnation = ?7 AND outcome IS NULL))";
    let NewMessage { in_reply_to, destination, form, text, attempt } = message;
    let (form, kind, by) = (to_json(form)?, kind.as_str(), incarnation.map(|it| it.0));
    let attempt = incarnation.map(|_| attempt);
    let imported = if facts.imported_seq.0 == 0 { -1 } else { facts.imported_seq.0 };
    let values =
        params![in_reply_to.0, kind, text, now.0, form, destination, by, attempt, imported];
    run(tx, sql, values)?;
    Ok(OutSeq(tx.last_insert_rowid()))
}

#[cfg(test)]
#[path = "pruning_tests.rs"]
mod tests;
