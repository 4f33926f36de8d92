//! The platform in memory, and how the conformance suite sees it.

pub mod double;

pub use ::simulation::platform::*;
