//! The inbound database: what a session was told, and what became of it. The host is its writer.

mod deliveries;
mod launches;

use std::path::Path;
use std::sync::LazyLock;

use domain::delivery::PartKey;
use domain::message::{Claim, Incoming, Outbound, Outcome};
use domain::session::{FailReason, Waiting};
use domain::split::split;
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, OutSeq, notice};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};

pub use self::deliveries::{ClaimedPart, PartKind};
use crate::StoreError;
use crate::open::{Journal, open};
use crate::outbound::News;

static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| {
    Migrations::new(vec![M::up(include_str!("../../../migrations/inbound/0001_start.sql"))])
});

/// What was taken over from the runner in one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absorbed {
    /// Messages that reached their end.
    pub ended: Vec<(MessageSeq, Outcome)>,
}

#[derive(Debug)]
pub struct InboundStore {
    conn: Connection,
}

impl InboundStore {
    pub(crate) fn open(path: &Path, journal: Journal) -> Result<Self, StoreError> {
        Ok(Self { conn: open(path, journal, &MIGRATIONS)? })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Stores messages in their order, all in one commit. One that is there already is left as it
    /// is, so that a redelivery is harmless. Returns how many were new.
    ///
    /// # Errors
    /// When the database fails; then none is stored. So for every method below.
    pub fn insert(&mut self, messages: &[Incoming], now: Timestamp) -> Result<usize, StoreError> {
        self.commit("a message", |tx| {
            let mut insert = tx.prepare_cached(
                "INSERT INTO messages_in (seq, channel, account, chat, thread, platform_id,
                     sender_id, sender_name, text, received_at, not_before)
                 VALUES ((SELECT coalesce(max(seq), 0) + 2 FROM messages_in),
                     ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
                 ON CONFLICT DO NOTHING",
            )?;
            let mut stored = 0;
            for it in messages {
                let from = &it.from;
                stored += insert.execute(params![
                    from.channel,
                    from.account,
                    from.chat,
                    from.thread,
                    it.platform_id,
                    it.sender_id,
                    it.sender_name,
                    it.text,
                    now.0
                ])?;
            }
            Ok(stored)
        })
    }

    /// The oldest messages without an outcome, each with the last incarnation whose claim was taken
    /// back. At most 100, so that a long queue does not make every look slow; the rest moves up. Claims are filled in from the outbound side.
    pub(crate) fn waiting(&self) -> Result<Vec<(Waiting, Incarnation)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(Waiting, Incarnation)>> {
            self.conn
                .prepare_cached(
                    "SELECT seq, received_at, not_before, tries, told, released FROM messages_in
                     WHERE outcome IS NULL ORDER BY seq LIMIT 100",
                )?
                .query_map([], |row| {
                    let waiting = Waiting {
                        message: MessageSeq(row.get(0)?),
                        received_at: Timestamp(row.get(1)?),
                        not_before: Timestamp(row.get(2)?),
                        tries: row.get(3)?,
                        claim: None,
                        told: row.get(4)?,
                    };
                    Ok((waiting, Incarnation(row.get(5)?)))
                })?
                .collect()
        };
        read().map_err(StoreError::query("read the waiting messages"))
    }

    /// See [`crate::SessionStore::absorb`].
    pub(crate) fn absorb(
        &mut self,
        news: &News,
        part_chars_max: usize,
        now: Timestamp,
    ) -> Result<Absorbed, StoreError> {
        self.commit("a reply", |tx| {
            for (message, kind) in &news.messages {
                add_parts(tx, message, *kind, part_chars_max, now)?;
            }
            let mut absorbed = Absorbed::default();
            for claim in &news.finished {
                absorbed.ended.extend(end(tx, claim, now)?);
            }
            Ok(absorbed)
        })
    }

    /// Takes a message out of the hands of `by`, which is gone.
    pub fn release(
        &mut self,
        message: MessageSeq,
        by: Incarnation,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a release", |tx| {
            tx.execute(
                "UPDATE messages_in SET tries = tries + 1, not_before = ?3, released = ?2
                 WHERE seq = ?1 AND outcome IS NULL AND released < ?2",
                params![message.0, by.0, at.0],
            )
        })
        .map(drop)
    }

    /// Gives a message up; the outcome and the notice that tells its chat are one commit.
    pub fn fail(
        &mut self,
        message: MessageSeq,
        why: FailReason,
        last_words: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reason = match why {
            FailReason::Crashes => "the container ended several times while working on it",
            FailReason::CannotStart => "the container cannot be started",
        };
        self.commit("a failure", |tx| {
            let changed = tx.execute(
                "UPDATE messages_in SET outcome = 'failed', reason = ?2, ended_at = ?3
                 WHERE seq = ?1 AND outcome IS NULL",
                params![message.0, reason, now.0],
            )?;
            if changed == 1 {
                deliveries::add_notice(
                    tx,
                    "failed",
                    message,
                    &notice::given_up(why, last_words),
                    now,
                )?;
            }
            Ok(())
        })
    }

    /// Tells the chat of a message, once, that it has to wait.
    pub fn tell(&mut self, message: MessageSeq, now: Timestamp) -> Result<(), StoreError> {
        self.commit("a notice", |tx| {
            let sql = "UPDATE messages_in SET told = 1 WHERE seq = ?1 AND told = 0";
            if tx.execute(sql, [message.0])? == 1 {
                deliveries::add_notice(tx, "waits", message, notice::WAITS, now)?;
            }
            Ok(())
        })
    }

    /// Every message with its outcome, if it has one, oldest first: `(platform id, outcome)`.
    pub fn outcomes(&self) -> Result<Vec<(String, Option<Outcome>)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(String, Option<Outcome>)>> {
            self.conn
                .prepare("SELECT platform_id, outcome FROM messages_in ORDER BY seq")?
                .query_map([], |row| {
                    let outcome: Option<String> = row.get(1)?;
                    Ok((row.get(0)?, outcome.as_deref().and_then(Outcome::parse)))
                })?
                .collect()
        };
        read().map_err(StoreError::query("list the outcomes"))
    }

    fn commit<R>(
        &mut self,
        op: &'static str,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<R>,
    ) -> Result<R, StoreError> {
        let write = || -> rusqlite::Result<R> {
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let out = f(&tx)?;
            tx.commit()?;
            Ok(out)
        };
        write().map_err(StoreError::query(op))
    }
}

fn add_parts(
    tx: &Transaction<'_>,
    message: &Outbound,
    kind: PartKind,
    part_chars_max: usize,
    now: Timestamp,
) -> rusqlite::Result<()> {
    // The runner names the message that it answers; where the answer goes is looked up here, so
    // that a forged number reaches no chat that is not this session's.
    let cause = tx
        .prepare_cached("SELECT seq FROM messages_in WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([message.in_reply_to.0], |row| row.get(0).map(MessageSeq))
        .optional()?;
    let Some(cause) = cause else {
        tracing::warn!(seq = message.seq.0, "the agent wrote to nobody; dropped");
        return Ok(());
    };
    let texts = split(&message.text, part_chars_max);
    let last = texts.len() - 1;
    for (index, text) in texts.iter().enumerate() {
        let key = PartKey(format!("o{}.{index}", message.seq));
        // Only the last part says that the message is complete.
        let kind = if index == last { kind } else { PartKind::Interim };
        deliveries::add(
            tx,
            &deliveries::NewPart { key, out_seq: Some(message.seq), cause, kind, text },
            now,
        )?;
    }
    Ok(())
}

fn end(
    tx: &Transaction<'_>,
    claim: &Claim,
    now: Timestamp,
) -> rusqlite::Result<Option<(MessageSeq, Outcome)>> {
    let Some((outcome, reason)) = &claim.outcome else {
        return Ok(None);
    };
    let changed = tx
        .prepare_cached(
            "UPDATE messages_in SET outcome = ?2, reason = ?3, ended_at = ?4, reply = ?5
             WHERE seq = ?1 AND outcome IS NULL",
        )?
        .execute(params![
            claim.message.0,
            outcome.as_str(),
            reason,
            now.0,
            claim.reply.map(|it| it.0)
        ])?;
    if changed == 0 {
        return Ok(None);
    }
    tx.prepare_cached("UPDATE launches SET answered = answered + 1 WHERE incarnation = ?1")?
        .execute([claim.incarnation.0])?;
    Ok(Some((claim.message, *outcome)))
}

impl InboundStore {
    /// The last message of the runner that was taken over; 0 when there is none.
    pub(crate) fn last_out_seq(&self) -> Result<OutSeq, StoreError> {
        self.conn
            .prepare_cached("SELECT coalesce(max(out_seq), 0) FROM deliveries")
            .and_then(|mut it| it.query_row([], |row| row.get(0).map(OutSeq)))
            .map_err(StoreError::query("read the last reply"))
    }
}
