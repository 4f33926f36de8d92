//! The runner's side of a session: reads the inbound database, owns the outbound one.
//!
//! Every method that writes is one commit. Opening for writing also rolls back what a predecessor
//! left in mid-transaction. A runner that slept while its successor was launched (the host writes
//! that down first) commits nothing any more: it must end.

mod inbox;
mod outgoing;
mod pruning;
mod tasks;
mod tools;
mod waits;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use domain::cost::Cost;
use domain::message::Outcome;
use domain::time::Timestamp;
use domain::{Incarnation, MessageSeq};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};

pub use self::inbox::{Answer, Destination};
pub use self::outgoing::NewMessage;
pub(crate) use self::tools::TOOL_NAME_CHARS_MAX;
use crate::layout::{INBOUND, OUTBOUND};
use crate::open::{Journal, cache_little, open, open_read_only};
use crate::outbox::PartKind;
use crate::{Db, StoreError};

/// The steps of the schema. The host reads what they make, of this version and of older ones.
pub(crate) const STEPS: [&str; 5] = [
    include_str!("../../../migrations/outbound/0001_start.sql"),
    include_str!("../../../migrations/outbound/0002_forms.sql"),
    include_str!("../../../migrations/outbound/0003_tools.sql"),
    include_str!("../../../migrations/outbound/0004_waits.sql"),
    include_str!("../../../migrations/outbound/0005_once.sql"),
];

static MIGRATIONS: LazyLock<Migrations<'_>> =
    LazyLock::new(|| Migrations::new(STEPS.map(M::up).to_vec()));

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
    /// Opened again after an error: the host may just be recovering the file.
    inbound_conn: Option<Connection>,
    conn: Connection,
    incarnation: Incarnation,
    /// See [`Self::floor`].
    floor: Option<Floor>,
}

/// The last numbers that the host took over.
#[derive(Clone, Copy, Debug)]
struct Floor {
    message: i64,
    wait: i64,
}

impl RunnerStore {
    /// Opens the databases in their mounted folders; makes or migrates the outbound one.
    ///
    /// # Errors
    /// When the outbound database cannot be opened, is damaged, or is newer than this program.
    pub fn open(
        inbound_dir: &Path,
        outbound_dir: &Path,
        incarnation: Incarnation,
    ) -> Result<Self, StoreError> {
        // Not a write-ahead log: see `outbound`.
        let path = outbound_dir.join(OUTBOUND);
        let conn = open(&path, Journal::Rollback, &MIGRATIONS)?;
        cache_little(&conn).map_err(StoreError::open(&path))?;
        let (inbound, outbound_dir) = (inbound_dir.join(INBOUND), outbound_dir.to_owned());
        Ok(Self { inbound, outbound_dir, inbound_conn: None, conn, incarnation, floor: None })
    }

    /// [`Db`] over this store, for a program with async tasks.
    #[must_use]
    pub fn shared(
        inbound_dir: PathBuf,
        outbound_dir: PathBuf,
        incarnation: Incarnation,
        gate: std::sync::Arc<dyn crate::Gate>,
    ) -> Db<Self> {
        Db::new(gate, move || Self::open(&inbound_dir, &outbound_dir, incarnation))
    }

    /// Claims messages for this incarnation, before a model sees them.
    pub fn claim(&mut self, messages: &[MessageSeq], now: Timestamp) -> Result<(), StoreError> {
        let incarnation = self.incarnation;
        self.commit("a claim", |tx| {
            let mut insert = tx.prepare_cached(
                "INSERT INTO claims (message, incarnation, claimed_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?;
            for message in messages {
                insert.execute([message.0, incarnation.0, now.0])?;
            }
            Ok(())
        })
    }

    /// Ends a turn: the reply and the release of its messages are one commit. `state` is stored
    /// with it: `(key, value)`, where no value forgets the key.
    pub fn end_turn(
        &mut self,
        end: &TurnEnd,
        state: &[(&str, Option<&str>)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (incarnation, floor) = (self.incarnation, self.floor()?);
        let kind =
            if end.outcome == Outcome::Answered { PartKind::Answer } else { PartKind::Notice };
        self.commit("the end of a turn", |tx| {
            let reply = match (&end.text, end.messages.last()) {
                (Some(text), Some(last)) => {
                    Some(outgoing::add(tx, &NewMessage::text(*last, text), kind, floor, now)?.0)
                }
                _ => None,
            };
            let mut update = tx.prepare_cached(
                "UPDATE claims SET outcome = ?3, reason = ?4, reply = ?5, cost = ?6
                 WHERE message = ?1 AND incarnation = ?2 AND outcome IS NULL",
            )?;
            let mut cost = end.cost.map(Cost::micros);
            for message in &end.messages {
                update.execute(params![
                    message.0,
                    incarnation.0,
                    end.outcome.as_str(),
                    end.reason,
                    reply,
                    cost.take()
                ])?;
            }
            set_state(tx, state)
        })
    }

    /// Keeps or forgets values for the next incarnation.
    pub fn set_state(&mut self, state: &[(&str, Option<&str>)]) -> Result<(), StoreError> {
        self.commit("a state", |tx| set_state(tx, state))
    }

    pub fn state(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        self.conn
            .prepare_cached("SELECT value FROM session_state WHERE key = ?1")
            .and_then(|mut it| it.query_row([key], |row| row.get(0)).optional())
            .map_err(StoreError::query("read a state"))
    }

    /// Numbers go on above these, also in a new database: the last one may have been lost or set aside,
    /// and what has a number that the host knows would never be taken over.
    fn floor(&mut self) -> Result<Floor, StoreError> {
        if let Some(floor) = self.floor {
            return Ok(floor);
        }
        let floor = self.read_inbound(|conn| {
            conn.query_row("SELECT out_seq, wait FROM taken_over", [], |row| {
                Ok(Floor { message: row.get(0)?, wait: row.get(1)? })
            })
        })?;
        self.floor = Some(floor);
        Ok(floor)
    }

    fn read_inbound<R>(
        &mut self,
        f: impl FnOnce(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R, StoreError> {
        let conn = opened(&mut self.inbound_conn, &self.inbound)
            .map_err(StoreError::open(&self.inbound))?;
        let out = f(&conn).map_err(StoreError::query("read the inbound database"))?;
        self.inbound_conn = Some(conn);
        Ok(out)
    }

    /// Reads both databases, each as it is at one moment and locked once: first the inbound one, then
    /// the outbound one.
    fn read_both<R>(
        &mut self,
        f: impl FnOnce(&Connection, &Connection) -> rusqlite::Result<R>,
    ) -> Result<R, StoreError> {
        let own =
            self.conn.unchecked_transaction().map_err(StoreError::query("read the claims"))?;
        let inbound = opened(&mut self.inbound_conn, &self.inbound)
            .map_err(StoreError::open(&self.inbound))?;
        let read = || {
            let theirs = inbound.unchecked_transaction()?;
            f(&theirs, &own)
        };
        let out = read().map_err(StoreError::query("look for messages"))?;
        self.inbound_conn = Some(inbound);
        Ok(out)
    }

    fn commit<R>(
        &mut self,
        op: &'static str,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<R>,
    ) -> Result<R, StoreError> {
        // Not the kind of error that says that a file is damaged: the host may be mending it.
        let query = |source| StoreError::Query { op, source };
        let inbound = opened(&mut self.inbound_conn, &self.inbound).map_err(query)?;
        let begun = self.conn.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = begun.map_err(StoreError::query(op))?;
        // Within the transaction: a successor that is launched later writes later.
        let newest = newest_launch(&inbound).map_err(query)?;
        if self.incarnation < newest {
            return Err(StoreError::Superseded);
        }
        let out = f(&tx).map_err(StoreError::query(op))?;
        tx.commit().map_err(StoreError::query(op))?;
        self.inbound_conn = Some(inbound);
        Ok(out)
    }
}

/// Takes the connection out; whoever used it without an error puts it back.
fn opened(conn: &mut Option<Connection>, path: &Path) -> rusqlite::Result<Connection> {
    conn.take().map_or_else(|| open_read_only(path), Ok)
}

/// The incarnation that the host launched last.
fn newest_launch(inbound: &Connection) -> rusqlite::Result<Incarnation> {
    inbound
        .prepare_cached("SELECT coalesce(max(incarnation), 0) FROM launches")?
        .query_row([], |row| row.get(0).map(Incarnation))
}

fn set_state(tx: &Transaction<'_>, state: &[(&str, Option<&str>)]) -> rusqlite::Result<()> {
    for (key, value) in state {
        match value {
            Some(value) => tx.execute(
                "INSERT INTO session_state VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
                [key, value],
            )?,
            None => tx.execute("DELETE FROM session_state WHERE key = ?1", [key])?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests;
