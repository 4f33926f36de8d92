//! Wake-ups for several listeners.
//!
//! Invariants
//! - A listener misses no wake-up; several between two looks count as one.
//! - Listeners wake in the order in which they wait. A `watch` channel would wake them in a random one,
//!   and no simulated run could be repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct WakeupSource {
    count: AtomicU64,
    woken: Notify,
}

/// One listener. It counts wake-ups from before it began to listen as heard.
#[derive(Debug)]
pub(crate) struct WakeupListener {
    source: Arc<WakeupSource>,
    heard: u64,
}

impl WakeupSource {
    pub(super) fn wake(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.woken.notify_waiters();
    }

    /// Whether it was ever woken.
    pub(super) fn was_woken(&self) -> bool {
        self.count.load(Ordering::SeqCst) != 0
    }

    pub(super) fn listen(self: &Arc<Self>) -> WakeupListener {
        WakeupListener { source: Arc::clone(self), heard: self.count.load(Ordering::SeqCst) }
    }

    /// Returns once it was woken, however long ago.
    pub(super) async fn woken(self: &Arc<Self>) {
        WakeupListener { source: Arc::clone(self), heard: 0 }.next().await;
    }
}

impl WakeupListener {
    /// Returns when it was woken since the last call.
    pub(crate) async fn next(&mut self) {
        loop {
            // Registers before the count is read, so that no wake-up is missed.
            let woken = self.source.woken.notified();
            let count = self.source.count.load(Ordering::SeqCst);
            if count != self.heard {
                self.heard = count;
                return;
            }
            woken.await;
        }
    }
}
