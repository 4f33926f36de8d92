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
use rusqlite::{Connection, Transaction, params};

use super::InboundStore;
use crate::StoreError;
use crate::layout::FILES;

/// Messages that are over and that nothing hangs on any more.
const MESSAGES: &str = "SELECT seq FROM messages_in m
    WHERE ended_at IS NOT NULL AND ended_at < ?1 AND (task IS NULL OR reported = 1)
      AND seq < (SELECT max(seq) FROM messages_in)
      AND (kind = 'context' OR EXISTS (SELECT 1 FROM messages_in n
           WHERE n.channel = m.channel AND n.account = m.account AND n.chat = m.chat
             AND n.seq > m.seq AND n.kind <> 'context'))
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.cause = m.seq
           AND (d.state NOT IN ('sent', 'dead') OR d.changed_at >= ?1))
      AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.cause = m.seq AND r.state <> 'answered')
      AND NOT EXISTS (SELECT 1 FROM files_in f WHERE f.message = m.seq AND f.state = 'pending')
    ORDER BY ended_at LIMIT ?2";

/// Messages whose files nobody works with any more. `CROSS JOIN` begins with the files, of which few
/// are left, and not with the messages.
const FILES_OF: &str = "SELECT DISTINCT f.message FROM files_in f CROSS JOIN messages_in m
    ON m.seq = f.message
    WHERE m.ended_at IS NOT NULL AND m.ended_at < ?1
      AND NOT EXISTS (SELECT 1 FROM files_in p WHERE p.message = m.seq AND p.state = 'pending')
    LIMIT ?2";

/// More containers than a session starts between a backup and the next.
const RESTORE_JUMP: i64 = 1_000_000;

impl InboundStore {
    /// Removes at most [`BATCH`] rows of each kind that are older than the rule says. Returns how
    /// many that were; when it is none, nothing is left to prune.
    ///
    /// # Errors
    /// When the database or the disk fails. Nothing that counts is lost then.
    pub fn prune(&mut self, cutoffs: Cutoffs) -> Result<usize, StoreError> {
        let op = "prune";
        let with_files = numbers(&self.conn, FILES_OF, cutoffs.machinery.0);
        let with_files = with_files.map_err(StoreError::query(op))?;
        let files = self.root.join("in").join(FILES);
        for message in &with_files {
            remove_folder(&files.join(message.to_string()))?;
        }
        self.commit(op, |tx| {
            let mut gone = 0;
            for message in &with_files {
                gone += tx
                    .prepare_cached("DELETE FROM files_in WHERE message = ?1")?
                    .execute([message])?;
            }
            gone += machinery(tx, cutoffs.machinery.0)?;
            gone += parts(tx, cutoffs.messages.0)?;
            Ok(gone + messages(tx, cutoffs.messages.0)?)
        })
    }

    /// See [`crate::copies::mark_restored`]. Returns how many messages and parts are unfinished.
    pub(crate) fn mark_restored(&mut self, now: Timestamp) -> Result<(usize, usize), StoreError> {
        self.commit("mark a restored copy", |tx| {
            let sql = "UPDATE messages_in SET doubted = 1 WHERE outcome IS NULL";
            let waiting = tx.execute(sql, [])?;
            let sql = "UPDATE deliveries SET doubted = 1 WHERE state NOT IN ('sent', 'dead')";
            let unsent = tx.execute(sql, [])?;
            // The central copy is older, and may not know of it.
            tx.execute("UPDATE requests SET state = 'open' WHERE state = 'passed'", [])?;
            // A container that was started after the copy was made may still run, on files that are
            // not these. Its number is above all that are known here: so it is jumped over, and
            // everything up to there is stopped.
            tx.execute(
                "INSERT INTO launches (incarnation, started_at, ended_at, bad, reason)
                 SELECT coalesce(max(incarnation), 0) + ?2, ?1, ?1, 0, 'restored from a backup'
                 FROM launches",
                params![now.0, RESTORE_JUMP],
            )?;
            let sql = "UPDATE halted SET incarnation = (SELECT max(incarnation) FROM launches)";
            tx.execute(sql, [])?;
            Ok((waiting, unsent))
        })
    }

    /// Removes what stops in between left: copies of files that no part waits for any more, link
    /// folders of containers that are gone. Where no container reads it, the log is emptied and a file
    /// that is mostly empty is made smaller.
    ///
    /// # Errors
    /// When the database fails. What the disk does not let go is left for the next time.
    pub fn prune_leftovers(&self) -> Result<usize, StoreError> {
        let wanted = waiting_files(&self.conn).map_err(StoreError::query("read the open parts"))?;
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
        if open.is_none() {
            crate::open::shrink(&self.conn).map_err(StoreError::query("shrink a database"))?;
            crate::open::truncate_log(&self.conn).map_err(StoreError::query("shorten a log"))?;
        }
        Ok(gone)
    }
}

fn numbers(conn: &Connection, sql: &str, before: i64) -> rusqlite::Result<Vec<i64>> {
    conn.prepare_cached(sql)?.query_map(params![before, BATCH], |row| row.get(0))?.collect()
}

/// Launches, and requests whose turn is over, so that nobody waits for their answer.
fn machinery(tx: &Transaction<'_>, before: i64) -> rusqlite::Result<usize> {
    let launches = tx
        .prepare_cached(
            "DELETE FROM launches WHERE incarnation IN
                 (SELECT incarnation FROM launches
                  WHERE ended_at < ?1
                    AND incarnation <= (SELECT max(incarnation) FROM launches) - ?3
                  ORDER BY incarnation LIMIT ?2)",
        )?
        .execute(params![before, BATCH, LAUNCHES_KEPT])?;
    let requests = tx
        .prepare_cached(
            "DELETE FROM requests WHERE out_seq IN
                 (SELECT r.out_seq FROM requests r JOIN messages_in m ON m.seq = r.cause
                  WHERE r.state = 'answered' AND r.asked_at < ?1 AND m.ended_at < ?1
                  ORDER BY r.out_seq LIMIT ?2)",
        )?
        .execute(params![before, BATCH])?;
    Ok(launches + requests)
}

/// What was sent. It goes with its message, or before it where one message led to much.
fn parts(tx: &Transaction<'_>, before: i64) -> rusqlite::Result<usize> {
    tx.prepare_cached(
        "DELETE FROM deliveries WHERE id IN
             (SELECT id FROM deliveries WHERE state IN ('sent', 'dead') AND changed_at < ?1
              ORDER BY changed_at LIMIT ?2)",
    )?
    .execute(params![before, BATCH])
}

fn messages(tx: &Transaction<'_>, before: i64) -> rusqlite::Result<usize> {
    let old = numbers(tx, MESSAGES, before)?;
    for seq in &old {
        for sql in [
            "DELETE FROM files_in WHERE message = ?1",
            "DELETE FROM requests WHERE cause = ?1",
            "DELETE FROM deliveries WHERE cause = ?1",
            "DELETE FROM messages_in WHERE seq = ?1",
        ] {
            tx.prepare_cached(sql)?.execute([seq])?;
        }
    }
    Ok(old.len())
}

/// File names of copies that unfinished parts need.
fn waiting_files(conn: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = conn.prepare_cached(
        "SELECT json_extract(file, '$.path') FROM deliveries
         WHERE state NOT IN ('sent', 'dead') AND file IS NOT NULL",
    )?;
    let paths = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
    let name = |path: Option<String>| {
        let path = path.unwrap_or_default();
        Path::new(&path).file_name().map(|it| it.to_string_lossy().into_owned())
    };
    let mut names = BTreeSet::new();
    for path in paths {
        names.extend(name(path?));
    }
    Ok(names)
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
