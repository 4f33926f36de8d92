//! The supervision tree. The only crate that may depend on `ractor`.
//!
//! Every long-lived actor reads what is true, lets `domain` decide, and performs the effects.
//! Messages carry new facts, which are stored first, or nothing at all ("look again"), so that a
//! lost or doubled one costs time and never correctness. What is no actor's own is in `engine`.

pub mod actor;
pub mod admin;
pub mod channel;
pub mod channels;
pub mod peers;
pub mod router;
pub mod session;
pub mod sessions;
pub mod sweep;
pub mod tree;
