//! Opens a database file and brings its schema up to date.
//!
//! A schema is a list of numbered migrations; the file counts them in `user_version`. A file with
//! more of them than this program knows is refused, never guessed at.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{Error as MigrationError, MigrationDefinitionError, Migrations};

use crate::StoreError;
use crate::row::{is_there, list, only};

/// Longer than any transaction of ours takes, even while a disk discards gigabytes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often, and for how long, a connection that lost a race for a new file looks again.
const RACE_PAUSE: Duration = Duration::from_millis(10);
const RACE_MAX: Duration = Duration::from_secs(1);

/// How long a write-ahead log gets before it is copied back, and what is kept of it then. In pages of
/// 4 KiB, and in bytes.
const LOG_PAGES_MAX: i64 = 256;
const LOG_BYTES_MAX: i64 = LOG_PAGES_MAX * 4 * 1024;

/// Statements that a connection keeps compiled. More than one look at a session runs; the library's 16
/// would be compiled again each time.
const STATEMENTS_KEPT: usize = 64;

/// What a connection to a file of a session keeps of it in memory.
const CACHE_KIB: i64 = 256;

/// How a file journals. A write-ahead log commits several times faster, but its index is shared
/// memory, which neither crosses a virtual machine's mount nor may be trusted from a container. So only
/// the central database has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journal {
    Wal,
    Rollback,
    /// A rollback journal without syncs: after a power cut the file is made again.
    Disposable,
}

/// Opens `path` for writing, creates it if needed, and migrates it. With the text of its first migration,
/// a file that another text began is refused.
#[expect(
    clippy::disallowed_methods,
    reason = "runs on the blocking pool; a test's clock stands still"
)]
pub(crate) fn open(
    path: &Path,
    journal: Journal,
    migrations: &Migrations<'_>,
    start: Option<&str>,
) -> Result<Connection, StoreError> {
    let newer = || StoreError::Newer { path: path.to_owned() };
    let attempt = || {
        let mut conn = connect(path, journal).map_err(StoreError::open(path))?;
        if let Some(start) = start
            && !is_ours(&conn, start).map_err(StoreError::open(path))?
        {
            return Err(newer());
        }
        match migrations.to_latest(&mut conn) {
            Ok(()) => Ok(conn),
            Err(MigrationError::MigrationDefinition(
                MigrationDefinitionError::DatabaseTooFarAhead,
            )) => Err(newer()),
            Err(MigrationError::RusqliteError { err, .. }) => Err(StoreError::open(path)(err)),
            Err(err) => {
                let cause = rusqlite::Error::ToSqlConversionFailure(Box::new(err));
                Err(StoreError::open(path)(cause))
            }
        }
    };
    let started = Instant::now();
    loop {
        match attempt() {
            Err(err) if lost_a_race(&err) && started.elapsed() < RACE_MAX => sleep(RACE_PAUSE),
            other => return other,
        }
    }
}

/// Of those that make a new file at once, one may hear that it is locked without the wait, since both
/// would wait for each other (<https://sqlite.org/c3ref/busy_handler.html>), or find the tables made
/// when it has its turn. Both have opened the same file when they look again.
fn lost_a_race(err: &StoreError) -> bool {
    let StoreError::Open { source, .. } = err else { return false };
    matches!(source.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::Unknown))
}

/// Whether this program made the tables of a file; a new one is marked. Until the first release the text
/// that makes them changes in its place, without a migration.
fn is_ours(conn: &Connection, start: &str) -> rusqlite::Result<bool> {
    // FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>); any checksum would do.
    let hash = |sum: u32, it: &u8| (sum ^ u32::from(*it)).wrapping_mul(0x0100_0193);
    let mark = (start.as_bytes().iter().fold(0x811c_9dc5, hash) >> 1).cast_signed();
    if is_there(conn, "SELECT 1 FROM sqlite_schema", [])? {
        let found: i64 = only(conn, "PRAGMA application_id", [])?;
        return Ok(found == i64::from(mark));
    }
    conn.pragma_update(None, "application_id", mark).map(|()| true)
}

fn connect(path: &Path, journal: Journal) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    set_up(&conn)?;
    let mode = match journal {
        Journal::Wal => "WAL",
        Journal::Rollback => "DELETE",
        Journal::Disposable => "TRUNCATE",
    };
    conn.pragma_update(None, "journal_mode", mode)?;
    // An acknowledgement promises that the row survives a power cut.
    let synchronous = if journal == Journal::Disposable { "OFF" } else { "FULL" };
    conn.pragma_update(None, "synchronous", synchronous)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
    // A log that a large commit made long is cut back when it starts over.
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    // A command that ends beside the host must not copy the log back; the host does.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(conn)
}

/// What holds for every connection.
fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Otherwise a statement with a range is compiled for every value: it could fit statistics,
    // which nobody collects (<https://sqlite.org/queryplanner-ng.html#qpstab>).
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// For a file of a session, of which there are many, each with several connections: its pages are few,
/// and the system's cache is near. The library would keep 2 MB of them for each. Reads the schema.
pub(crate) fn cache_little(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Copies the write-ahead log back and empties it, unless somebody reads it: then it stays, for the
/// next time.
pub(crate) fn truncate_log(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::ZERO)?;
    let done = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()));
    conn.busy_timeout(BUSY_TIMEOUT)?;
    match done {
        Err(err) if err.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        other => other,
    }
}

/// Opens an existing file without the right to change it. Not for one that an agent could have written;
/// see [`crate::outbound`].
pub(crate) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    set_up(&conn)?;
    Ok(conn)
}

/// What SQLite finds wrong with a file; one line per problem.
pub(crate) fn integrity(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let lines: Vec<String> = list(conn, "PRAGMA quick_check(5)", [])?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread::scope;

    use domain::Incarnation;

    use super::*;
    use crate::db::Store;
    use crate::layout::Layout;
    use crate::{CentralStore, RunnerStore};

    /// What a connection promises, in the words of SQLite: its journal, and when it syncs.
    fn promises(conn: &Connection) -> (String, i64, bool) {
        let text = |name| conn.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        let number = |name| conn.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        (text("journal_mode"), number("synchronous"), number("foreign_keys") == 1)
    }

    /// `PRAGMA synchronous`: a commit is on the disk before its caller hears of it.
    const FULL: i64 = 2;

    #[test]
    fn those_that_make_a_new_file_at_once_all_have_it() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("central.db");
            let open = || CentralStore::open(&path).map(drop).unwrap();
            scope(|at_once| {
                for _ in 0..8 {
                    at_once.spawn(open);
                }
            });
        }
    }

    #[test]
    fn every_writer_of_lasting_rows_syncs_every_commit() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        // The writer of the host, each of its readers, and every command that runs beside it.
        for _ in 0..2 {
            let central = CentralStore::open(&layout.central()).unwrap();
            assert_eq!(promises(central.connection()), ("wal".into(), FULL, true));
        }
        let session = layout.session(domain::SessionId(1));
        let (inbound, outbound) = (session.inbound_dir(), session.outbound_dir());
        fs::create_dir_all(&outbound).unwrap();
        for incarnation in 1..3 {
            let runner = RunnerStore::open(&inbound, &outbound, Incarnation(incarnation)).unwrap();
            assert_eq!(promises(runner.connection()), ("delete".into(), FULL, true));
        }
        // The host makes this one again before each start of a container.
        let conn = connect(&dir.path().join("inbound.db"), Journal::Disposable).unwrap();
        assert_eq!(promises(&conn), ("truncate".into(), 0, true));
    }

    #[test]
    fn the_mark_of_a_text_stays_what_it_is() {
        let conn = Connection::open_in_memory().unwrap();
        assert!(is_ours(&conn, "CREATE TABLE t (a);").unwrap());
        let mark: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
        assert_eq!(mark, 1_277_420_410, "or the files of earlier builds are refused");
    }
}
