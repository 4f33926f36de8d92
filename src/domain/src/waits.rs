//! Waits for the provider: its limit is reached, its account is empty, it is overloaded or out of
//! reach. A message that meets one is not at its end: it waits on disk and is retried
//! automatically, until its deadline.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The longest wait in one piece, whatever the provider, or the agent that forges its words, says.
pub const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest, so that a time that has just passed makes no busy loop.
const WAIT_MIN: Duration = Duration::from_secs(5);
/// Minutes between tries while the provider names no time; the last one repeats.
const BACKOFF_MINUTES: [u64; 6] = [1, 2, 5, 15, 30, 60];
/// How far a clock may be set back by its daemon before a wait counts as set before a step.
const DRIFT: Duration = Duration::from_secs(60);
/// A resume time that moves by more than this is told again.
const WORTH_TELLING: Duration = Duration::from_secs(60 * 60);
/// The shortest time between two waits that a chat is told of. The agent may forge any number.
const TELL_EVERY: Duration = Duration::from_secs(5 * 60);

crate::words! {
    pub enum WaitClass {
        Limit,
        Billing,
        Overloaded,
        /// The model cannot be reached, or fails.
        Network,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderWait {
    pub class: WaitClass,
    pub since: Timestamp,
    pub until: Timestamp,
    /// Waits for the same reason in a row, this one included.
    pub count: u32,
    /// The provider named the time; otherwise it is the next try.
    pub known: bool,
}

impl ProviderWait {
    /// A clock that was set back makes nobody wait for longer than was meant.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_due(now, self.until.since(self.since) + DRIFT)
    }
}

/// The wait that a chat was told of last, as it lies on disk with its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldWait {
    pub class: WaitClass,
    pub until: Timestamp,
    pub at: Timestamp,
}

/// The wait that follows from what a runner reported; `asked` is not to be trusted.
pub fn next(
    before: Option<&ProviderWait>,
    class: WaitClass,
    asked: Option<Timestamp>,
    now: Timestamp,
) -> ProviderWait {
    let count = before.filter(|it| it.class == class).map_or(1, |it| it.count.saturating_add(1));
    let (until, known) = match asked.filter(|&at| now < at) {
        Some(at) => (now + at.since(now).clamp(WAIT_MIN, WAIT_MAX), true),
        None => {
            let steps = usize::try_from(count).unwrap_or(usize::MAX).min(BACKOFF_MINUTES.len());
            (now + Duration::from_secs(BACKOFF_MINUTES[steps - 1] * 60), false)
        }
    };
    ProviderWait { class, since: now, until, count, known }
}

/// Whether a chat that was told of an earlier wait is to be told of a new one.
pub fn is_worth_telling(told: Option<ToldWait>, wait: &ProviderWait, now: Timestamp) -> bool {
    let Some(told) = told else { return true };
    // An outage wavers between these two; people are told of it once.
    let is_outage = |it| matches!(it, WaitClass::Overloaded | WaitClass::Network);
    let same = told.class == wait.class || (is_outage(told.class) && is_outage(wait.class));
    let is_new = !same || (wait.known && WORTH_TELLING < wait.until.since(told.until));
    is_new && (told.at + TELL_EVERY).is_due(now, TELL_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn mins(n: u64) -> Duration {
        Duration::from_secs(n * 60)
    }

    #[test]
    fn words_read_back() {
        for class in WaitClass::ALL {
            assert_eq!(WaitClass::parse(class.as_str()), Some(class));
        }
    }

    #[test]
    fn a_time_that_the_provider_names_counts_within_bounds() {
        for (asked, wait) in [
            (NOW + mins(35), mins(35)),
            (NOW + Duration::from_secs(1), WAIT_MIN),
            (NOW + mins(7 * 24 * 60), WAIT_MAX),
            (Timestamp(i64::MAX), WAIT_MAX),
        ] {
            let next = next(None, WaitClass::Limit, Some(asked), NOW);
            assert_eq!((next.until, next.known), (NOW + wait, true), "{asked:?}");
        }
        for asked in [None, Some(NOW), Some(Timestamp(i64::MIN))] {
            let next = next(None, WaitClass::Limit, asked, NOW);
            assert_eq!((next.until, next.known), (NOW + mins(1), false), "{asked:?}");
        }
    }

    #[test]
    fn without_a_time_the_tries_get_rarer_and_start_over_with_another_reason() {
        let mut wait = None;
        for minutes in [1, 2, 5, 15, 30, 60, 60] {
            let next = next(wait.as_ref(), WaitClass::Billing, None, NOW);
            assert_eq!(next.until, NOW + mins(minutes));
            wait = Some(next);
        }
        assert_eq!(next(wait.as_ref(), WaitClass::Network, None, NOW).count, 1);
    }

    #[test]
    fn a_wait_ends_at_its_time_or_when_the_clock_was_set_back_before_it() {
        let wait = next(None, WaitClass::Limit, Some(NOW + mins(35)), NOW);
        let after = |ms: i64| wait.is_over(Timestamp(NOW.0 + ms));
        assert_eq!([0, 34 * 60_000, 35 * 60_000].map(after), [false, false, true]);
        assert!(!after(-1_000), "a clock that is corrected by a little is no step");
        assert!(after(-3_600_000) && after(365 * 86_400_000));
    }

    #[test]
    fn a_chat_hears_again_only_of_something_new() {
        let wait = |class, minutes, known| ProviderWait {
            class,
            since: NOW,
            until: NOW + mins(minutes),
            count: 2,
            known,
        };
        let told = |class| Some(ToldWait { class, until: NOW + mins(30), at: NOW - mins(5) });
        use WaitClass::{Billing, Limit, Network, Overloaded};
        for (told, wait, again) in [
            (None, wait(Limit, 30, true), true),
            (told(Limit), wait(Limit, 90, true), false),
            (told(Limit), wait(Limit, 91, true), true),
            (told(Network), wait(Network, 600, false), false),
            (told(Network), wait(Overloaded, 30, false), false),
            (told(Network), wait(Billing, 30, false), true),
        ] {
            assert_eq!(is_worth_telling(told, &wait, NOW), again, "{told:?} {wait:?}");
        }
    }

    #[test]
    fn a_chat_that_was_just_told_hears_of_another_wait_later() {
        let wait = next(None, WaitClass::Billing, None, NOW);
        let second = Duration::from_secs(1);
        for (at, again) in [
            (NOW, false),
            (NOW - mins(4), false),
            (NOW - mins(5) + second, false),
            (NOW - mins(5), true),
            (NOW + second, true),
            (NOW + mins(365 * 24 * 60), true),
        ] {
            let told = ToldWait { class: WaitClass::Limit, until: NOW + mins(30), at };
            assert_eq!(is_worth_telling(Some(told), &wait, NOW), again, "told at {at:?}");
        }
    }
}
