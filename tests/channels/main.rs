//! Every adapter against a local double of its platform, and every double against a client of that
//! platform that was not written here.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod ann;
mod cli;
mod courier;
mod cursors;
mod discord;
mod flaws;
mod memory;
mod oauth;
mod remote;
mod seeds;
mod telegram;
mod webhook;
