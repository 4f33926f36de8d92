//! The inbound database: what a session was told, and what became of it. The host is its writer.

mod absorb;
mod files;
mod halt;
mod launches;
mod mourning;
mod parts;
mod pruning;
mod quiet;
mod requests;
mod stood;
mod tasks;
mod waits;
mod zones;

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
pub(crate) use self::launches::launches_of;
pub use self::mourning::{AnsweredMessage, Lost};
pub use self::requests::{Asked, Request};
pub use self::stood::{Order, Stood};
pub(crate) use self::tasks::{ERRAND, errand};
pub use self::tasks::{TaskEnd, TaskMessage};
pub(crate) use self::waits::read as read_wait;
use crate::StoreError;
use crate::open::{Journal, cache_little, open};
use crate::outbox::PartKind;

static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| {
    Migrations::new(vec![
        M::up(include_str!("../../../migrations/inbound/0001_start.sql")),
        M::up(include_str!("../../../migrations/inbound/0002_groups.sql")),
        M::up(include_str!("../../../migrations/inbound/0003_trace.sql")),
        M::up(include_str!("../../../migrations/inbound/0004_waits.sql")),
        M::up(include_str!("../../../migrations/inbound/0005_stops.sql")),
        M::up(include_str!("../../../migrations/inbound/0007_tasks.sql")),
        M::up(include_str!("../../../migrations/inbound/0008_keeping.sql")),
        M::up(include_str!("../../../migrations/inbound/0009_firing.sql")),
        M::up(include_str!("../../../migrations/inbound/0010_quiet.sql")),
        M::up(include_str!("../../../migrations/inbound/0011_once.sql")),
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
        let conn = open(path, journal, &MIGRATIONS)?;
        cache_little(&conn).map_err(StoreError::open(path))?;
        Ok(Self { conn, root })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Reads several things as they are at one moment, and locks the file once for all of them.
    pub(crate) fn at_one_moment<R>(
        &self,
        read: impl FnOnce() -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        // Nothing is written in it, so that its end has nothing to undo.
        let _moment =
            self.conn.unchecked_transaction().map_err(StoreError::query("read a session"))?;
        read()
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
                                    WHERE f.state = 'pending' AND f.message <= m.seq),
                            waits_for, wait_since, wait_until, wait_count, wait_known, last_chance
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
                        wait: waits::read(row, 9)?,
                        last_chance: row.get::<_, Option<i64>>(14)?.map(Timestamp),
                    };
                    Ok((waiting, Incarnation(row.get(5)?)))
                })?
                .collect()
        };
        read().map_err(StoreError::query("read the waiting messages"))
    }

    /// Takes a message out of the hands of `by`, which is gone, until `at`. Its chat is told, once,
    /// of what is worth telling.
    pub fn release(
        &mut self,
        message: MessageSeq,
        by: Incarnation,
        at: Timestamp,
        agent: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a release", |tx| {
            let released = tx.execute(
                "UPDATE messages_in SET tries = tries + 1, not_before = ?3, released = ?2
                 WHERE seq = ?1 AND outcome IS NULL AND released < ?2",
                params![message.0, by.0, at.0],
            )?;
            let is_told = released == 1 && !tasks::is_task(tx, message)?;
            let trouble = launches::trouble_of(tx, by)?.filter(|_| is_told);
            match trouble.as_ref().and_then(|it| it.interruption(agent)) {
                Some(text) => {
                    let kind = PartKind::Interim;
                    parts::add_notice(tx, "interrupted", message, kind, &text, now)
                }
                None => Ok(()),
            }
        })
    }

    /// Gives a message up; the outcome and the notice that tells its chat are one commit. Of a task
    /// the central database tells.
    pub fn fail(
        &mut self,
        message: MessageSeq,
        why: FailReason,
        agent: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reason = match why {
            FailReason::Crashes => "the container ended several times while working on it",
            FailReason::CannotStart => "the container cannot be started",
            FailReason::Deadline(Some(class)) => class.what(),
            FailReason::Deadline(None) => "it was not finished in time",
        };
        self.commit("a failure", |tx| {
            let changed = tx.execute(
                "UPDATE messages_in SET outcome = 'failed', reason = ?2, ended_at = ?3
                 WHERE seq = ?1 AND outcome IS NULL",
                params![message.0, reason, now.0],
            )?;
            // What follows for a task is decided where all its slots are known.
            if changed == 1 && !tasks::is_task(tx, message)? {
                let trouble = launches::last_trouble(tx)?;
                let text = notice::given_up(why, trouble.as_ref(), agent);
                parts::add_notice(tx, "failed", message, PartKind::Notice, &text, now)?;
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
                 quote_sender, quote_text, sent_at, outcome, reason, ended_at, rule, rule_detail)
             VALUES ((SELECT coalesce(max(seq), 0) + 2 FROM messages_in),
                 ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                 iif(?16, 'silent', NULL), iif(?16, 'overheard', NULL), iif(?16, ?9, NULL),
                 ?17, ?18)
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
            overheard,
            admitted.rule.as_ref().map(|it| &it.word),
            admitted.rule.as_ref().map(|it| &it.detail)
        ])?;
    if stored == 0 {
        return Ok(None);
    }
    let seq = MessageSeq(tx.last_insert_rowid());
    files::insert(tx, seq, &it.files)?;
    Ok(Some(seq))
}
