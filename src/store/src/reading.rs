//! Looks at the central database and at what runners wrote, without changing any, for people who ask
//! what became of something. Works beside a running host and without one.

mod parts;
mod trace;

use domain::SessionId;
use schedule::Zone;

pub use self::parts::{PartFilter, PartRow};
pub use self::trace::{Found, Naming};
use crate::layout::Layout;
use crate::session::Scope;
use crate::{CentralStore, StoreError};

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

    /// The zone in which times are shown at the terminal.
    ///
    /// # Errors
    /// When the database fails.
    pub fn zone(&self) -> Result<Zone, StoreError> {
        self.central.zone_for(None)
    }

    fn rows(&self, session: SessionId) -> Scope<'_> {
        Scope::of(&self.central.conn, session)
    }
}

#[cfg(test)]
mod tests;
