//! What stands at every durable write and at reads: open in the running program, and what the simulation
//! closes to stop the program exactly there.

use std::fmt;

use async_trait::async_trait;

use crate::StoreError;

#[async_trait]
pub trait Gate: fmt::Debug + Send + Sync {
    /// Called before the write `op`, which fails with its error.
    async fn before(&self, _op: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Called after the write `op` is durable, before anybody hears of it.
    async fn after(&self, _op: &'static str) {}

    /// Called after that, by a caller who would hear that the write succeeded. An error leaves it uncertain,
    /// as one during a commit does that took effect.
    fn hears_of(&self, _op: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Called before each read, which fails with its error.
    fn before_read(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether calls run on the calling thread. A simulation wants that, so that a seed fixes the
    /// order of events; a program that talks to people must not.
    fn runs_inline(&self) -> bool {
        false
    }
}

/// The gate of the running program: always open.
#[derive(Debug)]
pub struct NoGate;

impl Gate for NoGate {}
