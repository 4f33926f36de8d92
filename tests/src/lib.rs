//! The harness: the simulation, doubles of platforms and of the model, and the conformance suite. No
//! tests, and no assertions about the product but those of [`conformance`].
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

pub mod conformance;
pub mod courier;
mod courier_adapter;
pub mod discord;
pub mod foreign;
pub mod model_api;
pub mod platform;
pub mod soak;
pub mod telegram;

pub use ::simulation::{
    clock, crash, engine, env, host, minimal, mutation, rng, simulation, verify,
};
