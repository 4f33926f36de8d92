//! A whole host in one process, doubles in memory of what is outside of it, and seeded runs that
//! check the laws. It has no servers and no sockets, so that people can run it too
//! (`nanoclaw selftest`).
//!
//! Time is tokio's paused clock and [`clock::TestClock`] follows it, so timers and timestamps never
//! disagree. Only in-memory doubles may be used with it: with a paused clock the runtime jumps to
//! the next timer while it waits for a socket.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed run")]

pub mod clock;
pub mod crash;
pub mod engine;
pub mod env;
pub mod host;
pub mod minimal;
pub mod mutation;
pub mod platform;
pub mod rng;
pub mod simulation;
pub mod verify;
