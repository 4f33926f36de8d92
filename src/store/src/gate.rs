//! What stands at every durable write: open in the running program, and what the simulation closes to
//! stop the program exactly there.

use std::fmt;

use async_trait::async_trait;

/// A write that the gate turned away, as a full disk would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// Stands at every durable write.
#[async_trait]
pub trait Gate: fmt::Debug + Send + Sync {
    /// Called before the write `op`.
    ///
    /// # Errors
    /// [`Fault`] makes the write fail as if the disk were full.
    async fn before(&self, op: &'static str) -> Result<(), Fault>;

    /// Called after the write `op` is durable, before anybody hears of it.
    async fn after(&self, op: &'static str);

    /// Whether calls run on the calling thread. A simulation wants that, so that a seed fixes the
    /// order of events; a program that talks to people must not.
    fn runs_inline(&self) -> bool {
        false
    }
}

/// The gate of the running program: always open.
#[derive(Debug)]
pub struct NoGate;

#[async_trait]
impl Gate for NoGate {
    async fn before(&self, _op: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    async fn after(&self, _op: &'static str) {}
}
