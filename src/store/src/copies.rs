//! Consistent copies of databases while others write them, and what a copy must be told before it
//! takes the place of the original.
//!
//! The central database is copied first, then each session's inbound one, then its outbound one. A
//! later copy may know more than an earlier one, never less. So a cursor never runs ahead of the
//! messages that it stands for, and the runner never gives out a number that the host has seen.

use std::path::Path;
use std::time::Duration;

use domain::SessionId;
use domain::session::Mailbox;
use domain::time::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension};

use crate::layout::Layout;
use crate::open::{Journal, open_read_only};
use crate::{CentralStore, SessionStore, StoreError, outbound};

/// Pages of one step; between two steps a writer may come in, and the copy begins anew.
const PAGES: std::ffi::c_int = 4_096;
const BUSY_WAIT: Duration = Duration::from_millis(20);
/// Steps in a row that find the file locked before the copy is given up; about ten seconds.
const BUSY_MAX: u32 = 500;
/// The same for a database that an agent may hold locked; about two seconds.
const LOCKED_MAX: u32 = 50;

/// Copies a database of the host's own into a new file. May be called while it is written.
///
/// # Errors
/// When the file cannot be read, or the copy not be written.
pub fn copy_database(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = open_read_only(from).map_err(StoreError::open(from))?;
    copy(&source, to)
}

/// Copies the database that a runner made in `folder`, into a new file. Returns whether there is one.
///
/// # Errors
/// [`StoreError::NeedsWriter`] when its writer died in mid-transaction, [`StoreError::Busy`] when it
/// is written all the time, [`StoreError::Hostile`] when it is not what a runner writes; all of them
/// concern that file alone. Otherwise when the copy cannot be written.
pub fn copy_outbound(folder: &Path, to: &Path) -> Result<bool, StoreError> {
    let mut busy = 0;
    let bytes = loop {
        match outbound::checked_bytes(folder) {
            Err(Mailbox::Busy) if busy < LOCKED_MAX => busy += 1,
            Err(mailbox) => return Err(unreadable(mailbox)),
            Ok(None) => return Ok(false),
            Ok(Some(bytes)) => break bytes,
        }
        pause(BUSY_WAIT);
    };
    std::fs::write(to, bytes).map_err(StoreError::copying)?;
    Ok(true)
}

fn unreadable(mailbox: Mailbox) -> StoreError {
    match mailbox {
        Mailbox::NeedsRunner => StoreError::NeedsWriter,
        Mailbox::Busy | Mailbox::Sound => StoreError::Busy,
        Mailbox::Damaged(why) => StoreError::Hostile(why),
    }
}

fn copy(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let run = || -> rusqlite::Result<()> {
        let mut target = Connection::open(to)?;
        {
            let backup = Backup::new(source, &mut target)?;
            let mut busy = 0;
            loop {
                let step = backup.step(PAGES)?;
                if step == StepResult::Done {
                    break;
                }
                if step == StepResult::More {
                    busy = 0;
                } else if busy < BUSY_MAX {
                    // Busy, locked, and whatever else passes.
                    busy += 1;
                    pause(BUSY_WAIT);
                } else {
                    return Err(busy_error());
                }
            }
        }
        // A copy is one file. Its owner sets the journal again when it opens it.
        target.pragma_update(None, "journal_mode", "DELETE")
    };
    run().map_err(StoreError::query("copy a database"))
}

fn busy_error() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
        Some("another program holds the database all the time".to_owned()),
    )
}

#[expect(clippy::disallowed_methods, reason = "runs on a thread of its own, never on a worker")]
fn pause(wait: Duration) {
    std::thread::sleep(wait);
}

/// What a copy of the central database names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub sessions: Vec<SessionId>,
    pub install: Option<String>,
}

/// Reads a copy of the central database without changing or migrating it.
///
/// # Errors
/// When it cannot be read.
pub fn contents(central: &Path) -> Result<Contents, StoreError> {
    let conn = open_read_only(central).map_err(StoreError::open(central))?;
    let read = || -> rusqlite::Result<Contents> {
        let sessions = conn
            .prepare("SELECT id FROM session ORDER BY id")?
            .query_map([], |row| row.get(0).map(SessionId))?
            .collect::<Result<_, _>>()?;
        let install = conn
            .query_row("SELECT value FROM setting WHERE key = 'install'", [], |row| row.get(0))
            .optional()?;
        Ok(Contents { sessions, install })
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
///
/// # Errors
/// When one of them is damaged, or newer than this program.
pub fn mark_restored(layout: &Layout, now: Timestamp) -> Result<Marked, StoreError> {
    let mut central = CentralStore::open(&layout.central())?;
    let mut marked = Marked::default();
    for row in central.sessions()? {
        let paths = layout.session(row.id);
        if !paths.inbound().exists() {
            continue;
        }
        let mut session = SessionStore::open(&paths, Journal::Rollback)?;
        let (waiting, unsent) = session.inbound.mark_restored(now)?;
        marked.sessions += 1;
        marked.waiting += waiting;
        marked.unsent += unsent;
    }
    marked.unsent += central.mark_restored(now)?;
    Ok(marked)
}

#[cfg(test)]
#[path = "copies_tests.rs"]
mod tests;
