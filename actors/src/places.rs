//! The cap on containers that run at the same time. Who waits is served in the order of asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Held as long as a container runs.
pub type Place = OwnedSemaphorePermit;

#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    max: usize,
    waiting: AtomicUsize,
}

impl Places {
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(max)), max, waiting: AtomicUsize::new(0) }
    }

    #[must_use]
    pub fn max(&self) -> usize {
        self.max
    }

    /// Places taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.max.saturating_sub(self.free.available_permits())
    }

    /// Whether somebody waits for a place; idle containers make room then.
    #[must_use]
    pub fn crowded(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) != 0
    }

    /// Waits for a place. `None` only when the process ends.
    pub async fn take(&self) -> Option<Place> {
        if let Some(place) = self.try_take() {
            return Some(place);
        }
        let _waits = Waits::new(&self.waiting);
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// A place for a container that runs already. None left means that it runs above the cap.
    #[must_use]
    pub fn try_take(&self) -> Option<Place> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }
}

/// Counts a waiter for as long as it lives, also when its future is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
