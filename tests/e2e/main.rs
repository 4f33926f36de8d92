//! From a terminal to a container and back, with nothing faked but the model's servers.
//!
//! `./nanoclaw.sh test` provides the release binary, the image and the engine.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

mod claude;
mod demo;
mod escape;
mod evening;
mod hostile;
mod reminder;
mod rig;
mod stopping;
mod storm;
