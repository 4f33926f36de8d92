//! The central database: agent groups, people, chats, wirings, sessions, cursors, secrets.
//!
//! One schema, written by the host and by the command line. Each method is one transaction, so both
//! may be at it at the same time.

mod accounts;
mod agents;
mod chats;
mod dead_letters;
mod destinations;
mod dropped;
mod heard;
mod heartbeats;
mod held;
mod pairing;
mod people;
mod pruning;
mod questions;
mod quiet;
mod roles;
mod said;
mod secrets;
mod sessions;
mod stops;
mod tasks;
mod wirings;
mod zones;

use std::path::Path;
use std::sync::LazyLock;

use domain::AgentName;
use domain::message::Address;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

pub use self::accounts::AccountRow;
pub use self::chats::{ChatRow, Moved};
pub use self::dead_letters::{DeadLetterRow, NOTICE_KEY, Untold};
pub use self::destinations::DestinationRow;
pub use self::dropped::DroppedRow;
pub use self::pairing::{NewPairing, Paired, PairingId, PairingRole, PairingRow, PairingUse};
pub use self::people::{Linked, PersonRow, Removed, Unlinked};
pub use self::questions::{CardRow, Put, Question, QuestionKind, QuestionRow, QuestionState};
pub use self::roles::{ApproverRow, DenialRow, MemberRow, Revoked, RoleRow};
pub use self::secrets::SealedRow;
pub use self::sessions::SessionRow;
pub use self::tasks::{Decided, DueTask, FireRow, Handover, Task, TaskEdit, TaskFilter, TaskRow};
pub use self::wirings::{Wired, Wiring};
use crate::StoreError;
use crate::open::{Journal, open};

static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| {
    Migrations::new(vec![
        M::up(include_str!("../../../migrations/central/0001_start.sql")),
        M::up(include_str!("../../../migrations/central/0002_people.sql")).foreign_key_check(),
        M::up(include_str!("../../../migrations/central/0003_typed_answers.sql")),
        M::up(include_str!("../../../migrations/central/0004_trace.sql")),
        M::up(include_str!("../../../migrations/central/0005_stops.sql")),
        M::up(include_str!("../../../migrations/central/0006_continuity.sql")),
        M::up(include_str!("../../../migrations/central/0007_tasks.sql")),
        M::up(include_str!("../../../migrations/central/0008_keeping.sql")),
        M::up(include_str!("../../../migrations/central/0009_zones.sql")),
        M::up(include_str!("../../../migrations/central/0010_firing.sql")),
        M::up(include_str!("../../../migrations/central/0011_task_requests.sql")),
        M::up(include_str!("../../../migrations/central/0012_people_time.sql")),
        M::up(include_str!("../../../migrations/central/0013_orders.sql")),
        M::up(include_str!("../../../migrations/central/0014_awake_pruning.sql")),
        M::up(include_str!("../../../migrations/central/0015_disk.sql")),
    ])
});

#[derive(Debug)]
pub struct CentralStore {
    pub(crate) conn: Connection,
}

impl CentralStore {
    /// Opens or creates the file and migrates it.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { conn: open(path, Journal::Wal, &MIGRATIONS)? })
    }

    /// # Errors
    /// When the database fails; so for every method below.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.conn
            .prepare_cached("SELECT value FROM setting WHERE key = ?1")
            .and_then(|mut it| it.query_row([key], |row| row.get(0)).optional())
            .map_err(StoreError::query("read a setting"))
    }

    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.conn
            .execute(
                "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                [key, value],
            )
            .map(drop)
            .map_err(StoreError::query("store a setting"))
    }

    /// Stores a value unless there is one; returns the one that counts. Two that do this at the same
    /// time agree.
    pub fn settle_setting(&self, key: &str, value: &str) -> Result<String, StoreError> {
        self.conn
            .execute("INSERT INTO setting VALUES (?1, ?2) ON CONFLICT DO NOTHING", [key, value])
            .and_then(|_| {
                let sql = "SELECT value FROM setting WHERE key = ?1";
                self.conn.query_row(sql, [key], |row| row.get(0))
            })
            .map_err(StoreError::query("settle a setting"))
    }

    pub fn cursor(&self, channel: &str, account: &str) -> Result<Option<String>, StoreError> {
        self.conn
            .query_row(
                "SELECT value FROM cursor WHERE channel = ?1 AND account = ?2",
                [channel, account],
                |row| row.get(0),
            )
            .optional()
            .map_err(StoreError::query("read a cursor"))
    }

    pub fn set_cursor(&self, channel: &str, account: &str, value: &str) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO cursor VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )
            .and_then(|mut it| it.execute([channel, account, value]))
            .map(drop)
            .map_err(StoreError::query("store a cursor"))
    }

    /// SQLite's own check of the whole file; one line per problem, none when it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        crate::session::integrity(&self.conn)
    }

    /// Every row of a query.
    fn list<T>(
        &self,
        op: &'static str,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        list(&self.conn, sql, params, map).map_err(StoreError::query(op))
    }

    /// The row of a query, if there is one.
    fn one<T>(
        &self,
        op: &'static str,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        one(&self.conn, sql, params, map).map_err(StoreError::query(op))
    }

    /// One statement; how many rows it changed.
    fn run(&self, op: &'static str, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut it| it.execute(params))
            .map_err(StoreError::query(op))
    }

    /// Several statements that hold together. Takes the lock at once, so that what is read first
    /// still holds when something is written.
    fn change<T>(
        &mut self,
        op: &'static str,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let run = |conn: &mut Connection| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let out = f(&tx)?;
            tx.commit()?;
            Ok(out)
        };
        run(&mut self.conn).map_err(StoreError::query(op))
    }
}

fn list<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(params, map)?.collect()
}

fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    conn.prepare_cached(sql)?.query_row(params, map).optional()
}

/// Reads a word that the column's check allows.
fn word<T>(
    row: &Row<'_>,
    index: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(index)?;
    parse(&text).ok_or_else(|| strange(index, format!("`{text}` is none of the known words")))
}

fn agent_name(row: &Row<'_>, index: usize) -> rusqlite::Result<AgentName> {
    let text: String = row.get(index)?;
    AgentName::parse(&text).map_err(|err| strange(index, err))
}

fn agent_name_or_none(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<AgentName>> {
    let text: Option<String> = row.get(index)?;
    text.map(|it| AgentName::parse(&it).map_err(|err| strange(index, err))).transpose()
}

/// Channel, account and chat, in this order from a column on.
fn address(row: &Row<'_>, from: usize) -> rusqlite::Result<Address> {
    Ok(Address {
        channel: row.get(from)?,
        account: row.get(from + 1)?,
        chat: row.get(from + 2)?,
        thread: None,
    })
}

fn strange(
    index: usize,
    err: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, err.into())
}

#[cfg(test)]
mod tests;
