//! Consistent copies of the central database while it is written, and what a copy must be told before it
//! takes the place of the original. The mailboxes of sessions are not copied: they are made again.

use std::path::Path;
use std::time::Duration;

use domain::SessionId;
use domain::time::Timestamp;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::layout::Layout;
use crate::open::open_read_only;
use crate::row::{is_there, list, one};
use crate::{CentralStore, Result, StoreError};

/// All pages in one step. A writer between two steps would restart the copy, so that one
/// that writes steadily kept it from ever ending; a reader of a write-ahead log is in nobody's way.
const PAGES: std::ffi::c_int = -1;
/// How long the copy waits for a file that another connection locks, as one does that has just opened it.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Copies a database of the host's own into a new file. May be called while it is written.
pub fn copy_database(from: &Path, to: &Path) -> Result<()> {
    let source = open_read_only(from).map_err(StoreError::open(from))?;
    let run = || -> rusqlite::Result<()> {
        let mut target = Connection::open(to)?;
        source.busy_timeout(BUSY_WAIT)?;
        if Backup::new(&source, &mut target)?.step(PAGES)? != StepResult::Done {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            let why = "another program holds the database all the time";
            return Err(rusqlite::Error::SqliteFailure(busy, Some(why.to_owned())));
        }
        // A copy is one file. Its owner sets the journal again when it opens it.
        target.pragma_update(None, "journal_mode", "DELETE")
    };
    run().map_err(StoreError::query("copy a database"))
}

/// What a copy of the central database names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub sessions: Vec<SessionId>,
    /// Channel and name of each account.
    pub accounts: Vec<(String, String)>,
    pub install: Option<String>,
    /// Credentials are sealed in it.
    pub sealed: bool,
}

/// Reads a copy of the central database without changing or migrating it.
pub fn contents(central: &Path) -> Result<Contents> {
    let conn = open_read_only(central).map_err(StoreError::open(central))?;
    let read = || -> rusqlite::Result<Contents> {
        Ok(Contents {
            sessions: list(&conn, "SELECT id FROM session ORDER BY id", [])?,
            accounts: list(&conn, "SELECT channel, name FROM account ORDER BY 1, 2", [])?,
            install: one(&conn, "SELECT value FROM setting WHERE key = 'install'", [])?,
            sealed: is_there(&conn, "SELECT 1 FROM secret", [])?,
        })
    };
    read().map_err(StoreError::query("read what there is"))
}

/// What [`mark_restored`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    pub sessions: usize,
    /// Messages that had no answer yet.
    pub waiting: usize,
    /// Parts that were not sent yet.
    pub unsent: usize,
}

/// Tells the copies below `layout` that time went on without them: whatever was unfinished in them
/// may have been finished since, so what is sent of it says that it may be a repetition. Requests
/// are passed on again, and every session looks. Migrates all of them. Doing it again does no harm.
pub fn mark_restored(layout: &Layout, now: Timestamp) -> Result<Marked> {
    const OP: &str = "mark a restored copy";
    CentralStore::open(&layout.central())?.whole(OP, |central| {
        central.run(OP, "UPDATE session SET awake = 1", [])?;
        central.record_change("backup restore", "host", now)?;
        let sql = "UPDATE message SET may_be_answered = 1 WHERE outcome IS NULL";
        let waiting = central.run(OP, sql, [])?;
        let sql = "UPDATE part SET was_uncertain = 1 WHERE state NOT IN ('sent', 'dead')";
        let unsent = central.run(OP, sql, [])?;
        let sessions = central.sessions()?;
        for row in &sessions {
            central.rows(row.id).jump(now)?;
        }
        Ok(Marked { sessions: sessions.len(), waiting, unsent })
    })
}

#[cfg(test)]
#[path = "copies_tests.rs"]
mod tests;
