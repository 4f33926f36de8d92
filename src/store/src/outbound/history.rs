//! What the program in a container says about a message: who took it, and which tools were used.
//! Nothing of it is trusted; names are cut and cleaned before anybody sees them.

use domain::time::Timestamp;
use domain::trace::Tool;
use domain::{Incarnation, MessageSeq};
use rusqlite::Connection;

use super::{OutboundReader, classify};
use crate::StoreError;
use crate::runner::TOOL_NAME_CHARS_MAX;

/// Claims and tools that are read; more are an error of the agent's.
const ROWS_MAX: i64 = 1_000;

/// Who took a message and when, and which tools were used.
pub(crate) type History = (Vec<(Incarnation, Timestamp)>, Vec<Tool>);

impl OutboundReader {
    /// A file that does not exist yet says nothing.
    pub(crate) fn history(&mut self, of: MessageSeq) -> Result<History, StoreError> {
        let path = self.path.clone();
        self.open()?;
        let Some(conn) = &self.conn else {
            return Ok(History::default());
        };
        let read = || -> rusqlite::Result<History> { Ok((claims(conn, of)?, tools(conn, of)?)) };
        read().map_err(|err| classify(err).at(&path))
    }
}

fn claims(conn: &Connection, of: MessageSeq) -> rusqlite::Result<Vec<(Incarnation, Timestamp)>> {
    conn.prepare(
        "SELECT incarnation, claimed_at FROM claims WHERE message = ?1 ORDER BY incarnation LIMIT ?2",
    )?
    .query_map([of.0, ROWS_MAX], |row| Ok((Incarnation(row.get(0)?), Timestamp(row.get(1)?))))?
    .collect()
}

fn tools(conn: &Connection, of: MessageSeq) -> rusqlite::Result<Vec<Tool>> {
    conn.prepare(
        "SELECT name, started_at, ended_at, ok FROM tool_calls WHERE message = ?1
         ORDER BY id LIMIT ?2",
    )?
    .query_map([of.0, ROWS_MAX], |row| {
        let name: String = row.get(0)?;
        let end: (Option<i64>, Option<bool>) = (row.get(2)?, row.get(3)?);
        let plain = |it: char| if it.is_control() { '?' } else { it };
        Ok(Tool {
            name: name.chars().map(plain).take(TOOL_NAME_CHARS_MAX).collect(),
            started_at: Timestamp(row.get(1)?),
            end: end.0.map(Timestamp).zip(end.1),
        })
    })?
    .collect()
}
