//! The cap on containers that run at the same time. Who waits is served in the order of asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Held as long as a container runs.
pub type Permit = OwnedSemaphorePermit;

#[derive(Debug)]
pub struct ContainerSlots {
    free: Arc<Semaphore>,
    max: usize,
    waiting: Arc<AtomicUsize>,
    leaving: Arc<AtomicUsize>,
}

impl ContainerSlots {
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

    /// Slots in use.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.max.saturating_sub(self.free.available_permits())
    }

    /// Whether somebody waits for a slot that nobody is leaving yet; idle containers make room.
    #[must_use]
    pub fn contended(&self) -> bool {
        self.leaving.load(Ordering::Relaxed) < self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for a slot, after calling `contended` if there is none. `None` only when the process
    /// ends.
    pub async fn take(&self, contended: impl FnOnce()) -> Option<Permit> {
        if let Some(permit) = self.try_take() {
            return Some(permit);
        }
        let _waits = Count::up(&self.waiting);
        contended();
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Held while a container goes in order to make room, so that one goes for one that waits.
    #[must_use]
    pub fn leave(&self) -> Count {
        Count::up(&self.leaving)
    }

    /// A slot for a container that runs already. None left means that it runs above the cap.
    #[must_use]
    pub fn try_take(&self) -> Option<Permit> {
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
