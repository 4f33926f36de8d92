//! Single words: days, months, units, numbers.

use chrono::{Month, Weekday};

use crate::cron::WEEKDAYS;

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];
const UNITS: [(&[&str], u64); 5] = [
    (&["s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], super::HOUR),
    (&["d", "day", "days"], super::DAY),
    (&["w", "week", "weeks"], 7 * super::DAY),
];
const NUMBERS: [(&str, u64); 17] = [
    ("a", 1),
    ("an", 1),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("fifteen", 15),
    ("twenty", 20),
    ("thirty", 30),
];

/// A part of the day; it says which half an hour like `7` belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Afternoon,
    Evening,
    Night,
}

impl Part {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "morning" | "mornings" => Some(Self::Morning),
            "afternoon" | "afternoons" => Some(Self::Afternoon),
            "evening" | "evenings" => Some(Self::Evening),
            "night" | "nights" => Some(Self::Night),
            _ => None,
        }
    }

    /// The hour of the day that is meant. `None` for one outside of this part, and for the hours of
    /// a night of which nobody knows to which day they are counted.
    pub(super) fn hour(self, hour: u32) -> Option<u32> {
        match (self, hour) {
            (Self::Morning, 0..=11) | (Self::Afternoon, 12..=18) => Some(hour),
            (Self::Evening, 16..=23) | (Self::Night, 18..=23) => Some(hour),
            (Self::Afternoon, 1..=6) | (Self::Evening, 4..=11) | (Self::Night, 6..=11) => {
                Some(hour + 12)
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nth {
    Number(u64),
    Last,
}

/// `1st`, `first`, `last`.
pub(super) fn nth(word: &str) -> Option<Nth> {
    if word == "last" {
        return Some(Nth::Last);
    }
    if let Some(at) = ORDINALS.iter().position(|it| *it == word) {
        return u64::try_from(at + 1).ok().map(Nth::Number);
    }
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|it| word.strip_suffix(it))?;
    digits_only(digits, 2).map(Nth::Number)
}

/// Digits, no more than so many.
pub(super) fn digits_only(text: &str, digits_max: usize) -> Option<u64> {
    let fits = text.len() <= digits_max && text.bytes().all(|it| it.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// `3`, `three`, `a`.
pub(super) fn count(word: &str) -> Option<u64> {
    let named = NUMBERS.iter().find(|it| it.0 == word).map(|it| it.1);
    named.or_else(|| digits_only(word, 5))
}

/// How many seconds it has.
pub(super) fn unit(word: &str) -> Option<u64> {
    UNITS.iter().find(|it| it.0.contains(&word)).map(|it| it.1)
}

pub(super) fn weekday(word: &str) -> Option<Weekday> {
    let at = WEEKDAYS.iter().position(|it| begins(it, word))?;
    Weekday::try_from(u8::try_from(at).ok()?).ok()
}

/// January is 1.
pub(super) fn month(word: &str) -> Option<u32> {
    (1..=12_u8)
        .filter_map(|number| Month::try_from(number).ok())
        .find(|month| begins(month.name(), word))
        .map(|month| month.number_from_month())
}

/// Whether a word is a name in full, or its first three letters or more (`thurs`).
fn begins(name: &str, word: &str) -> bool {
    3 <= word.len() && name.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word))
}
