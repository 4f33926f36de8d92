//! The central database: agent groups, chats, wirings, sessions, cursors, secrets.
//!
//! One schema, written by the host and, while no host runs, by the command line.

mod agents;
mod secrets;

use std::path::Path;
use std::sync::LazyLock;

use domain::message::Address;
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use rusqlite_migration::{M, Migrations};

pub use self::secrets::SealedRow;
use crate::StoreError;
use crate::open::{Journal, open};

static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| {
    Migrations::new(vec![M::up(include_str!("../../../migrations/central/0001_start.sql"))])
});

/// One session and whom it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub agent: AgentName,
    /// The chat; a session has no thread of its own yet.
    pub chat: Address,
}

#[derive(Debug)]
pub struct CentralStore {
    conn: Connection,
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

    /// The agents that a chat is wired to, by name.
    pub fn wired(&self, chat: &Address) -> Result<Vec<AgentName>, StoreError> {
        let read = || -> rusqlite::Result<Vec<AgentName>> {
            self.conn
                .prepare_cached(
                    "SELECT w.agent_group FROM wiring w
                     JOIN messaging_group m ON m.id = w.messaging_group
                     JOIN agent_group a ON a.name = w.agent_group AND a.removed_at IS NULL
                     WHERE m.channel = ?1 AND m.account = ?2 AND m.chat = ?3
                     ORDER BY w.agent_group",
                )?
                .query_map([&chat.channel, &chat.account, &chat.chat], |row| agent_name(row, 0))?
                .collect()
        };
        read().map_err(StoreError::query("read the wirings of a chat"))
    }

    /// Wires a chat to an agent; doing it again changes nothing.
    pub fn wire(
        &mut self,
        chat: &Address,
        agent: &AgentName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut write = || -> rusqlite::Result<()> {
            let tx = self.conn.transaction()?;
            tx.execute(
                "INSERT INTO messaging_group (channel, account, chat, created_at)
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![chat.channel, chat.account, chat.chat, now.0],
            )?;
            tx.execute(
                "INSERT INTO wiring
                 SELECT id, ?4, ?5 FROM messaging_group
                 WHERE channel = ?1 AND account = ?2 AND chat = ?3
                 ON CONFLICT DO NOTHING",
                params![chat.channel, chat.account, chat.chat, agent.as_str(), now.0],
            )?;
            tx.commit()
        };
        write().map_err(StoreError::query("wire a chat"))
    }

    /// The session of an agent in a wired chat, if it exists already.
    pub fn find_session(
        &self,
        chat: &Address,
        agent: &AgentName,
    ) -> Result<Option<SessionId>, StoreError> {
        self.conn
            .prepare_cached(
                "SELECT s.id FROM session s JOIN messaging_group m ON m.id = s.messaging_group
                 WHERE m.channel = ?1 AND m.account = ?2 AND m.chat = ?3 AND s.agent_group = ?4",
            )
            .and_then(|mut it| {
                let key = [&chat.channel, &chat.account, &chat.chat, agent.as_str()];
                it.query_row(key, |row| row.get(0).map(SessionId)).optional()
            })
            .map_err(StoreError::query("find a session"))
    }

    /// Creates the session of an agent in a wired chat; unique, so that a race makes one.
    pub fn create_session(
        &mut self,
        chat: &Address,
        agent: &AgentName,
        now: Timestamp,
    ) -> Result<SessionId, StoreError> {
        self.conn
            .execute(
                "INSERT INTO session (agent_group, messaging_group, created_at)
                 SELECT ?4, id, ?5 FROM messaging_group
                 WHERE channel = ?1 AND account = ?2 AND chat = ?3
                 ON CONFLICT DO NOTHING",
                params![chat.channel, chat.account, chat.chat, agent.as_str(), now.0],
            )
            .map_err(StoreError::query("create a session"))?;
        self.find_session(chat, agent)?.ok_or_else(|| {
            StoreError::query("create a session")(rusqlite::Error::QueryReturnedNoRows)
        })
    }

    pub fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        self.conn
            .prepare_cached(&format!("{SESSIONS} WHERE s.id = ?1"))
            .and_then(|mut it| it.query_row([id.0], session_row).optional())
            .map_err(StoreError::query("read a session"))
    }

    pub fn set_awake(&self, id: SessionId, awake: bool) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE session SET awake = ?2 WHERE id = ?1")
            .and_then(|mut it| it.execute(params![id.0, awake]))
            .map(drop)
            .map_err(StoreError::query("wake a session"))
    }

    /// Sessions that may have something to do. Costs what it finds, not what there is.
    pub fn awake(&self) -> Result<Vec<SessionRow>, StoreError> {
        self.session_rows("WHERE s.awake = 1")
    }

    pub fn session_count(&self) -> Result<u64, StoreError> {
        self.conn
            .query_row("SELECT count(*) FROM session", [], |row| row.get(0))
            .map_err(StoreError::query("count the sessions"))
    }

    pub fn sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        self.session_rows("")
    }

    fn session_rows(&self, filter: &str) -> Result<Vec<SessionRow>, StoreError> {
        let read = || -> rusqlite::Result<Vec<SessionRow>> {
            self.conn
                .prepare_cached(&format!("{SESSIONS} {filter} ORDER BY s.id"))?
                .query_map([], session_row)?
                .collect()
        };
        read().map_err(StoreError::query("list the sessions"))
    }

    /// SQLite's own check of the whole file; one line per problem, none when it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        crate::session::integrity(&self.conn)
    }
}

const SESSIONS: &str = "SELECT s.id, s.agent_group, m.channel, m.account, m.chat
     FROM session s JOIN messaging_group m ON m.id = s.messaging_group";

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    let chat =
        Address { channel: row.get(2)?, account: row.get(3)?, chat: row.get(4)?, thread: None };
    Ok(SessionRow { id: SessionId(row.get(0)?), agent: agent_name(row, 1)?, chat })
}

fn agent_name(row: &Row<'_>, index: usize) -> rusqlite::Result<AgentName> {
    let text: String = row.get(index)?;
    AgentName::parse(&text).map_err(|err| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(err))
    })
}

#[cfg(test)]
mod tests;
