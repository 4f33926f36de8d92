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
    waiting: Arc<AtomicUsize>,
    leaving: Arc<AtomicUsize>,
}

impl Places {
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(max)),
            max,
            waiting: Arc::default(),
            leaving: Arc::default(),
        }
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

    /// Whether somebody waits for a place that nobody is leaving yet; idle containers make room.
    #[must_use]
    pub fn crowded(&self) -> bool {
        self.leaving.load(Ordering::Relaxed) < self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for a place, after calling `crowded` if there is none. `None` only when the process
    /// ends.
    pub async fn take(&self, crowded: impl FnOnce()) -> Option<Place> {
        if let Some(place) = self.try_take() {
            return Some(place);
        }
        let _waits = Count::up(&self.waiting);
        crowded();
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Held while a container goes in order to make room, so that one goes for one that waits.
    #[must_use]
    pub fn leave(&self) -> Count {
        Count::up(&self.leaving)
    }

    /// A place for a container that runs already. None left means that it runs above the cap.
    #[must_use]
    pub fn try_take(&self) -> Option<Place> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }
}

/// Counts up for as long as it lives, also when the future that holds it is dropped.
#[derive(Debug)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    fn up(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
