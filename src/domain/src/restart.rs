//! How often a child may die before its supervisor gives up, and how long each restart waits.

use std::time::Duration;

use crate::time::{Timestamp, backoff};

/// Restarts within a minute before a supervisor gives up.
pub const RESTARTS_MAX: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
const BACKOFF_BASE: Duration = Duration::from_millis(100);
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub struct RestartBudget {
    recent: Vec<Timestamp>,
}

impl RestartBudget {
    /// Records a death at `now`. Returns the wait before the restart, or `None` to give up. The first
    /// restart is immediate, later ones back off.
    pub fn record(&mut self, restarts_max: u32, now: Timestamp) -> Option<Duration> {
        // A death in the future was recorded before the clock stepped back; it is as good as old.
        self.recent.retain(|&at| at <= now && now.since(at) <= WINDOW);
        self.recent.push(now);
        match u32::try_from(self.recent.len()).unwrap_or(u32::MAX) {
            failures if restarts_max < failures => None,
            1 => Some(Duration::ZERO),
            failures => Some(backoff(BACKOFF_BASE, BACKOFF_MAX, failures - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_the_wait_grows() {
        let mut budget = RestartBudget::default();
        let waits = [0, 1, 2, 3, 80].map(|s| budget.record(3, Timestamp(s * 1_000)));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(waits, [ms(0), ms(100), ms(200), None, ms(0)]);
    }
}
