//! The vault as the host and a container see it, with the fake model API as its upstream.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod claude_cli;
mod injection;
mod keeping;
mod platform;
mod refusals;
mod rig;
mod secrecy;
mod streaming;
mod trouble;
