//! `nanoclaw.sh add`, `remove` and `update`, on clones of this repository as it is now, uncommitted changes included.

#![expect(clippy::unwrap_used, reason = "a test fails at what does not work")]

mod choice;
mod repository;
mod third_party;
