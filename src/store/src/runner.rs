//! The runner's side of a session: reads the inbound mailbox, owns the outbound one.
//!
//! Every method that writes is one commit. Opening for writing also rolls back what a predecessor
//! left in mid-transaction. A runner that slept while its successor was launched (the host writes
//! that down first) commits nothing any more: it must end.

mod inbox;
mod outgoing;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use domain::cost::Cost;
use domain::message::{FileText, Outcome};
use domain::time::Timestamp;
use domain::waits::WaitClass;
use domain::{Incarnation, MessageSeq};
use rusqlite::{Connection, params};
use rusqlite_migration::{M, Migrations};

pub use self::inbox::Answer;
pub use self::outgoing::NewMessage;
pub(crate) use self::outgoing::TOOL_NAME_CHARS_MAX;
use crate::db::Store;
use crate::layout::{INBOUND, OUTBOUND};
use crate::mailbox::{self, RunnerFacts, inode};
use crate::open::{Journal, cache_little, open, open_read_only};
use crate::outbox::PartKind;
use crate::row::{Json, is_there, one, run, to_json};
use crate::step::atomically;
use crate::{Db, Result, StoreError};

/// The schema, which the host compares with what it finds.
pub(crate) const SCHEMA: &str = include_str!("../../../migrations/outbound/0001_start.sql");

static MIGRATIONS: LazyLock<Migrations<'_>> =
    LazyLock::new(|| Migrations::new(vec![M::up(SCHEMA)]));

const READ: &str = "read the inbound mailbox";

/// Kept by a runner that has read what its predecessor kept.
const SEEDED: &str = "seeded";

/// How a turn ended for the messages that it covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnEnd {
    pub messages: Vec<MessageSeq>,
    pub outcome: Outcome,
    pub reason: String,
    /// What to say, if anything, in reply to the last of the messages.
    pub text: Option<String>,
    /// What it cost, where the provider says. It counts for the first of the messages, so that a sum
    /// over messages counts no turn twice.
    pub cost: Option<Cost>,
}

#[derive(Debug)]
pub struct RunnerStore {
    inbound: PathBuf,
    outbound_dir: PathBuf,
    conn: Connection,
    /// The file that is written; without it at its path, nobody reads what is written.
    inode: Option<u64>,
    incarnation: Incarnation,
}

impl RunnerStore {
    /// Opens the databases in their mounted folders; makes or migrates the outbound one.
    ///
    /// # Errors
    /// When the outbound database cannot be opened, is damaged, or is newer than this program.
    pub fn open(inbound_dir: &Path, outbound_dir: &Path, incarnation: Incarnation) -> Result<Self> {
        // Not a write-ahead log: see `outbound`.
        let path = outbound_dir.join(OUTBOUND);
        let conn = open(&path, Journal::Rollback, &MIGRATIONS, None)?;
        cache_little(&conn).map_err(StoreError::open(&path))?;
        let (inbound, outbound_dir) = (inbound_dir.join(INBOUND), outbound_dir.to_owned());
        let mut store = Self { inbound, outbound_dir, conn, inode: inode(&path), incarnation };
        store.seed()?;
        Ok(store)
    }

    /// Reads what the last incarnation kept from the host, where its own mailbox is gone. A mailbox of
    /// the host's that cannot be read just now is read by the next incarnation.
    fn seed(&mut self) -> Result<()> {
        if self.state(SEEDED)?.is_some() {
            return Ok(());
        }
        let Ok(kept) = self.read_inbound(READ, |conn, _| mailbox::facts(conn).map(|it| it.state))
        else {
            return Ok(());
        };
        let mut state: Vec<(&str, Option<&str>)> =
            kept.iter().map(|(key, value)| (key.as_str(), Some(value.as_str()))).collect();
        state.push((SEEDED, Some("yes")));
        atomically(&self.conn, |tx| set_state(tx, &state))
            .map_err(StoreError::query("read what was kept"))
    }

    /// [`Db`] over this store, for a program with async tasks.
    pub fn shared(
        inbound_dir: PathBuf,
        outbound_dir: PathBuf,
        incarnation: Incarnation,
        gate: std::sync::Arc<dyn crate::Gate>,
    ) -> Db<Self> {
        Db::new(gate, move || Self::open(&inbound_dir, &outbound_dir, incarnation))
    }

    /// Claims messages for this incarnation, before a model sees them.
    pub fn claim(&mut self, messages: &[MessageSeq], now: Timestamp) -> Result<()> {
        self.commit("a claim", |tx, _| {
            let sql = "INSERT INTO claims (message, incarnation, claimed_at) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO NOTHING";
            for message in messages {
                run(tx, sql, [message.0, self.incarnation.0, now.0])?;
            }
            Ok(())
        })
    }

    /// Ends a turn: the reply and the release of its messages are one commit. `state` is stored
    /// with it: `(key, value)`, where no value forgets the key. A turn that has ended already stays as it
    /// ended: the commit may have taken effect although it failed.
    pub fn end_turn(
        &mut self,
        end: &TurnEnd,
        state: &[(&str, Option<&str>)],
        now: Timestamp,
    ) -> Result<()> {
        let kind =
            if end.outcome == Outcome::Answered { PartKind::Answer } else { PartKind::Notice };
        self.commit("the end of a turn", |tx, facts| {
            if has_ended(tx, &end.messages, self.incarnation)? {
                return Ok(());
            }
            let reply = end.text.as_ref().zip(end.messages.last()).map(|(text, last)| {
                outgoing::add(tx, facts, &NewMessage::text(*last, text), kind, None, now)
            });
            let reply = reply.transpose()?.map(|it| it.0);
            let sql = "UPDATE claims SET outcome = ?3, reason = ?4, reply = ?5, cost = ?6
                       WHERE message = ?1 AND incarnation = ?2 AND outcome IS NULL";
            let (outcome, mut cost) = (end.outcome.as_str(), end.cost.map(Cost::micros));
            for message in &end.messages {
                let of = (message.0, self.incarnation.0);
                run(tx, sql, params![of.0, of.1, outcome, end.reason, reply, cost.take()])?;
            }
            set_state(tx, state)
        })
    }

    /// Lets go of every message in hand, without an outcome: the host offers them again when the
    /// wait is over. `until` is when the provider says that it goes on. `state` is stored with it, as
    /// with the end of a turn.
    pub fn wait(
        &mut self,
        class: WaitClass,
        until: Option<Timestamp>,
        state: &[(&str, Option<&str>)],
    ) -> Result<()> {
        let incarnation = self.incarnation.0;
        self.commit("a wait", |tx, facts| {
            let sql = "INSERT INTO waits (id, message, incarnation, class, until)
                       SELECT (SELECT max(coalesce(max(id), 0), ?4) + 1 FROM waits),
                              message, incarnation, ?2, ?3
                       FROM claims WHERE incarnation = ?1 AND outcome IS NULL
                       ORDER BY message LIMIT 1";
            let until = until.map(|it| it.0);
            run(tx, sql, params![incarnation, class.as_str(), until, facts.imported_wait])?;
            let sql = "DELETE FROM claims WHERE incarnation = ?1 AND outcome IS NULL";
            run(tx, sql, [incarnation])?;
            set_state(tx, state)
        })
    }

    /// Keeps what was found in the files of a message, for an attempt that follows and for the host.
    pub fn keep_file_texts(&mut self, of: MessageSeq, texts: &Vec<FileText>) -> Result<()> {
        self.commit("texts of files", |tx, facts| {
            // The host has imported those of messages that have their outcome.
            run(tx, "DELETE FROM file_texts WHERE message < ?1", [facts.waiting_from.0])?;
            let sql = "REPLACE INTO file_texts VALUES (?1, ?2)";
            run(tx, sql, params![of.0, to_json(texts)?]).map(drop)
        })
    }

    /// What was found in the files of a message at an earlier attempt.
    pub fn file_texts(&mut self, of: MessageSeq) -> Result<Option<Vec<FileText>>> {
        let sql = "SELECT texts FROM file_texts WHERE message = ?1";
        let found = one(&self.conn, sql, [of.0]).map_err(StoreError::query("read file texts"))?;
        Ok(found.map(|Json(texts)| texts))
    }

    /// Keeps or forgets values for the next incarnation.
    pub fn set_state(&mut self, state: &[(&str, Option<&str>)]) -> Result<()> {
        self.commit("a state", |tx, _| set_state(tx, state))
    }

    pub fn state(&mut self, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM session_state WHERE key = ?1";
        one(&self.conn, sql, [key]).map_err(StoreError::query("read a state"))
    }

    /// Reads the inbound mailbox, with the outbound one beside it. It is opened each time: the host may have
    /// made it again.
    fn read_inbound<R>(
        &self,
        op: &'static str,
        f: impl FnOnce(&Connection, &Connection) -> rusqlite::Result<R>,
    ) -> Result<R> {
        let inbound = open_read_only(&self.inbound).map_err(StoreError::open(&self.inbound))?;
        f(&inbound, &self.conn).map_err(StoreError::query(op))
    }

    /// Another file at the path of ours, or none, is what the host reads: then nobody hears of what is
    /// written here.
    fn is_read_by_host(&self) -> Result<()> {
        let there = inode(&self.outbound_dir.join(OUTBOUND));
        if there == self.inode { Ok(()) } else { Err(StoreError::Superseded) }
    }

    fn commit<R>(
        &self,
        op: &'static str,
        f: impl FnOnce(&Connection, &RunnerFacts) -> rusqlite::Result<R>,
    ) -> Result<R> {
        self.is_read_by_host()?;
        // Not the kind of error that says that a file is damaged: the host may be mending it.
        let query = |source| StoreError::Query { op, source };
        let inbound = open_read_only(&self.inbound).map_err(query)?;
        let done = atomically(&self.conn, |tx| {
            // Within the transaction: a successor that is launched later writes later.
            let facts = mailbox::facts(&inbound)?;
            if self.incarnation < facts.newest {
                return Err(StoreError::Superseded);
            }
            Ok(f(tx, &facts)?)
        });
        done.map_err(|err| err.named(op))
    }
}

impl Store for RunnerStore {
    const READS_BESIDE: bool = false;

    fn connection(&self) -> &Connection {
        &self.conn
    }
}

/// Whether this incarnation ended all of these messages before.
fn has_ended(
    tx: &Connection,
    messages: &[MessageSeq],
    incarnation: Incarnation,
) -> rusqlite::Result<bool> {
    let sql =
        "SELECT 1 FROM claims WHERE message = ?1 AND incarnation = ?2 AND outcome IS NOT NULL";
    for message in messages {
        if !is_there(tx, sql, [message.0, incarnation.0])? {
            return Ok(false);
        }
    }
    Ok(!messages.is_empty())
}

fn set_state(tx: &Connection, state: &[(&str, Option<&str>)]) -> rusqlite::Result<()> {
    for (key, value) in state {
        match value {
            Some(value) => run(tx, "REPLACE INTO session_state VALUES (?1, ?2)", [key, value])?,
            None => run(tx, "DELETE FROM session_state WHERE key = ?1", [key])?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests;
