//! The only notion of "now" that the rest of the workspace may use.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Time elapsed since `earlier`; zero when the clock stepped backwards.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether a wait until `self` is over at `now`. A wait longer than `longest` was set before
    /// the clock stepped back, and is over too: nobody ever waits for a clock to catch up.
    pub fn is_due(self, now: Self, longest: Duration) -> bool {
        self <= now || longest < self.since(now)
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
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
pub fn backoff(base: Duration, max: Duration, failures: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(max)
}

/// A wait that is shorter by up to a half, so that many who wait for the same do not come back at the
/// same moment. The same seed gives the same wait, so that a run can be played again.
pub fn jittered(wait: Duration, seed: impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let part = u32::try_from(hasher.finish() % 1_000).unwrap_or_default();
    wait - wait / 2_000 * part
}

/// A span for people: `12 s`, `5 min`, `4 h`, `4 h 5 min`, `3 d 4 h`.
pub fn about(span: Duration) -> String {
    let secs = span.as_secs();
    let (whole, rest) = match secs {
        ..60 => return format!("{secs} s"),
        60..3_600 => return format!("{} min", secs / 60),
        3_600..86_400 => ((secs / 3_600, "h"), (secs % 3_600 / 60, "min")),
        86_400.. => ((secs / 86_400, "d"), (secs % 86_400 / 3_600, "h")),
    };
    let rest = if rest.0 == 0 { String::new() } else { format!(" {} {}", rest.0, rest.1) };
    format!("{} {}{rest}", whole.0, whole.1)
}

/// The day and the minute of an instant in UTC, `2026-11-25` and `09:10`.
pub fn civil(at: Timestamp) -> (String, String) {
    let minutes = at.0.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    // Howard Hinnant's `civil_from_days` (<https://howardhinnant.github.io/date_algorithms.html>).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (format!("{year:04}-{month:02}-{day:02}"), format!("{:02}:{:02}", minute / 60, minute % 60))
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

    #[test]
    fn a_jittered_wait_is_between_a_half_and_the_whole_and_the_same_for_a_seed() {
        let wait = Duration::from_secs(60);
        let waits: Vec<Duration> = (0..1_000).map(|seed| jittered(wait, seed)).collect();
        assert!(waits.iter().all(|it| wait / 2 <= *it && *it <= wait));
        let early = waits.iter().filter(|it| **it < wait * 3 / 4).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
        assert_eq!(jittered(wait, 7), waits[7]);
        assert_eq!(jittered(Duration::ZERO, 7), Duration::ZERO);
    }

    #[test]
    fn spans_for_people_are_short() {
        let words = |secs| about(Duration::from_secs(secs));
        let spans = [0, 59, 60, 3_599, 3_600, 3_661, 172_799, 172_800].map(words);
        let want = ["0 s", "59 s", "1 min", "59 min", "1 h", "1 h 1 min", "1 d 23 h", "2 d"];
        assert_eq!(spans, want);
    }

    #[test]
    fn instants_have_a_day_and_a_minute() {
        for (ms, day, time) in [
            (0, "1970-01-01", "00:00"),
            (951_782_399_999, "2000-02-28", "23:59"),
            (951_782_400_000, "2000-02-29", "00:00"),
            (1_795_597_800_000, "2026-11-25", "09:10"),
            (-1, "1969-12-31", "23:59"),
        ] {
            assert_eq!(civil(Timestamp(ms)), (day.into(), time.into()), "{ms}");
        }
    }
}
