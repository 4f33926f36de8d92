//! The harness: a whole host in one process, and doubles of what is outside of it. No tests, and no
//! assertions about the product but those of [`conformance`].
//!
//! Time is tokio's paused clock and [`clock::TestClock`] follows it, so timers and timestamps never
//! disagree. Only in-memory doubles may be used with it: with a paused clock the runtime jumps to
//! the next timer while it waits for a socket.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

pub mod bare;
pub mod clock;
pub mod conformance;
pub mod crash;
pub mod dice;
pub mod discord;
pub mod engine;
pub mod host;
pub mod model_api;
pub mod platform;
pub mod simulation;
pub mod soak;
pub mod telegram;
pub mod verify;
