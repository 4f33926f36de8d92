//! What the assistant knows and how it decides. No clock, no disk, no network, no async: everything here
//! can be called from a test with plain values.

pub mod admission;
pub mod agent;
pub mod approval;
pub mod change;
pub mod command;
pub mod continuity;
pub mod cost;
pub mod delivery;
pub mod engage;
pub mod file_type;
pub mod history;
pub mod ids;
pub mod inbound;
pub mod inside;
pub mod link;
pub mod message;
pub mod naming;
pub mod outgoing;
pub mod pace;
pub mod pairing;
pub mod people;
pub mod plain;
pub mod question;
pub mod quiet;
pub mod restart;
pub mod retention;
pub mod sealed;
pub mod session;
pub mod session_key;
pub mod spool;
pub mod stop;
pub mod task;
pub mod texts;
pub mod time;
pub mod trace;
pub mod trouble;
pub mod waits;
mod words;

pub use crate::ids::{AgentName, BadText, ChatId, Incarnation, MessageSeq, OutSeq, SessionId};
