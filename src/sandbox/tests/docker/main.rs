//! The sandbox on a real engine. Fails, and does not skip, where none answers.
//!
//! Every test has its own install id and removes what it started; what they share is one image.

#![expect(clippy::unwrap_used, reason = "what tests share must fail them as well")]

mod images;
mod isolation;
mod lifecycle;
mod speed;
mod stopping;
mod support;
