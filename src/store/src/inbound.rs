//! The inbound database: what a session was told, and what became of it. The host is its writer.

mod absorb;
mod files;
mod halt;
mod launches;
mod parts;
mod requests;
mod tasks;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use domain::message::{Admitted, InboundKind, Outcome};
use domain::session::{FailReason, Waiting};
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq, notice};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};

pub(crate) use self::absorb::Copied;
pub use self::absorb::{Absorbed, Surroundings};
pub use self::files::{Fetched, PendingFile};
pub use self::requests::{Asked, Request};
pub use self::tasks::TaskMessage;
use crate::StoreError;
use crate::open::{Journal, open};
use crate::outbox::PartKind;

static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| {
    Migrations::new(vec![
        M::up(include_str!("../../../migrations/inbound/0001_start.sql")),
        M::up(include_str!("../../../migrations/inbound/0002_groups.sql")),
        M::up(include_str!("../../../migrations/inbound/0007_tasks.sql")),
    ])
});

#[derive(Debug)]
pub struct InboundStore {
    conn: Connection,
    /// The session's own folder, below which files to send are kept.
    root: PathBuf,
}

impl InboundStore {
    pub(crate) fn open(path: &Path, root: PathBuf, journal: Journal) -> Result<Self, StoreError> {
        Ok(Self { conn: open(path, journal, &MIGRATIONS)?, root })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Stores messages in their order, all in one commit. One that is there already is left as it
    /// is, so that a redelivery is harmless. Returns how many were new.
    ///
    /// # Errors
    /// When the database fails; then none is stored. So for every method below.
    pub fn insert(&mut self, messages: &[Admitted], now: Timestamp) -> Result<usize, StoreError> {
        self.commit("a message", |tx| {
            let mut stored = 0;
            for it in messages {
                stored += usize::from(insert(tx, it, now)?.is_some());
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
                    "SELECT seq, received_at, not_before, tries, told, released, status, channel,
                            EXISTS (SELECT 1 FROM files_in f
                                    WHERE f.state = 'pending' AND f.message <= m.seq)
                     FROM messages_in m WHERE outcome IS NULL ORDER BY seq LIMIT 100",
                )?
                .query_map([], |row| {
                    let waiting = Waiting {
                        message: MessageSeq(row.get(0)?),
                        received_at: Timestamp(row.get(1)?),
                        not_before: Timestamp(row.get(2)?),
                        tries: row.get(3)?,
                        claim: None,
                        told: row.get(4)?,
                        status: row.get(6)?,
                        channel: row.get(7)?,
                        fetching: row.get(8)?,
                    };
                    Ok((waiting, Incarnation(row.get(5)?)))
                })?
                .collect()
        };
        read().map_err(StoreError::query("read the waiting messages"))
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
                let text = notice::given_up(why, last_words);
                parts::add_notice(tx, "failed", message, PartKind::Notice, &text, now)?;
            }
            Ok(())
        })
    }

    /// Tells the chat of a message, once, that it has to wait.
    pub fn tell(&mut self, message: MessageSeq, now: Timestamp) -> Result<(), StoreError> {
        self.commit("a notice", |tx| {
            let sql = "UPDATE messages_in SET told = 1 WHERE seq = ?1 AND told = 0";
            if tx.execute(sql, [message.0])? == 1 {
                // A message that has to wait is not at its end.
                parts::add_notice(tx, "waits", message, PartKind::Interim, notice::WAITS, now)?;
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

/// Stores one message; `None` when it is there already.
fn insert(
    tx: &Transaction<'_>,
    admitted: &Admitted,
    now: Timestamp,
) -> rusqlite::Result<Option<MessageSeq>> {
    let it = &admitted.message;
    let overheard = admitted.kind == InboundKind::Context;
    let stored = tx
        .prepare_cached(
            "INSERT INTO messages_in (seq, channel, account, chat, thread, platform_id, sender_id,
                 sender_name, text, received_at, not_before, kind, is_group, chat_title,
                 quote_sender, quote_text, sent_at, outcome, reason, ended_at)
             VALUES ((SELECT coalesce(max(seq), 0) + 2 FROM messages_in),
                 ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                 iif(?16, 'silent', NULL), iif(?16, 'overheard', NULL), iif(?16, ?9, NULL))
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            it.from.channel,
            it.from.account,
            it.from.chat,
            it.from.thread,
            it.platform_id,
            format!("{}:{}", it.from.channel, it.sender.id),
            it.sender.name,
            it.text,
            now.0,
            admitted.kind.as_str(),
            it.chat.is_group,
            it.chat.title,
            it.quote.as_ref().map(|it| &it.sender),
            it.quote.as_ref().map(|it| &it.text),
            it.sent_at.map(|it| it.0),
            overheard
        ])?;
    if stored == 0 {
        return Ok(None);
    }
    let seq = MessageSeq(tx.last_insert_rowid());
    files::insert(tx, seq, &it.files)?;
    Ok(Some(seq))
}
