//! Restart intensity: how often a child may die before its supervisor gives up, and how long it
//! waits before it starts the child again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::{Timestamp, backoff};

/// What a supervisor tolerates.
#[derive(Clone, Copy, Debug)]
pub struct RestartLimits {
    pub restarts_max: usize,
    pub window: Duration,
    pub backoff_base: Duration,
    pub backoff_max: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Restart { after: Duration },
    GiveUp,
}

/// The deaths of one child within the window.
#[derive(Clone, Debug, Default)]
pub struct RestartBudget {
    recent: VecDeque<Timestamp>,
}

impl RestartBudget {
    /// Records a death at `now`. The first restart is immediate, later ones back off.
    pub fn record(&mut self, limits: RestartLimits, now: Timestamp) -> Verdict {
        // A death in the future was recorded before the clock stepped back; it is as good as old.
        self.recent.retain(|&at| at <= now && now.since(at) <= limits.window);
        self.recent.push_back(now);
        if limits.restarts_max < self.recent.len() {
            return Verdict::GiveUp;
        }
        let failures = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        let after = match failures {
            1 => Duration::ZERO,
            n => backoff(limits.backoff_base, limits.backoff_max, n - 1),
        };
        Verdict::Restart { after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_the_wait_grows() {
        let limits = RestartLimits {
            restarts_max: 3,
            window: Duration::from_secs(10),
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_secs(1),
        };
        let mut budget = RestartBudget::default();
        let verdicts = [0, 1, 2, 3, 20].map(|s| budget.record(limits, Timestamp(s * 1_000)));
        let restart = |ms| Verdict::Restart { after: Duration::from_millis(ms) };
        assert_eq!(verdicts, [restart(0), restart(100), restart(200), Verdict::GiveUp, restart(0)]);
    }
}
