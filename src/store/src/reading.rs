//! Looks at the central database and at what runners wrote, without changing any, for people who ask
//! what became of something. Works beside a running host and without one.

mod parts;
mod trace;

pub use self::parts::{PartFilter, PartRow};
pub use self::trace::{Found, Naming};

#[cfg(test)]
mod tests;
