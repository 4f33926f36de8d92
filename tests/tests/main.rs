//! Scenarios over the whole host. One binary, so there is one link step.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
#![expect(clippy::print_stderr, reason = "the simulation says how much it ran")]

mod access;
mod accounts;
mod answers;
mod continuity;
mod events;
mod faults;
mod firing;
mod groups;
mod lanes;
mod multi_user;
mod naming;
mod outbox;
mod people;
mod ractor_facts;
mod refusals;
mod rig;
mod showing;
mod simulation;
mod soak;
mod stopping;
mod strangers;
mod tasks;
mod tidy;
mod times;
mod tree;
mod waits;
mod wedged;
mod year;
