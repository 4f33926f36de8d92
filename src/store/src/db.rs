//! Keeps synchronous SQLite calls off the async worker threads.
//!
//! Every write passes a [`Gate`] before and after it. In the running program the gate is open; the
//! simulation closes it at a chosen write to stop the program exactly there.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use crate::StoreError;

type Open<T> = dyn Fn() -> Result<T, StoreError> + Send + Sync;

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

/// Opens a `T` on first use and lends it to one blocking closure at a time. Clones share the `T`.
pub struct Db<T> {
    open: Arc<Open<T>>,
    slot: Arc<Mutex<Option<T>>>,
    gate: Arc<dyn Gate>,
}

impl<T: Send + 'static> Db<T> {
    /// No IO happens here; `open` is called by the first use, and again after it failed.
    pub fn new(
        gate: Arc<dyn Gate>,
        open: impl Fn() -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::new(open), slot: Arc::default(), gate }
    }

    /// Runs `f`, which must not write, on the blocking pool. A panic of `f` continues here.
    ///
    /// # Errors
    /// What opening or `f` returned.
    pub async fn read<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut T) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (open, slot) = (Arc::clone(&self.open), Arc::clone(&self.slot));
        let work = move || {
            // A poisoned slot holds a store whose last caller panicked. SQLite rolled its
            // transaction back, so the store itself is sound.
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let mut value = match slot.take() {
                Some(value) => value,
                None => open()?,
            };
            let out = f(&mut value);
            *slot = Some(value);
            out
        };
        on_disk(&*self.gate, work).await
    }

    /// Runs a call that may wait for the disk and has nothing to do with the store.
    pub async fn beside<R: Send + 'static>(&self, f: impl FnOnce() -> R + Send + 'static) -> R {
        on_disk(&*self.gate, f).await
    }

    /// Runs `f`, one durable write named `op`, on the blocking pool.
    ///
    /// # Errors
    /// What opening or `f` returned, or [`StoreError::Full`] when the gate said so.
    pub async fn write<R: Send + 'static>(
        &self,
        op: &'static str,
        f: impl FnOnce(&mut T) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let passed = self.gate.before(op).await;
        passed.map_err(|Fault| StoreError::Full { op, source: None })?;
        let out = self.read(f).await;
        self.gate.after(op).await;
        out
    }
}

/// Runs a call that may wait for the disk on the blocking pool, or where the gate wants it. A panic
/// of the call continues here.
pub async fn on_disk<R: Send + 'static>(
    gate: &dyn Gate,
    call: impl FnOnce() -> R + Send + 'static,
) -> R {
    if gate.runs_inline() {
        return call();
    }
    match spawn_blocking(call).await {
        Ok(out) => out,
        Err(err) => resume_unwind(err.into_panic()),
    }
}

impl<T> Clone for Db<T> {
    fn clone(&self) -> Self {
        let (open, slot) = (Arc::clone(&self.open), Arc::clone(&self.slot));
        Self { open, slot, gate: Arc::clone(&self.gate) }
    }
}

impl<T> fmt::Debug for Db<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}
