//! What the agent says and asks for, as rows of the outbound database.

use std::path::PathBuf;

use domain::message::Form;
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, OutSeq};
use rusqlite::{Connection, params};

use super::{READ, RunnerStore};
use crate::StoreError;
use crate::layout::FILES;
use crate::mailbox::{self, RunnerFacts};
use crate::outbox::PartKind;
use crate::row::{list, one, run, to_json};

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
    /// A text to the chat that is answered.
    pub fn text(in_reply_to: MessageSeq, text: &str) -> Self {
        let (form, text) = (Form::Text, text.to_owned());
        Self { in_reply_to, destination: None, form, text, attempt: 0 }
    }
}

impl RunnerStore {
    /// Says something in the middle of a turn.
    pub fn say(
        &mut self,
        in_reply_to: MessageSeq,
        text: &str,
        now: Timestamp,
    ) -> Result<OutSeq, StoreError> {
        self.add(&NewMessage::text(in_reply_to, text), now)
    }

    /// Stores a message of the middle of a turn. Of a file there must be a copy already.
    pub fn add(&mut self, message: &NewMessage, now: Timestamp) -> Result<OutSeq, StoreError> {
        let (kind, incarnation) = (PartKind::Interim, Some(self.incarnation));
        self.commit("a message", |tx, facts| add(tx, facts, message, kind, incarnation, now))
    }

    /// What a message of ours is; `None` when there is no such message.
    pub fn own_form(&mut self, seq: OutSeq) -> Result<Option<String>, StoreError> {
        let sql = "SELECT form FROM messages_out WHERE seq = ?1";
        one(&self.conn, sql, [seq.0]).map_err(StoreError::query("read an own message"))
    }

    /// The folder of files that are to be sent. A file's name is what lies below it.
    pub fn files_dir(&self) -> PathBuf {
        self.outbound_dir.join(FILES)
    }

    /// The names of files that the host did not import yet.
    pub fn files_waiting(&mut self) -> Result<Vec<String>, StoreError> {
        let imported = self.read_inbound(READ, |conn, _| Ok(mailbox::facts(conn)?.imported_seq))?;
        let sql = "SELECT file FROM messages_out WHERE seq > ?1 AND form = 'file'";
        list(&self.conn, sql, [imported.0]).map_err(StoreError::query("read the files to send"))
    }
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
    let (form, target, file, question) = match &message.form {
        Form::Text => ("text", None, None, None),
        Form::File(name) => ("file", None, Some(name), None),
        Form::Edit(target) => ("edit", Some(target), None, None),
        Form::Reaction(target) => ("reaction", Some(target), None, None),
        Form::Admin => ("admin", None, None, None),
        Form::Question { options, timeout } => {
            let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
            ("question", None, None, Some((to_json(options)?, timeout_ms)))
        }
    };
    let (options, timeout_ms) = question.unzip();
    // Its turn is not the message that is replied to: a later attempt may hand over several at once.
    let sql =
        "INSERT INTO messages_out (seq, in_reply_to, kind, text, created_at, form, destination,
                   target, file, options, timeout_ms, incarnation, attempt, turn)
               VALUES ((SELECT max(coalesce(max(seq), -1), ?11) + 2 FROM messages_out),
                   ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?12, ?13,
                   (SELECT min(message) FROM claims WHERE incarnation = ?12 AND outcome IS NULL))";
    let values = params![
        message.in_reply_to.0,
        kind.as_str(),
        message.text,
        now.0,
        form,
        message.destination,
        target,
        file,
        options,
        timeout_ms,
        if facts.imported_seq.0 == 0 { -1 } else { facts.imported_seq.0 },
        incarnation.map(|it| it.0),
        incarnation.map(|_| message.attempt),
    ];
    run(tx, sql, values)?;
    Ok(OutSeq(tx.last_insert_rowid()))
}
