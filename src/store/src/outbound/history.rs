//! What the program in a container says about a message: who took it, and which tools were used.
//! Nothing of it is trusted; names are cut and cleaned before anybody sees them.

use super::OutboundReader;
use super::checked::broken;
use super::rows::{bounded, readable};
use crate::row::{Columns, FromRow};
use crate::runner::TOOL_NAME_CHARS_MAX;
use domain::session::Mailbox;
use domain::time::Timestamp;
use domain::trace::Tool;
use domain::{Incarnation, MessageSeq};

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
            let claims = readable(conn, claims, [of.0, ROWS_MAX]).map_err(broken)?;
            let name = bounded("name", TOOL_NAME_CHARS_MAX * 4);
            let tools = format!(
                "SELECT {name}, started_at, ended_at, ok FROM tool_calls WHERE message = ?1
                 ORDER BY id LIMIT ?2"
            );
            let tools = readable(conn, &tools, [of.0, ROWS_MAX]).map_err(broken)?;
            Ok((claims, tools))
        })
    }
}

impl FromRow for Tool {
    fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Self> {
        let name: String = columns.next()?;
        let plain = |it: char| if it.is_control() { '?' } else { it };
        Ok(Self {
            name: name.chars().map(plain).take(TOOL_NAME_CHARS_MAX).collect(),
            started_at: columns.next()?,
            end: columns.next()?,
        })
    }
}
