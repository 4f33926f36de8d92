//! What follows when a task fails: longer and longer rests, and then an end until somebody looks.

use std::time::Duration;

use crate::time::Timestamp;

/// A task that fails this often in a row does not fire until somebody resumes it.
pub const FAILURES_MAX: u32 = 5;

/// The rest after each failure in a row, from the first on. The first one may be an accident.
const RESTS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
];

/// Fires that failed in a row since the task was last changed, the last one included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    pub failures: u32,
    pub last_end: Option<Timestamp>,
}

impl Streak {
    /// Whether slots that come at `now` are skipped. A clock that stepped back ends the rest.
    pub fn rests(&self, now: Timestamp) -> bool {
        let Some(last_end) = self.last_end else { return false };
        let rest = rest_after(self.failures);
        !(last_end + rest).is_due(now, rest)
    }
}

pub fn rest_after(failures: u32) -> Duration {
    let Some(index) = failures.checked_sub(1) else { return Duration::ZERO };
    let last = RESTS.len() - 1;
    RESTS[usize::try_from(index).unwrap_or(last).min(last)]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It comes again; the history shows it.
    Nothing,
    /// It does not come again, so its chat is told.
    Report,
    /// It failed too often: it stops firing, and its chat is told.
    GiveUp,
}

/// Decides what follows from a failure. `comes_again` says whether the task has a slot left.
pub fn after_failure(failures: u32, comes_again: bool) -> Follow {
    match (comes_again, FAILURES_MAX <= failures) {
        (false, _) => Follow::Report,
        (true, true) => Follow::GiveUp,
        (true, false) => Follow::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_then_stay() {
        let rests: Vec<u64> = (0..8).map(|n| rest_after(n).as_secs() / 60).collect();
        assert_eq!(rests, [0, 0, 10, 60, 360, 360, 360, 360]);
    }

    #[test]
    fn a_rest_ends_with_its_time_and_with_a_clock_that_steps_back() {
        let end = Timestamp(1_000_000_000);
        let at = |minutes: i64| Timestamp(end.0 + minutes * 60_000);
        let streak = |failures| Streak { failures, last_end: Some(end) };
        assert!(!Streak::default().rests(end));
        assert!(!streak(1).rests(end));
        assert!(streak(2).rests(at(9)) && !streak(2).rests(at(10)));
        assert!(streak(4).rests(at(359)) && !streak(4).rests(at(360)));
        assert!(!streak(3).rests(at(-61)), "nobody waits for a clock to catch up");
    }

    #[test]
    fn five_in_a_row_are_the_end_and_the_only_one_is_reported() {
        let follow = |failures| after_failure(failures, true);
        assert_eq!([1, 2, 4].map(follow), [Follow::Nothing; 3]);
        assert_eq!([5, 6].map(follow), [Follow::GiveUp; 2]);
        assert_eq!(after_failure(1, false), Follow::Report);
        assert_eq!(after_failure(9, false), Follow::Report);
    }
}
