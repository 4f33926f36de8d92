//! The central database: agent groups, people, chats, wirings, sessions, cursors, secrets.
//!
//! One schema, written by the host and by the command line. Each method is one transaction, so both
//! may be at it at the same time.

mod access;
mod accounts;
mod agents;
mod chats;
pub(crate) mod events;
pub(crate) mod heard;
mod lanes;
mod pairing;
mod people;
mod pruning;
mod questions;
mod roles;
mod said;
mod sessions;
mod stops;
mod tasks;
mod wirings;

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::{fmt, io};

use domain::SessionId;
use rusqlite::hooks::Action;
use rusqlite::{Connection, Params};
use rusqlite_migration::{M, Migrations};

pub use self::access::{DroppedRow, Unasked};
pub use self::accounts::AccountRow;
pub use self::chats::ChatRow;
pub use self::events::EventRow;
pub use self::lanes::LaneHead;
pub use self::pairing::{NewPairing, PairingId, PairingRole, PairingRow};
pub use self::people::{Linked, PersonRow, Removed, Unlinked};
pub use self::questions::{
    CARD_KEY, CardRow, Put, Question, QuestionKind, QuestionRow, QuestionState, ReplyContext,
};
pub use self::roles::{DenialRow, MemberRow, RoleRow};
pub use self::said::UnreportedDeadLetters;
pub use self::sessions::SessionRow;
pub(crate) use self::tasks::ends;
pub use self::tasks::{Decided, FireRow, Handover, Task, TaskEdit, TaskRow, UnreadableTask};
pub use self::wirings::{DestinationRow, Wired, Wiring};
use crate::db::Store;
use crate::layout::Layout;
use crate::open::{Journal, open};
use crate::row::{self, Columns, FromRow, queries};
use crate::session::{Scope, SessionRows};
use crate::step::Step;
use crate::{Result, StoreError};

const START: &str = include_str!("../../../migrations/central/0001_start.sql");
static MIGRATIONS: LazyLock<Migrations<'_>> = LazyLock::new(|| Migrations::new(vec![M::up(START)]));

/// Each method fails when the database does; then nothing has changed, and nothing must be sent.
pub struct CentralStore {
    pub(crate) conn: Connection,
    pub(crate) layout: Layout,
    /// A part was added or changed and nobody was told of it.
    outbox_has_changed: Arc<AtomicBool>,
    announce: Option<Announce>,
}

/// Tells the channels that the outbox may have changed: a writer of parts need not know who sends it.
pub type Announce = Arc<dyn Fn() + Send + Sync>;

impl CentralStore {
    /// Opens or creates the file and migrates it.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        keep_private(path).map_err(StoreError::private(path))?;
        let home = path.parent().unwrap_or(Path::new(""));
        let (conn, layout) =
            (open(path, Journal::Wal, &MIGRATIONS, Some(START))?, Layout::new(home));
        skip_folders(&conn, &layout).map_err(StoreError::open(path))?;
        Ok(Self { conn, layout, outbox_has_changed: Arc::default(), announce: None })
    }

    /// Has `announce` called after each commit of this connection that added or changed a part,
    /// whatever write it was. It is called once too often rather than once too little.
    pub fn announcing(mut self, announce: Announce) -> Self {
        let has_changed = Arc::clone(&self.outbox_has_changed);
        self.conn.update_hook(Some(move |action, _: &str, table: &str, _| {
            if table == "part" && action != Action::SQLITE_DELETE {
                has_changed.store(true, Ordering::SeqCst);
            }
        }));
        self.announce = Some(announce);
        self
    }

    /// Runs a change of parts that needs no announcement: the channel itself makes it, and looks
    /// at its lanes afterwards.
    fn unannounced<R>(&mut self, change: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.outbox_has_changed.load(Ordering::SeqCst);
        let out = change(self);
        self.outbox_has_changed.store(before, Ordering::SeqCst);
        out
    }

    /// What there is of one session.
    pub fn rows(&self, session: SessionId) -> SessionRows<'_> {
        let root = self.layout.session(session).root().to_owned();
        SessionRows { scope: Scope::of(&self.conn, session), root }
    }

    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM setting WHERE key = ?1";
        self.one("read a setting", sql, [key])
    }

    pub fn set_setting(&self, key: &str, value: &str) -> Result<()> {
        let sql = "INSERT INTO setting VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET value = excluded.value";
        self.run("store a setting", sql, [key, value]).map(drop)
    }

    /// Stores a value unless there is one; returns the one that counts. Two that do this at the same
    /// time agree.
    pub fn settle_setting(&self, key: &str, value: &str) -> Result<String> {
        let sql = "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.run("settle a setting", sql, [key, value])?;
        Ok(self.setting(key)?.unwrap_or_else(|| value.to_owned()))
    }

    pub fn cursor(&self, channel: &str, account: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM cursor WHERE channel = ?1 AND account = ?2";
        Ok(self.one("read a cursor", sql, [channel, account])?.flatten())
    }

    pub fn set_cursor(&self, channel: &str, account: &str, value: &str) -> Result<()> {
        let sql = "INSERT INTO cursor (channel, account, value) VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET value = excluded.value";
        self.run("store a cursor", sql, [channel, account, value]).map(drop)
    }

    /// SQLite's own check of the whole file; one line per problem, none when it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        crate::open::integrity(&self.conn).map_err(StoreError::query("check a database"))
    }

    /// Every row of a query, read by `read`.
    fn list_as<T>(
        &self,
        op: &'static str,
        sql: &str,
        params: impl Params,
        read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        row::list_as(&self.conn, sql, params, read).map_err(StoreError::query(op))
    }

    /// Several changes that hold together: all of them are kept, or none. Takes the lock at once, so that
    /// what is read first still holds when something is written. A store that panicked in between must
    /// not be used again.
    ///
    /// # Errors
    /// What `f` returned, or that the database failed.
    pub fn whole<T, E: From<StoreError>>(
        &mut self,
        op: &'static str,
        f: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let step = Step::begin(&self.conn).map_err(StoreError::query(op))?;
        let out = f(self).and_then(|out| {
            step.keep(&self.conn).map_err(StoreError::query(op))?;
            Ok(out)
        });
        if out.is_err() {
            step.undo(&self.conn);
        }
        out
    }

    /// The same; whatever fails in it is called `op`.
    fn change<T>(&mut self, op: &'static str, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.whole(op, |central| f(central).map_err(|err| err.named(op)))
    }
}

queries!(CentralStore, conn);

impl Store for CentralStore {
    const READS_BESIDE: bool = true;

    fn connection(&self) -> &Connection {
        &self.conn
    }

    fn committed(&mut self) {
        if let Some(announce) = &self.announce
            && self.outbox_has_changed.swap(false, Ordering::SeqCst)
        {
            announce();
        }
    }
}

impl fmt::Debug for CentralStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CentralStore").field("conn", &self.conn).finish_non_exhaustive()
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
