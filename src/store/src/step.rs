//! Changes that hold together: a transaction, or a savepoint in the one that is open already.

use domain::plain::chain;
use rusqlite::Connection;

use crate::row::run;

/// A transaction, or a part of the one that is open already.
pub(crate) struct Step {
    keep: &'static str,
    undo: &'static str,
}

impl Step {
    pub(crate) fn begin(conn: &Connection) -> rusqlite::Result<Self> {
        let (begin, keep, undo) = if conn.is_autocommit() {
            ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
        } else {
            ("SAVEPOINT step", "RELEASE step", "ROLLBACK TO step; RELEASE step")
        };
        run(conn, begin, []).map(|_| Self { keep, undo })
    }

    pub(crate) fn keep(&self, conn: &Connection) -> rusqlite::Result<()> {
        run(conn, self.keep, []).map(drop)
    }

    /// A full disk may have undone it already, and all that was open around it.
    pub(crate) fn undo(&self, conn: &Connection) {
        if let Err(err) = conn.execute_batch(self.undo) {
            tracing::debug!(why = chain(&err), "nothing to undo");
        }
    }
}

/// All of `f` or none of it, also when it panics.
pub(crate) fn atomically<R, E: From<rusqlite::Error>>(
    conn: &Connection,
    f: impl FnOnce(&Connection) -> Result<R, E>,
) -> Result<R, E> {
    struct Guard<'a>(&'a Connection, Step);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.1.undo(self.0);
        }
    }
    let guard = Guard(conn, Step::begin(conn)?);
    let out = f(conn)?;
    guard.1.keep(conn)?;
    // Nothing is left to undo.
    std::mem::forget(guard);
    Ok(out)
}
