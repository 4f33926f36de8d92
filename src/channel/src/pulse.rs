//! Signs of life of a platform, from where they are noticed to who asks for the last one.

use std::sync::{Arc, Mutex, PoisonError};

use domain::time::{Clock, SystemClock, Timestamp};
use tokio::time::Instant;

/// Given to an adapter with its account. It beats whenever the platform showed that it is there and
/// hears us, above all while nothing happens: an empty answer to a poll, a heartbeat. Batches and
/// what was sent the host counts itself.
#[derive(Clone, Debug)]
pub struct Pulse {
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Option<Sign>>>,
}

/// When the platform gave a sign, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    pub at: Timestamp,
    pub when: Instant,
}

impl Pulse {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Arc::default() }
    }

    /// The platform gave a sign of life right now.
    pub fn beat(&self) {
        let sign = Sign { at: self.clock.now(), when: Instant::now() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(sign);
    }

    /// The last sign; `None` when there was none yet.
    #[must_use]
    pub fn last(&self) -> Option<Sign> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}
