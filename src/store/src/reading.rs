//! Looks at all databases of a host without the right to change any, for people who ask what became
//! of something. Works beside a running host and without one.
//!
//! A session's database may be older than this program until its next message; what it has no columns
//! for is read as unknown.

mod parts;
mod trace;

use domain::SessionId;
use domain::people::Handle;
use rusqlite::{Connection, OptionalExtension};
use schedule::Zone;

pub use self::parts::{PartFilter, PartRow};
pub use self::trace::{Found, Naming};
use crate::layout::Layout;
use crate::open::open_read_only;
use crate::{CentralStore, SessionRow, StoreError};

#[derive(Debug)]
pub struct Reading {
    layout: Layout,
    central: CentralStore,
}

impl Reading {
    /// `central` is open already, and current.
    #[must_use]
    pub fn new(layout: &Layout, central: CentralStore) -> Self {
        Self { layout: layout.clone(), central }
    }

    /// The inbound database of a session; `None` when nothing was ever stored there.
    fn inbound(&self, session: SessionId) -> Result<Option<Inbound>, StoreError> {
        let path = self.layout.session(session).inbound();
        if !path.exists() {
            return Ok(None);
        }
        let conn = open_read_only(&path, true).map_err(StoreError::open(&path))?;
        let is_current = has_column(&conn, "deliveries", "untold")
            .map_err(StoreError::query("read the version of a database"))?;
        Ok(Some(Inbound { conn, is_current }))
    }

    /// The zone in which times are shown at the terminal.
    pub fn zone(&self) -> Result<Zone, StoreError> {
        self.central.zone_for(None)
    }

    fn sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        self.central.sessions()
    }

    /// How people call somebody; the handle itself where nobody knows them.
    fn name_of(&self, handle: &str) -> Result<String, StoreError> {
        let person = match Handle::parse(handle) {
            Some(handle) => self.central.person_of(&handle)?,
            None => None,
        };
        let person = match person {
            Some(id) => self.central.person(id)?,
            None => None,
        };
        Ok(person.map_or_else(|| handle.to_owned(), |it| it.name))
    }
}

#[derive(Debug)]
struct Inbound {
    conn: Connection,
    /// It has all columns that this program knows.
    is_current: bool,
}

fn has_column(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2";
    conn.query_row(sql, [table, column], |_| Ok(())).optional().map(|it| it.is_some())
}

#[cfg(test)]
mod tests;
