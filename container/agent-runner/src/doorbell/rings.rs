//! What was rung, for several listeners.
//!
//! Invariants
//! - Who listens misses no ring: several between two looks are one.
//! - Listeners wake in the order in which they wait. A `watch` channel would wake them in a random one,
//!   and no simulated run could be repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Bell {
    count: AtomicU64,
    rung: Notify,
}

/// One listener. It has heard what was rung before it began to listen.
#[derive(Debug)]
pub(crate) struct Rings {
    bell: Arc<Bell>,
    heard: u64,
}

impl Bell {
    pub(super) fn ring(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.rung.notify_waiters();
    }

    /// Whether it was ever rung.
    pub(super) fn was_rung(&self) -> bool {
        self.count.load(Ordering::SeqCst) != 0
    }

    pub(super) fn listen(self: &Arc<Self>) -> Rings {
        Rings { bell: Arc::clone(self), heard: self.count.load(Ordering::SeqCst) }
    }

    /// Returns once it was rung, however long ago.
    pub(super) async fn rung(self: &Arc<Self>) {
        Rings { bell: Arc::clone(self), heard: 0 }.next().await;
    }
}

impl Rings {
    /// Returns when it was rung since the last call.
    pub(crate) async fn next(&mut self) {
        loop {
            // Hears what is rung from here on, also before it is waited for.
            let rung = self.bell.rung.notified();
            let count = self.bell.count.load(Ordering::SeqCst);
            if count != self.heard {
                self.heard = count;
                return;
            }
            rung.await;
        }
    }
}
