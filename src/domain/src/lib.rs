//! What the assistant knows and how it decides. No clock, no disk, no network, no async, no
//! dependency: everything here can be called from a test with plain values.

pub mod agent;
pub mod delivery;
pub mod ids;
pub mod inside;
pub mod link;
pub mod message;
pub mod notice;
pub mod restart;
pub mod routing;
pub mod session;
pub mod split;
pub mod time;

pub use crate::ids::{AgentName, Incarnation, MessageSeq, OutSeq, SessionId};
