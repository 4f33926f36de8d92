//! What the host does, as plain functions over the store and the ports of [`host::Host`]: admission,
//! approvals, tasks, stops, retention, folders and containers.
//!
//! Nothing here is an actor or knows one. What changed for an actor is hinted at through
//! [`host::Actors`], after it was stored, so that a lost hint costs time and never correctness.

pub mod approvals;
pub mod container;
pub mod container_slots;
pub mod credentials;
pub mod disk;
pub mod folders;
pub mod host;
pub mod outbox;
pub mod protocol;
pub mod retention;
pub mod router;
pub mod spool;
pub mod stopping;
pub mod stops;
pub mod tasks;

/// Most of what fails here is the store.
type Result<T, E = store::StoreError> = std::result::Result<T, E>;
