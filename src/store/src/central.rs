//! The central database: agent groups, people, chats, wirings, sessions, cursors, secrets.
//!
//! One schema, written by the host and by the command line. Each method is one transaction, so both
//! may be at it at the same time.

mod access;
mod accounts;
mod agents;
mod chats;
mod dead_letters;
mod destinations;
mod dropped;
pub(crate) mod events;
pub(crate) mod heard;
mod lanes;
mod pairing;
mod people;
mod pruning;
mod questions;
mod quiet;
mod refusals;
mod roles;
mod said;
mod secrets;
mod sessions;
mod stops;
mod tasks;
mod watch;
mod wirings;
mod zones;

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::LazyLock;

use domain::SessionId;
use rusqlite::{Connection, Params};
use rusqlite_migration::{M, Migrations};

pub use self::access::Unasked;
pub use self::accounts::AccountRow;
pub use self::chats::ChatRow;
pub use self::dead_letters::UnreportedDeadLetters;
pub use self::destinations::DestinationRow;
pub use self::dropped::DroppedRow;
pub use self::events::EventRow;
pub use self::lanes::LaneHead;
pub use self::pairing::{NewPairing, PairingId, PairingRole, PairingRow};
pub use self::people::{Linked, PersonRow, Removed, Unlinked};
pub use self::questions::{
    CARD_KEY, CardRow, Put, Question, QuestionKind, QuestionRow, QuestionState,
};
pub use self::roles::{DenialRow, MemberRow, RoleRow};
pub use self::sessions::SessionRow;
pub(crate) use self::tasks::ends;
pub use self::tasks::{Decided, FireRow, Handover, Task, TaskEdit, TaskRow, UnreadableTask};
pub use self::watch::Announce;
use self::watch::OutboxWatch;
pub use self::wirings::{Wired, Wiring};
use crate::StoreError;
use crate::db::Store;
use crate::layout::Layout;
use crate::open::{Journal, open};
use crate::row::{self, Columns, FromRow, queries};
use crate::session::{Scope, SessionRows};
use crate::step::atomically;

const START: &str = include_str!("../../../migrations/central/0001_start.sql");
static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| Migrations::new(vec![M::up(START)]));

#[derive(Debug)]
pub struct CentralStore {
    pub(crate) conn: Connection,
    pub(crate) layout: Layout,
    outbox: OutboxWatch,
}

impl CentralStore {
    /// Opens or creates the file and migrates it.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        keep_private(path).map_err(StoreError::private(path))?;
        let home = path.parent().unwrap_or(Path::new(""));
        let (conn, layout) =
            (open(path, Journal::Wal, &MIGRATIONS, Some(START))?, Layout::new(home));
        skip_folders(&conn, &layout).map_err(StoreError::open(path))?;
        Ok(Self { conn, layout, outbox: OutboxWatch::default() })
    }

    /// What there is of one session.
    pub fn rows(&self, session: SessionId) -> SessionRows<'_> {
        let root = self.layout.session(session).root().to_owned();
        SessionRows { scope: Scope::of(&self.conn, session), root }
    }

    /// # Errors
    /// When the database fails; so for every method below.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM setting WHERE key = ?1";
        self.one("read a setting", sql, [key])
    }

    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO setting VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET value = excluded.value";
        self.run("store a setting", sql, [key, value]).map(drop)
    }

    /// Stores a value unless there is one; returns the one that counts. Two that do this at the same
    /// time agree.
    pub fn settle_setting(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let sql = "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.run("settle a setting", sql, [key, value])?;
        Ok(self.setting(key)?.unwrap_or_else(|| value.to_owned()))
    }

    pub fn cursor(&self, channel: &str, account: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM cursor WHERE channel = ?1 AND account = ?2";
        Ok(self.one("read a cursor", sql, [channel, account])?.flatten())
    }

    pub fn set_cursor(&self, channel: &str, account: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO cursor (channel, account, value) VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET value = excluded.value";
        self.run("store a cursor", sql, [channel, account, value]).map(drop)
    }

    /// SQLite's own check of the whole file; one line per problem, none when it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        crate::open::integrity(&self.conn)
    }

    /// Every row of a query, read by `read`.
    fn list_as<T>(
        &self,
        op: &'static str,
        sql: &str,
        params: impl Params,
        read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        row::list_as(&self.conn, sql, params, read).map_err(StoreError::query(op))
    }

    /// Several statements that hold together. Takes the lock at once, so that what is read first
    /// still holds when something is written.
    fn change<T>(
        &self,
        op: &'static str,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        atomically(&self.conn, f).map_err(StoreError::query(op))
    }
}

queries!(CentralStore, conn);

impl Store for CentralStore {
    const READS_BESIDE: bool = true;

    fn connection(&self) -> &Connection {
        &self.conn
    }

    fn committed(&mut self) {
        self.outbox.announce();
    }
}

/// Folders that the sessions of another database left hold conversations of other chats, so that no new
/// session gets their numbers.
fn skip_folders(conn: &Connection, layout: &Layout) -> rusqlite::Result<()> {
    if row::is_there(conn, "SELECT 1 FROM sqlite_sequence WHERE name = 'session'", [])? {
        return Ok(());
    }
    let names = fs::read_dir(layout.sessions()).into_iter().flatten().flatten();
    let used = names.filter_map(|it| SessionId::parse(&it.file_name().to_string_lossy())).max();
    if let Some(used) = used {
        conn.execute(
            "INSERT INTO sqlite_sequence SELECT 'session', ?1
             WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'session')",
            [used.0],
        )?;
    }
    Ok(())
}

/// Makes the file, or closes it to others; SQLite gives its logs the same permissions. The folder is
/// closed already, but a file may be copied or moved out of it.
fn keep_private(path: &Path) -> io::Result<()> {
    let private = Permissions::from_mode(0o600);
    // A file that is there is not opened here: when this process closes any handle of it, the kernel
    // drops every lock that SQLite holds on it for this process.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
        _ => {}
    }
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match fs::set_permissions(&name, private.clone()) {
            Err(err) if end.is_empty() || err.kind() != io::ErrorKind::NotFound => return Err(err),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
