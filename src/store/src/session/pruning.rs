//! Forgets what is old: messages with all that belongs to them, and machinery before that.
//!
//! Invariants
//! - What is unfinished stays, and so does the message that it belongs to.
//! - Numbers are never given out twice: the last message and the last launch stay.
//! - The last message of each chat stays, because it says where an answer goes.
//! - A file is removed before its row, so that a stop in between leaves no file behind that no row
//!   knows of. Doing it again changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use domain::retention::{BATCH, Cutoffs, LAUNCHES_KEPT};
use domain::time::Timestamp;
use rusqlite::params;

use super::{Scope, SessionRows};
use crate::StoreError;
use crate::layout::FILES;
use crate::row::{list, run};

/// Messages that are over and that nothing hangs on any more.
const MESSAGES: &str = "SELECT seq FROM message m
    WHERE session = ?1 AND ended_at IS NOT NULL AND ended_at < ?2
      AND seq < (SELECT max(seq) FROM message WHERE session = ?1)
      AND (kind = 'context' OR EXISTS (SELECT 1 FROM message n
           WHERE n.session = ?1 AND n.channel = m.channel AND n.account = m.account
             AND n.chat = m.chat AND n.seq > m.seq AND n.kind <> 'context'))
      AND NOT EXISTS (SELECT 1 FROM part p WHERE p.session = ?1 AND p.cause = m.seq
           AND (p.state NOT IN ('sent', 'dead') OR p.changed_at >= ?2))
      AND NOT EXISTS (SELECT 1 FROM request r WHERE r.session = ?1 AND r.cause = m.seq
           AND r.state <> 'answered')
      AND NOT EXISTS (SELECT 1 FROM attachment f WHERE f.session = ?1 AND f.message = m.seq
           AND f.state = 'pending')
    ORDER BY ended_at LIMIT ?3";

/// Messages whose files nobody works with any more. `CROSS JOIN` begins with the files, of which few
/// are left, and not with the messages.
const FILES_OF: &str = "SELECT DISTINCT f.message FROM attachment f CROSS JOIN message m
    ON m.session = f.session AND m.seq = f.message
    WHERE f.session = ?1 AND m.ended_at IS NOT NULL AND m.ended_at < ?2
      AND NOT EXISTS (SELECT 1 FROM attachment p WHERE p.session = ?1 AND p.message = m.seq
           AND p.state = 'pending')
    LIMIT ?3";

/// More containers than a session starts between a backup and the next.
const RESTORE_JUMP: i64 = 1_000_000;

impl SessionRows<'_> {
    /// Removes at most [`BATCH`] rows of each kind that are older than the rule says. Returns how
    /// many that were; when it is none, nothing is left to prune.
    ///
    /// # Errors
    /// When the database or the disk fails. Nothing that counts is lost then.
    pub fn prune(&self, cutoffs: Cutoffs) -> Result<usize, StoreError> {
        let op = "prune";
        let with_files = numbers(self.scope, FILES_OF, cutoffs.machinery.0);
        let with_files = with_files.map_err(StoreError::query(op))?;
        let files = self.root.join("in").join(FILES);
        for message in &with_files {
            remove_folder(&files.join(message.to_string()))?;
        }
        self.commit(op, |tx| {
            let mut gone = 0;
            for message in &with_files {
                let sql = "DELETE FROM attachment WHERE session = ?1 AND message = ?2";
                gone += run(&tx, sql, [tx.session, *message])?;
            }
            gone += machinery(tx, cutoffs.machinery.0)?;
            gone += parts(tx, cutoffs.messages.0)?;
            Ok(gone + messages(tx, cutoffs.messages.0)?)
        })
    }

    /// See [`crate::copies::mark_restored`]. A container that was started after the copy was made may
    /// still run, on files that are not these. Its number is above all that are known here: so it is
    /// jumped over, and everything up to there is stopped.
    pub(crate) fn jump(&self, now: Timestamp) -> Result<(), StoreError> {
        self.commit("mark a restored copy", |tx| {
            tx.execute(
                "INSERT INTO launch (session, incarnation, started_at, ended_at)
                 SELECT ?1, coalesce(max(incarnation), 0) + ?3, ?2, ?2
                 FROM launch WHERE session = ?1",
                params![tx.session, now.0, RESTORE_JUMP],
            )?;
            tx.execute(
                "INSERT INTO event (at, kind, scope, item, detail)
                 SELECT ?2, 'exit', ?1, max(incarnation), '{\"reason\": \"restored from a backup\"}'
                 FROM launch WHERE session = ?1",
                [tx.session, now.0],
            )?;
            let sql =
                "UPDATE session SET stopped_incarnation = (SELECT max(incarnation) FROM launch
                                                    WHERE session = ?1) WHERE id = ?1";
            tx.execute(sql, [tx.session]).map(drop)
        })
    }

    /// Removes what stops in between left: copies of files that no part waits for any more, link
    /// folders of containers that are gone.
    ///
    /// # Errors
    /// When the database fails. What the disk does not let go is left for the next time.
    pub fn prune_leftovers(&self) -> Result<usize, StoreError> {
        let wanted = waiting_files(self.scope).map_err(StoreError::query("read the open parts"))?;
        let mut gone = 0;
        for entry in fs::read_dir(self.root.join("sending")).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            gone += usize::from(!wanted.contains(&name) && fs::remove_file(entry.path()).is_ok());
        }
        let open = self.launches()?.open.map(|it| it.to_string());
        for entry in fs::read_dir(self.root.join("link")).into_iter().flatten().flatten() {
            let is_open = open.as_deref().is_some_and(|it| entry.file_name() == it);
            gone += usize::from(!is_open && fs::remove_dir_all(entry.path()).is_ok());
        }
        Ok(gone)
    }
}

fn numbers(scope: Scope<'_>, sql: &str, before: i64) -> rusqlite::Result<Vec<i64>> {
    list(&scope, sql, params![scope.session, before, BATCH])
}

/// Launches, and requests whose turn is over, so that nobody waits for their answer.
fn machinery(tx: Scope<'_>, before: i64) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM launch WHERE session = ?1 AND incarnation IN
                   (SELECT incarnation FROM launch
                    WHERE session = ?1 AND ended_at < ?2 AND incarnation <=
                          (SELECT max(incarnation) FROM launch WHERE session = ?1) - ?4
                    ORDER BY incarnation LIMIT ?3)";
    let launches = run(&tx, sql, params![tx.session, before, BATCH, LAUNCHES_KEPT])?;
    let sql = "DELETE FROM request WHERE session = ?1 AND seq IN
                   (SELECT r.seq FROM request r
                    JOIN message m ON m.session = r.session AND m.seq = r.cause
                    WHERE r.session = ?1 AND r.state = 'answered' AND r.asked_at < ?2
                      AND m.ended_at < ?2
                    ORDER BY r.seq LIMIT ?3)";
    Ok(launches + run(&tx, sql, params![tx.session, before, BATCH])?)
}

/// What was sent. It goes with its message, or before it where one message led to much.
fn parts(tx: Scope<'_>, before: i64) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM part WHERE id IN
                   (SELECT id FROM part WHERE session = ?1 AND state IN ('sent', 'dead')
                      AND changed_at < ?2
                    ORDER BY changed_at LIMIT ?3)";
    run(&tx, sql, params![tx.session, before, BATCH])
}

fn messages(tx: Scope<'_>, before: i64) -> rusqlite::Result<usize> {
    let old = numbers(tx, MESSAGES, before)?;
    for seq in &old {
        // What belongs to it goes with it.
        run(&tx, "DELETE FROM message WHERE session = ?1 AND seq = ?2", [tx.session, *seq])?;
    }
    Ok(old.len())
}

/// File names of copies that unfinished parts need.
fn waiting_files(scope: Scope<'_>) -> rusqlite::Result<BTreeSet<String>> {
    let sql = "SELECT json_extract(file, '$.path') FROM part
               WHERE session = ?1 AND state NOT IN ('sent', 'dead') AND file IS NOT NULL";
    let paths: Vec<Option<String>> = list(&scope, sql, [scope.session])?;
    let name = |path: &String| Some(Path::new(path).file_name()?.to_string_lossy().into_owned());
    Ok(paths.iter().flatten().filter_map(name).collect())
}

fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        Err(err) => {
            tracing::warn!(error = %err, "old files could not be removed");
            Err(StoreError::query("remove old files")(rusqlite::Error::ToSqlConversionFailure(
                Box::new(err),
            )))
        }
    }
}

#[cfg(test)]
#[path = "pruning_tests.rs"]
mod tests;
