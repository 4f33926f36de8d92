//! What the program in a container says about a message: who took it, and which tools were used.
//! Nothing of it is trusted; names are cut and cleaned before anybody sees them.

use domain::session::Mailbox;
use domain::time::Timestamp;
use domain::trace::Tool;
use domain::{Incarnation, MessageSeq};
use rusqlite::{Connection, Row};

use super::OutboundReader;
use super::checked::broken;
use super::rows::bounded;
use crate::runner::TOOL_NAME_CHARS_MAX;

/// Claims and tools that are read; more are an error of the agent's.
const ROWS_MAX: i64 = 1_000;

/// Who took a message and when, and which tools were used.
pub(crate) type History = (Vec<(Incarnation, Timestamp)>, Vec<Tool>);

impl OutboundReader {
    /// A file that does not exist yet says nothing. Rows that make no sense are left out.
    pub(crate) fn history(&mut self, of: MessageSeq) -> Result<History, Mailbox> {
        self.read(|conn| {
            let claims = "SELECT incarnation, claimed_at FROM claims WHERE message = ?1
                          ORDER BY incarnation LIMIT ?2";
            let claims = rows(conn, claims, of, |row| {
                Ok((Incarnation(row.get(0)?), Timestamp(row.get(1)?)))
            });
            let name = bounded("name", TOOL_NAME_CHARS_MAX * 4);
            let tools = format!(
                "SELECT {name}, started_at, ended_at, ok FROM tool_calls WHERE message = ?1
                 ORDER BY id LIMIT ?2"
            );
            let tools = rows(conn, &tools, of, tool);
            Ok((claims.map_err(broken)?, tools.map_err(broken)?))
        })
    }
}

fn rows<R>(
    conn: &Connection,
    sql: &str,
    of: MessageSeq,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<R>,
) -> rusqlite::Result<Vec<R>> {
    let mut statement = conn.prepare(sql)?;
    let mut read = read;
    let mut found = statement.query([of.0, ROWS_MAX])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        all.extend(read(row).ok());
    }
    Ok(all)
}

fn tool(row: &Row<'_>) -> rusqlite::Result<Tool> {
    let name: String = row.get(0)?;
    let end: (Option<i64>, Option<bool>) = (row.get(2)?, row.get(3)?);
    let plain = |it: char| if it.is_control() { '?' } else { it };
    Ok(Tool {
        name: name.chars().map(plain).take(TOOL_NAME_CHARS_MAX).collect(),
        started_at: Timestamp(row.get(1)?),
        end: end.0.map(Timestamp).zip(end.1),
    })
}
