//! Opens a copy of the outbound database as data that an enemy wrote.
//!
//! Its schema must be what the runner's migrations make, word for word: no view, trigger, generated
//! column or index of the agent's can run then. What SQLite does with the rest is limited in size and
//! in steps, since a crafted file can make a tree that has no end, and a schema a hundred times its size.

use std::sync::LazyLock;

use domain::session::Mailbox;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::private::Copied;
use super::rows::{TEXT_BYTES_MAX, bounded};
use crate::layout::OUTBOUND;
use crate::open::cache_little;
use crate::row::list;
use crate::runner::SCHEMA;

/// More than the longest row that is read has.
const VALUE_BYTES_MAX: i32 = 2 * 1024 * 1024;
const _: () = assert!(TEXT_BYTES_MAX < 1 << 20);
/// Longer than any statement of the schema and any of ours. Whatever stands in a schema is parsed before
/// it can be compared, and a list of numbers takes 65 times its bytes.
const SQL_BYTES_MAX: i32 = 2 * 1024;
/// Steps of SQLite's machine for all that one look reads; the largest look takes a hundredth of it.
pub(super) const LOOK_STEPS_MAX: u32 = 5_000_000;
/// The same for reading the schema, which is kept in memory: a file can name a million tables. Ours takes a
/// third of it.
const OPEN_STEPS_MAX: u32 = 1_000;
/// The same for a check of the whole file.
pub(super) const CHECK_STEPS_MAX: u32 = 200_000_000;
/// Steps between two questions whether it is enough.
const STRIDE: u16 = 100;
const SCHEMA_ROWS_MAX: usize = 64;

/// Type, name, table and text of everything in a schema.
type Schema = Vec<(Option<String>, Option<String>, Option<String>, Option<String>)>;

/// What the runner makes.
static EXPECTED: LazyLock<rusqlite::Result<Schema>> = LazyLock::new(|| {
    let conn = Connection::open_in_memory()?;
    conn.execute_batch(SCHEMA)?;
    schema(&conn)
});

/// Opens the database. `None` while the runner has not made its tables.
pub(super) fn open(copied: &Copied) -> Result<Option<Connection>, Mailbox> {
    let conn = connect(copied).map_err(broken)?;
    limit_steps(&conn, OPEN_STEPS_MAX);
    let found = cache_little(&conn).and_then(|()| schema(&conn)).map_err(broken)?;
    if found.is_empty() {
        return Ok(None);
    }
    let expected = EXPECTED.as_ref().map_err(|err| broken_text(&err.to_string()))?;
    if *expected == found {
        return Ok(Some(conn));
    }
    Err(broken_text("its tables are not those that the runner makes"))
}

fn connect(copied: &Copied) -> rusqlite::Result<Connection> {
    let conn = match copied {
        Copied::Held(bytes) => {
            let mut conn = Connection::open_in_memory()?;
            conn.deserialize_read_exact("main", bytes.as_slice(), bytes.len(), true)?;
            conn
        }
        Copied::Filed(file) => {
            // What lies beside it is not looked for.
            let path = file.path().to_string_lossy().replace('%', "%25").replace('?', "%3f");
            let uri = format!("file:{}?immutable=1", path.replace('#', "%23"));
            Connection::open_with_flags(
                uri,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            )?
        }
    };
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        conn.set_db_config(config, on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX),
        (Limit::SQLITE_LIMIT_COLUMN, 64),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 50),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 2),
        (Limit::SQLITE_LIMIT_VDBE_OP, 10_000),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 8),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        conn.set_limit(limit, value)?;
    }
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// Allows so many steps from now on; then what is being read fails.
pub(super) fn limit_steps(conn: &Connection, max: u32) {
    let mut left = max / u32::from(STRIDE);
    let is_enough = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    conn.progress_handler(i32::from(STRIDE), Some(is_enough));
}

fn schema(conn: &Connection) -> rusqlite::Result<Schema> {
    let columns = ["type", "name", "tbl_name", "sql"].map(|it| bounded(it, 4_096)).join(", ");
    let sql = format!("SELECT {columns} FROM sqlite_schema ORDER BY name LIMIT {SCHEMA_ROWS_MAX}");
    list(conn, &sql, [])
}

/// What an error in the middle of reading says about the file.
pub(super) fn broken(err: Error) -> Mailbox {
    match err.sqlite_error_code() {
        // The host lacks memory; that says nothing about the file.
        Some(ErrorCode::OutOfMemory) => Mailbox::Busy,
        Some(ErrorCode::OperationInterrupted) => broken_text("reading it takes too long"),
        _ => broken_text(&err.to_string()),
    }
}

pub(super) fn broken_text(why: &str) -> Mailbox {
    Mailbox::Damaged(format!("{OUTBOUND}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_many_steps_ends() {
        let conn = Connection::open_in_memory().unwrap();
        let count = |to: u32| {
            let sql =
                "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?1)
                       SELECT count(*) FROM n";
            conn.query_row(sql, [to], |row| row.get::<_, u32>(0))
        };
        limit_steps(&conn, 100_000);
        assert_eq!(count(10), Ok(10));
        let ended = count(200_000).unwrap_err().sqlite_error_code();
        assert_eq!(ended, Some(ErrorCode::OperationInterrupted));
    }
}
