//! Times of the day.

use chrono::{NaiveTime, Timelike};

use super::Words;
use super::names::{Part, digits_only, month};

/// What may stand between hours and minutes.
const SIGNS: &[char] = &[':', '.', 'h'];
/// The same where `10.12` may as well be a date.
const PLAIN_SIGNS: &[char] = &[':', 'h'];

/// A time as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    time: NaiveTime,
    /// Which half of the day is meant is known: `7pm`, `noon`.
    is_exact: bool,
}

impl Said {
    /// The time that is meant in a part of the day; `None` when it lies in another.
    pub(super) fn within(self, part: Option<Part>) -> Option<NaiveTime> {
        let hour = match part {
            None => return Some(self.time),
            Some(part) => part.hour(self.time.hour())?,
        };
        if self.is_exact && hour != self.time.hour() {
            return None;
        }
        NaiveTime::from_hms_opt(hour, self.time.minute(), 0)
    }
}

impl Words<'_> {
    pub(super) fn times(&mut self) -> Option<Vec<Said>> {
        let mut times = vec![self.time(SIGNS)?];
        let more = |it: &mut Self| if it.is_date() { None } else { it.time(PLAIN_SIGNS) };
        while let Some(time) = self.attempt(more) {
            times.push(time);
        }
        Some(times)
    }

    /// Whether the next word is the `24` of `24 december`.
    fn is_date(&self) -> bool {
        self.0.get(1).is_some_and(|it| month(it).is_some())
    }

    /// `9`, `9:30`, `9am`, `9 am`, `19h`, `noon`.
    fn time(&mut self, signs: &[char]) -> Option<Said> {
        let word = *self.0.first()?;
        let rest = &self.0[1..];
        let (half, taken) = match rest.first() {
            Some(&half @ ("am" | "pm")) => (Some(half), 2),
            _ => (["am", "pm"].into_iter().find(|it| word.ends_with(it)), 1),
        };
        let clock = half.map_or(word, |it| word.trim_end_matches(it));
        let (time, named) = match clock {
            "noon" => (NaiveTime::from_hms_opt(12, 0, 0)?, true),
            "midnight" => (NaiveTime::MIN, true),
            _ => (clock_time(clock, half, signs)?, false),
        };
        self.0 = &self.0[taken..];
        Some(Said { time, is_exact: named || half.is_some() })
    }
}

fn clock_time(clock: &str, half: Option<&str>, signs: &[char]) -> Option<NaiveTime> {
    let (hour, minute) = clock.split_once(signs).unwrap_or((clock, "0"));
    let minute = if minute.is_empty() && clock.ends_with('h') { "0" } else { minute };
    let hour: u32 = digits_only(hour, 2).and_then(|it| it.try_into().ok())?;
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("pm") => hour % 12 + 12,
        Some(_) => hour % 12,
    };
    let minute: u32 = digits_only(minute, 2).and_then(|it| it.try_into().ok())?;
    NaiveTime::from_hms_opt(hour, minute, 0)
}
