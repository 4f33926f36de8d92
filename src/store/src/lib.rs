//! Every SQL statement in the workspace. Callers see repositories and domain types, never rows.
//!
//! One database decides: [`CentralStore`], with [`SessionRows`] as its view of one session. Two mailboxes
//! for each session carry messages across the border of its container: the host writes one, the runner
//! ([`RunnerStore`]) the other.

mod beneath;
mod central;
pub mod copies;
mod db;
mod error;
mod gate;
pub mod layout;
mod mailbox;
mod open;
mod outbound;
mod outbox;
pub mod reading;
mod reasons;
mod row;
mod runner;
mod session;
mod step;

pub use crate::central::*;
pub use crate::db::{Db, Store, on_disk};
pub(crate) use crate::error::Result;
pub use crate::error::StoreError;
pub use crate::gate::{Gate, NoGate};
pub use crate::mailbox::Destination;
pub use crate::outbound::Unimported;
pub use crate::outbox::{ClaimedPart, Done, Draft, NewPart, Ordered, PartKind, Target};
pub use crate::runner::{Answer, NewMessage, RunnerStore, TurnEnd};
#[cfg(any(test, feature = "testing"))]
pub use crate::session::SessionStore;
pub use crate::session::{
    Asked, Counts, Fetched, ImportReport, Inserted, NOTICE_KEY, PendingFile, Reader, Request,
    SessionContext, SessionDb, SessionRows, Snapshot, StopOrder, StopState, TaskEnd, TaskMessage,
    Trace, outbound_problems,
};

#[cfg(test)]
mod plans_tests;
