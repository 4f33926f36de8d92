//! The only notion of "now" that the rest of the workspace may use.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Time elapsed since `earlier`; zero when the clock stepped backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether a wait until `self` is over at `now`. A wait longer than `longest` was set before
    /// the clock stepped back, and is over too: nobody ever waits for a clock to catch up.
    #[must_use]
    pub fn is_due(self, now: Self, longest: Duration) -> bool {
        self <= now || longest < self.since(now)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Where the shell of the program gets `now` from before it calls into [`crate`].
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The wall clock of this machine.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Doubles from `base` with each failure, up to `max`. `failures` counts from 1.
#[must_use]
pub fn backoff(base: Duration, max: Duration, failures: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stepped_back_an_hour_makes_nobody_wait_an_hour() {
        let until = Timestamp(10_000_000);
        let longest = Duration::from_secs(60);
        assert!(!until.is_due(Timestamp(until.0 - 60_000), longest));
        assert!(until.is_due(until, longest));
        assert!(until.is_due(Timestamp(until.0 - 3_600_000), longest));
    }

    #[test]
    fn backoff_doubles_and_is_capped() {
        let secs = |n| backoff(Duration::from_secs(1), Duration::from_secs(60), n).as_secs();
        assert_eq!([1, 2, 3, 7, 99].map(secs), [1, 2, 4, 60, 60]);
    }
}
