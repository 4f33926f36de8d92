//! The program inside an agent's container: takes messages from the inbound database, lets a
//! provider answer them, and writes the outbound database.
//!
//! ```text
//! notifier ──wake──▶ turns ──messages──▶ provider (demo, claude)
//!                      ▲                    │
//!                      └──────events────────┤
//!          host_client ◀──tool calls── mcp ◀┘      forward ──model stream──▶ host
//! ```
//!
//! [`run_until`] owns everything that it starts; dropping its future ends all of it, the provider's
//! processes included. There are no globals, so that a simulation runs many of these side by side.
//!
//! Invariants
//! - A message is claimed, durably, before a provider sees it.
//! - A reply, the release of the messages that it covers and what the provider wants to remember
//!   are one commit.
//! - Notifications and progress are hints; without them the slow poll finds everything.

mod claude;
mod config;
mod demo;
#[cfg(target_os = "linux")]
pub mod escape;
mod file_texts;
mod forward;
mod host_client;
mod mcp;
mod notifier;
mod process;
#[cfg(target_os = "linux")]
mod program;
mod provider;
mod script;
mod turns;

pub use crate::config::{Config, ConfigError};
pub use crate::forward::{Connect, LinkSocket, Stream};
#[cfg(target_os = "linux")]
pub use crate::program::main;
pub use crate::turns::run_until;

/// Why the runner ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The database needs somebody to look at it; starting again does not help.
    #[error("the session's database cannot be used")]
    Store(#[source] store::StoreError),
    /// Told to stop while a write kept failing; the host offers the messages again.
    #[error("stopped before a write could be stored")]
    Unstored(#[source] store::StoreError),
    #[error("cannot listen on loopback")]
    Loopback(#[source] std::io::Error),
    #[error("the provider stopped working")]
    ProviderGone,
    #[error("a task's script could not be run to its end")]
    Script(#[source] tokio::task::JoinError),
    #[error("the files of a message could not be read to their end")]
    Files(#[source] tokio::task::JoinError),
    #[error("the demo agent was told to crash")]
    DemoCrash,
}
