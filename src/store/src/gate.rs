//! What stands at every durable write: open in the running program, and what the simulation closes to
//! stop the program exactly there.

use std::fmt;

use async_trait::async_trait;
use rusqlite::ffi;

use crate::StoreError;

/// A write that the gate turned away, as a full disk would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// How a read fails without anything being wrong with what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault {
    /// Others use the database.
    Busy,
    /// The disk gave no answer.
    Io,
}

impl From<ReadFault> for StoreError {
    fn from(fault: ReadFault) -> Self {
        let code = match fault {
            ReadFault::Busy => ffi::SQLITE_BUSY,
            ReadFault::Io => ffi::SQLITE_IOERR_READ,
        };
        let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        Self::Query { op: "a read", source }
    }
}

/// Stands at every durable write, and at reads.
#[async_trait]
pub trait Gate: fmt::Debug + Send + Sync {
    /// Called before the write `op`.
    ///
    /// # Errors
    /// [`Fault`] makes the write fail as if the disk were full.
    async fn before(&self, op: &'static str) -> Result<(), Fault>;

    /// Called after the write `op` is durable, before anybody hears of it.
    async fn after(&self, op: &'static str);

    /// Called after that, by a caller who would hear that the write succeeded.
    ///
    /// # Errors
    /// [`Fault`] leaves it uncertain, as an error during a commit does that took effect.
    fn hears_of(&self, _op: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    /// Called before each read.
    ///
    /// # Errors
    /// [`ReadFault`] makes it fail.
    fn before_read(&self) -> Result<(), ReadFault> {
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

#[async_trait]
impl Gate for NoGate {
    async fn before(&self, _op: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    async fn after(&self, _op: &'static str) {}
}
