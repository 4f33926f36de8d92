//! Forgets what is old: messages with all that belongs to them, and machinery before that.
//!
//! Invariants
//! - What is unfinished stays, and so does the message that it belongs to.
//! - Numbers are never given out twice: the last message and the last launch stay.
//! - The last message of each chat stays, because it says where an answer goes.
//! - A file is removed before its row, so that a stop in between leaves no file behind that no row
//!   knows of. Doing it again changes nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use domain::retention::{BATCH, Cutoffs, LAUNCHES_KEPT};
use domain::time::Timestamp;
use rusqlite::params;

use super::stops::stop_launches;
use super::{Scope, SessionRows};
use crate::layout::FILES;
use crate::row::run;
use crate::{Result, StoreError};

/// Messages that are over and that nothing hangs on any more.
const MESSAGES: &str = "SELECT seq FROM message m
    WHERE session = ?1 AND ended_at IS NOT NULL AND ended_at < ?2
      AND seq < (SELECT max(seq) FROM message WHERE session = ?1)
      AND seq NOT IN (SELECT max(seq) FROM message WHERE session = ?1 AND kind <> 'context'
                      GROUP BY channel, account, chat)
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
    pub fn prune(&self, cutoffs: Cutoffs) -> Result<usize> {
        const OP: &str = "prune";
        let old = params![self.scope.session, cutoffs.machinery.0, BATCH];
        let with_files: Vec<i64> = self.list(OP, FILES_OF, old)?;
        for message in &with_files {
            self.remove_files(*message)?;
        }
        self.commit(OP, |tx| {
            let mut gone = 0;
            for message in &with_files {
                let sql = "DELETE FROM attachment WHERE session = ?1 AND message = ?2";
                gone += run(&tx, sql, [tx.session, *message])?;
            }
            gone += machinery(tx, cutoffs.machinery.0)?;
            let old = params![tx.session, cutoffs.messages.0, BATCH];
            // What was sent. It goes with its message, or before it where one message led to much.
            let sql = "DELETE FROM part WHERE id IN
                           (SELECT id FROM part WHERE session = ?1 AND state IN ('sent', 'dead')
                              AND changed_at < ?2
                            ORDER BY changed_at LIMIT ?3)";
            gone += run(&tx, sql, old)?;
            // What belongs to messages goes with them.
            let sql = format!("DELETE FROM message WHERE session = ?1 AND seq IN ({MESSAGES})");
            Ok(gone + run(&tx, &sql, old)?)
        })
    }

    /// See [`crate::copies::mark_restored`]. A container that was started after the copy was made may
    /// still run, on files that are not these. Its number is above all that are known here: so it is
    /// jumped over, and everything up to there is stopped.
    pub(crate) fn jump(&self, now: Timestamp) -> Result<()> {
        self.commit("mark a restored copy", |tx| {
            let sql = "INSERT INTO launch (session, incarnation, started_at, ended_at)
                       SELECT ?1, coalesce(max(incarnation), 0) + ?3, ?2, ?2
                       FROM launch WHERE session = ?1";
            run(&tx, sql, [tx.session, now.0, RESTORE_JUMP])?;
            let sql = "INSERT INTO event (at, kind, scope, item, detail)
                       SELECT ?2, 'exit', ?1, max(incarnation),
                           '{\"reason\": \"restored from a backup\"}'
                       FROM launch WHERE session = ?1";
            run(&tx, sql, [tx.session, now.0])?;
            stop_launches(tx)
        })
    }

    /// Removes the folder with the files of a message, which only the host writes.
    pub(super) fn remove_files(&self, message: i64) -> Result<()> {
        match fs::remove_dir_all(self.root.join("in").join(FILES).join(message.to_string())) {
            Err(err) if err.kind() != ErrorKind::NotFound => {
                tracing::warn!(error = %err, "files could not be removed");
                let source = rusqlite::Error::ToSqlConversionFailure(err.into());
                Err(StoreError::query("remove files")(source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes what stops in between left: copies of files that no part waits for any more, files of
    /// messages without any, link folders of containers that are gone.
    pub fn prune_leftovers(&self) -> Result<usize> {
        // Listed before the rows are read, which are there before their files.
        let came_in: Vec<_> = fs::read_dir(self.root.join("in").join(FILES))
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let sql = "SELECT DISTINCT message FROM attachment WHERE session = ?1";
        let known: Vec<i64> = self.list("read the files", sql, [self.scope.session])?;
        let known: BTreeSet<String> = known.iter().map(ToString::to_string).collect();
        // Copies that unfinished parts need.
        let sql = "SELECT f.value ->> '$.path' FROM part p JOIN json_each(p.file) f
                   WHERE p.session = ?1 AND p.state NOT IN ('sent', 'dead')";
        let paths: Vec<String> = self.list("read the open parts", sql, [self.scope.session])?;
        let names = paths.iter().filter_map(|it| Path::new(it).file_name());
        let wanted: BTreeSet<&OsStr> = names.collect();
        let mut gone = 0;
        for entry in fs::read_dir(self.root.join("sending")).into_iter().flatten().flatten() {
            let is_wanted = wanted.contains(entry.file_name().as_os_str());
            gone += usize::from(!is_wanted && fs::remove_file(entry.path()).is_ok());
        }
        for entry in came_in {
            let is_known = entry.file_name().to_str().is_some_and(|it| known.contains(it));
            gone += usize::from(!is_known && fs::remove_dir_all(entry.path()).is_ok());
        }
        let open = self.launches()?.open.map(|it| it.to_string());
        for entry in fs::read_dir(self.root.join("link")).into_iter().flatten().flatten() {
            let is_open = open.as_deref().is_some_and(|it| entry.file_name() == it);
            gone += usize::from(!is_open && fs::remove_dir_all(entry.path()).is_ok());
        }
        Ok(gone)
    }
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

#[cfg(test)]
#[path = "pruning_tests.rs"]
mod tests;
