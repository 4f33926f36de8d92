//! The clauses of a phrase.

mod again;
mod names;
mod time;

use std::time::Duration;

use chrono::{Datelike, NaiveTime, Weekday};

use self::names::{Nth, Part, count, digits_only, month, nth, unit, weekday};
use crate::wall::on_wall;

/// Words that carry nothing once the others are known.
const FILLERS: [&str; 7] = ["on", "the", "of", "and", "o'clock", "please", "sharp"];
/// A span of more than this many of any unit is a typing error.
const COUNT_MAX: u64 = 10_000;
pub(super) const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 24 * HOUR;

/// Which days, or what instead of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Day {
    After(Duration),
    Period(Duration),
    /// Every so many weeks, more than one.
    Weeks {
        weeks: u32,
        weekday: Weekday,
    },
    /// The day fields of a cron expression.
    Repeated {
        days: String,
        months: String,
        weekdays: String,
    },
    InDays(u32),
    Date {
        year: Option<i32>,
        month: u32,
        day: u32,
    },
    /// The next one.
    Weekday(Weekday),
}

/// What a phrase says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clauses {
    pub(super) day: Option<Day>,
    pub(super) times: Vec<NaiveTime>,
}

/// The words that are left to read.
struct Words<'a>(&'a [&'a str]);

impl Clauses {
    /// `None` when there is a word that fits nowhere, or the same thing is said twice.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(['.', '!']).to_ascii_lowercase().replace(',', " ");
        let words: Vec<&str> = text.split_whitespace().filter(|it| !FILLERS.contains(it)).collect();
        let mut words = Words(&words);
        let (mut day, mut times, mut part) = (None, Vec::new(), None);
        while !words.0.is_empty() {
            if part.is_none()
                && let Some((said, is_today)) = words.attempt(Words::part)
            {
                part = Some(said);
                if is_today {
                    day = Some(today(day)?);
                }
            } else if times.is_empty() && words.take("at") {
                times = words.times()?;
            } else if day.is_none()
                && let Some(said) = words.day()
            {
                day = Some(said);
            } else if times.is_empty() && (day.is_some() || part.is_some()) {
                // `tomorrow 9:00`
                times = words.times()?;
            } else {
                return None;
            }
        }
        let times: Vec<NaiveTime> =
            times.into_iter().map(|it| it.within(part)).collect::<Option<_>>()?;
        (day.is_some() || !times.is_empty()).then_some(Self { day, times })
    }
}

/// The day of `tonight`, unless another one was said.
fn today(said: Option<Day>) -> Option<Day> {
    match said {
        None | Some(Day::InDays(0)) => Some(Day::InDays(0)),
        Some(_) => None,
    }
}

impl Words<'_> {
    fn take(&mut self, word: &str) -> bool {
        let is = self.0.first() == Some(&word);
        if is {
            self.0 = &self.0[1..];
        }
        is
    }

    /// What `read` makes of the next word, which is taken then.
    fn next<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.0.first().and_then(|it| read(it))?;
        self.0 = &self.0[1..];
        Some(value)
    }

    /// Reads on from here, and comes back if that leads nowhere.
    fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.0;
        let value = read(self);
        if value.is_none() {
            self.0 = before;
        }
        value
    }

    /// `evening`, `in the evening`, `at night`; and with the day `tonight`, `this evening`.
    fn part(&mut self) -> Option<(Part, bool)> {
        if self.take("tonight") {
            return Some((Part::Night, true));
        }
        let is_today = self.take("this");
        let _ = is_today || self.take("in") || self.take("at");
        Some((self.next(Part::parse)?, is_today))
    }

    fn day(&mut self) -> Option<Day> {
        if self.take("in") {
            return self.span().map(Day::After);
        }
        for (words, ahead) in
            [(&["today"][..], 0), (&["tomorrow"], 1), (&["day", "after", "tomorrow"], 2)]
        {
            if self.attempt(|it| words.iter().all(|word| it.take(word)).then_some(())).is_some() {
                return Some(Day::InDays(ahead));
            }
        }
        let _ = self.take("next") || self.take("this");
        self.attempt(Self::repeated)
            .or_else(|| self.attempt(Self::date))
            .or_else(|| self.next(weekday).map(Day::Weekday))
    }

    /// `20 minutes`, `an hour`, `1 hour 30 minutes`, `1h30m`, `half an hour`, `an hour and a half`.
    fn span(&mut self) -> Option<Duration> {
        if let Some(seconds) = self.attempt(Self::part_of_hour) {
            return Some(Duration::from_secs(seconds));
        }
        let mut span = Duration::ZERO;
        while let Some(more) = self.attempt(Self::one_span) {
            span += more;
        }
        (!span.is_zero()).then_some(span)
    }

    fn part_of_hour(&mut self) -> Option<u64> {
        let _ = self.take("a");
        let part = self.next(|word| match word {
            "half" => Some(HOUR / 2),
            "quarter" => Some(HOUR / 4),
            _ => None,
        })?;
        let _ = self.take("an");
        self.take("hour").then_some(part)
    }

    fn one_span(&mut self) -> Option<Duration> {
        let seconds = match self.next(count) {
            Some(count) => {
                let unit = self.next(unit)?;
                let half = self.attempt(|it| (it.take("a") && it.take("half")).then_some(unit / 2));
                counted(count, unit)? + half.unwrap_or(0)
            }
            None => self.next(joined_span)?,
        };
        Some(Duration::from_secs(seconds))
    }

    /// `24 december`, `december 24 2026`, `2026-12-24`, `24.12.`, `24.12.2026`.
    fn date(&mut self) -> Option<Day> {
        // Its parser would take a time along, and forget it.
        let iso = |it: &str| if it.len() <= 10 { it.parse().ok() } else { None };
        if let Some(date) = self.next(iso).map(on_wall) {
            let (month, day) = (date.month(), date.day());
            return Some(Day::Date { year: Some(date.year()), month, day });
        }
        if let Some(date) = self.next(dotted) {
            return Some(date);
        }
        let (day, month) = self.day_and_month()?;
        let year = self.next(|it| if it.len() == 4 { digits_only(it, 4) } else { None });
        Some(Day::Date { year: year.and_then(|it| it.try_into().ok()), month, day })
    }

    fn day_and_month(&mut self) -> Option<(u32, u32)> {
        let day =
            |word: &str| match nth(word).or_else(|| Some(Nth::Number(digits_only(word, 2)?)))? {
                Nth::Number(day) => u32::try_from(day).ok().filter(|it| (1..=31).contains(it)),
                Nth::Last => None,
            };
        if let Some(month) = self.next(month) {
            return Some((self.next(day)?, month));
        }
        Some((self.next(day)?, self.next(month)?))
    }
}

/// `24.12.`, `24.12.2026`: the day comes first, wherever dates are written with dots.
fn dotted(word: &str) -> Option<Day> {
    let (day, rest) = word.split_once('.')?;
    let (month, year) = rest.split_once('.').unwrap_or((rest, ""));
    let small = |text: &str| digits_only(text, 2).and_then(|it| u32::try_from(it).ok());
    let year = match year {
        "" => None,
        _ if year.len() == 4 => Some(i32::try_from(digits_only(year, 4)?).ok()?),
        _ => return None,
    };
    Some(Day::Date { year, month: small(month)?, day: small(day)? })
}

/// `20m`, `1h30m`.
fn joined_span(word: &str) -> Option<u64> {
    let is_digit = |it: char| it.is_ascii_digit();
    let (mut rest, mut seconds) = (word, 0);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|it| !is_digit(it))?);
        let (name, after) = after.split_at(after.find(is_digit).unwrap_or(after.len()));
        seconds += counted(digits_only(number, 5)?, unit(name)?)?;
        rest = after;
    }
    Some(seconds)
}

fn counted(count: u64, unit: u64) -> Option<u64> {
    (0 < count && count <= COUNT_MAX).then_some(count * unit)
}
