//! Time for a whole host in one process: tokio's paused clock, and a wall clock that follows it
//! and can be made to jump.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::time::{Clock, Timestamp};
use tokio::time::Instant;

/// An arbitrary instant in 2023, so that no test depends on the day it runs.
const EPOCH: Timestamp = Timestamp(1_700_000_000_000);

#[derive(Debug)]
pub struct TestClock {
    started: Instant,
    jumped_ms: AtomicI64,
}

impl Default for TestClock {
    fn default() -> Self {
        Self { started: Instant::now(), jumped_ms: AtomicI64::new(0) }
    }
}

impl TestClock {
    /// Moves the wall clock, as somebody who sets it would. Timers do not notice.
    pub fn jump(&self, ms: i64) {
        self.jumped_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// What it shows at an instant if nobody moves it.
    pub fn unmoved(&self, at: Instant) -> Timestamp {
        EPOCH + (at - self.started)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let steady = EPOCH + self.started.elapsed();
        Timestamp(steady.0 + self.jumped_ms.load(Ordering::SeqCst))
    }
}
