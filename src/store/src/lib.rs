//! Every SQL statement in the workspace. Callers see repositories and domain types, never rows.
//!
//! Three databases: [`CentralStore`] (one, host only), and per session an inbound one that the host
//! writes and an outbound one that the runner writes. [`SessionStore`] is the host's view of both,
//! [`RunnerStore`] the runner's.

mod central;
pub mod copies;
mod db;
mod error;
mod inbound;
pub mod layout;
mod open;
mod outbound;
mod outbox;
pub mod reading;
mod runner;
mod session;

pub use crate::central::{
    AccountRow, ApproverRow, CARD_KEY, CardRow, CentralStore, ChatRow, DeadLetterRow, Decided,
    DenialRow, DestinationRow, DroppedRow, DueTask, FireRow, Guesses, Handover, Linked, MemberRow,
    Moved, NOTICE_KEY, NewPairing, Paired, PairingId, PairingRole, PairingRow, PairingUse,
    PersonRow, Put, Question, QuestionKind, QuestionRow, QuestionState, Removed, Revoked, RoleRow,
    SealedRow, SessionRow, Task, TaskEdit, TaskFilter, TaskRow, Unasked, Unlinked, Untold, Wired,
    Wiring,
};
pub use crate::db::{Db, Fault, Gate, NoGate, on_disk};
pub use crate::error::StoreError;
pub use crate::inbound::{
    Absorbed, AnsweredMessage, Asked, Fetched, Lost, Order, PendingFile, Request, Stood,
    Surroundings, TaskEnd, TaskMessage,
};
pub use crate::open::Journal;
pub use crate::outbox::by_hand::{Done, Ordered};
pub use crate::outbox::{ClaimedPart, Draft, NewPart, PartKind, Target};
pub use crate::runner::{Answer, Destination, NewMessage, RunnerStore, TurnEnd};
pub use crate::session::{SessionStore, Snapshot};
