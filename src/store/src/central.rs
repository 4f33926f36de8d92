//! The central database: agent groups, people, chats, wirings, sessions, cursors, secrets.
//!
//! One schema, written by the host and by the command line. Each method is one transaction, so both
//! may be at it at the same time.

mod access;
pub(crate) mod accounts;
mod agents;
mod chats;
pub(crate) mod events;
mod lanes;
mod pairing;
mod people;
mod pruning;
mod questions;
mod roles;
mod said;
mod sessions;
mod spool;
mod tasks;
mod wirings;

/// Names that every file of this folder uses.
mod prelude {
    pub(super) use domain::message::Address;
    pub(super) use domain::people::{Handle, PersonId};
    pub(super) use domain::session_key::ChatId;
    pub(super) use domain::time::Timestamp;
    pub(super) use domain::{AgentName, SessionId};
    pub(super) use rusqlite::{Connection, params};

    pub(super) use crate::central::CentralStore;
    pub(super) use crate::{Result, StoreError};
}

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
use crate::row::{FromRow, is_there, queries, statements};
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

statements! {
    pub fn setting(key: &str) -> Option<String> = one("read a setting",
        "SELECT value FROM setting WHERE key = ?1", [key]);
    pub fn set_setting(key: &str, value: &str) -> () = execute("store a setting",
        "INSERT INTO setting VALUES (?1, ?2)
            ON CONFLICT DO UPDATE SET value = excluded.value", [key, value]);
}

impl CentralStore {
    /// Opens or creates the file and migrates it.
    pub fn open(path: &Path) -> Result<Self> {
        keep_private(path).map_err(StoreError::private(path))?;
        let conn = open(path, Journal::Wal, &MIGRATIONS, Some(START))?;
        let layout = Layout::new(path.parent().unwrap_or(Path::new("")));
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
    fn change_unannounced<T>(
        &mut self,
        op: &'static str,
        f: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let before = self.outbox_has_changed.load(Ordering::SeqCst);
        let out = self.change(op, f);
        self.outbox_has_changed.store(before, Ordering::SeqCst);
        out
    }

    /// What there is of one session.
    pub fn rows(&self, session: SessionId) -> SessionRows<'_> {
        let root = self.layout.session(session).root().to_owned();
        SessionRows { scope: Scope::of(&self.conn, session), root }
    }

    /// Stores a value unless there is one; returns the one that counts. Two that do this at the same
    /// time agree.
    pub fn settle_setting(&self, key: &str, value: &str) -> Result<String> {
        let sql = "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.run("settle a setting", sql, [key, value])?;
        Ok(self.setting(key)?.unwrap_or_else(|| value.to_owned()))
    }

    /// SQLite's own check of the whole file; one line per problem, none when it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        crate::open::integrity(&self.conn).map_err(StoreError::query("check a database"))
    }

    /// Several changes that hold together: all of them are kept, or none. Takes the lock at once, so that
    /// what is read first still holds when something is written. A store that panicked in between must
    /// not be used again.
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

impl CentralStore {
    /// One statement; whether it changed a row.
    fn changes(&self, op: &'static str, sql: &str, params: impl Params) -> Result<bool> {
        Ok(self.run(op, sql, params)? == 1)
    }

    /// One statement, whatever it changed.
    fn execute(&self, op: &'static str, sql: &str, params: impl Params) -> Result<()> {
        self.run(op, sql, params).map(drop)
    }
}

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
    if is_there(conn, "SELECT 1 FROM sqlite_sequence WHERE name = 'session'", [])? {
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
