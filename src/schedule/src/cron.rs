//! Cron expressions: which times on the wall they mean, forwards and backwards.
//!
//! Five fields (minute, hour, day of the month, month, day of the week), or six with the seconds
//! first. Days are what trips people up, so for the record:
//! - Where both day fields are restricted, either one will do (as in Vixie's cron and croniter). A
//!   field is unrestricted as `*` or `?` alone; `*/2` restricts.
//! - Sunday is 0 and 7.
//! - `L` is the last day of the month, `fri#2` the second Friday, `friL` the last one.

mod parse;
mod print;
mod say;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

pub use self::parse::CronError;
pub(crate) use self::say::{MONTHS, WEEKDAYS};
use crate::wall::{Second, first, reached, tick};
use crate::zone::Zone;

/// How far apart two times of one rule can be: 29 February on a given day of the week comes every 28
/// years, but after 28 February 2100 it takes 40.
const YEARS_MAX: i16 = 41;

/// The times on the wall at which something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    seconds: Set,
    minutes: Set,
    hours: Set,
    days: Days,
    months: Set,
    weekdays: Weekdays,
}

/// Days of the month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Days {
    all: bool,
    set: Set,
    last: bool,
}

/// Days of the week, Sunday being 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Weekdays {
    all: bool,
    set: Set,
    /// The first to the fifth of its kind in the month.
    nth: [Set; 5],
    last: Set,
}

/// Some of the numbers below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set(u64);

impl Set {
    fn single(number: u8) -> Self {
        Self(1 << number)
    }

    fn insert(&mut self, number: u8) {
        self.0 |= 1 << number;
    }

    fn has(self, number: i8) -> bool {
        (0..64).contains(&number) && self.0 >> number & 1 == 1
    }

    /// The first one from `number` on.
    fn from(self, number: i8) -> Option<i8> {
        (number.max(0)..64).find(|&it| self.has(it))
    }

    /// The last one up to `number`.
    fn up_to(self, number: i8) -> Option<i8> {
        (0..=number).rev().find(|&it| self.has(it))
    }

    fn iter(self) -> impl Iterator<Item = i8> {
        (0..64).filter(move |&it| self.has(it))
    }
}

impl Cron {
    /// The first slot that is not before `from` and not after `to`.
    pub(crate) fn first_slot(&self, zone: &Zone, from: Second, to: Second) -> Option<Second> {
        if to < from {
            return None;
        }
        let begin = tick(reached(zone, from.before()));
        let wall = self.from(begin, reached(zone, to))?;
        Some(first(zone, wall))
    }

    /// The last slot that is after `since` and not after `to`.
    pub(crate) fn last_slot(&self, zone: &Zone, since: Second, to: Second) -> Option<Second> {
        if to <= since {
            return None;
        }
        let wall = self.up_to(reached(zone, to), reached(zone, since))?;
        Some(first(zone, wall))
    }

    /// The first time on the wall in `begin..=end`, looked for no further than rules reach.
    fn from(&self, begin: DateTime, end: DateTime) -> Option<DateTime> {
        let latest = begin.saturating_add(YEARS_MAX.years()).min(end);
        let (mut date, mut time) = (begin.date(), begin.time());
        while date <= latest.date() {
            if !self.months.has(date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
                time = Time::midnight();
                continue;
            }
            if self.is_on(date)
                && let Some(time) = self.time_from(time)
            {
                let found = date.to_datetime(time);
                return (found <= latest).then_some(found);
            }
            date = date.tomorrow().ok()?;
            time = Time::midnight();
        }
        None
    }

    /// The last time on the wall that is after `after` and not after `end`.
    fn up_to(&self, end: DateTime, after: DateTime) -> Option<DateTime> {
        let earliest = end.saturating_sub(YEARS_MAX.years()).max(after);
        let (mut date, mut time) = (end.date(), end.time());
        while earliest.date() <= date {
            if !self.months.has(date.month()) {
                date = date.first_of_month().yesterday().ok()?;
                time = Time::MAX;
                continue;
            }
            if self.is_on(date)
                && let Some(time) = self.time_up_to(time)
            {
                let found = date.to_datetime(time);
                return (earliest < found).then_some(found);
            }
            date = date.yesterday().ok()?;
            time = Time::MAX;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        let by_day =
            self.days.set.has(date.day()) || self.days.last && date == date.last_of_month();
        let weekday = date.weekday().to_sunday_zero_offset();
        let week = usize::try_from((date.day() - 1) / 7).unwrap_or(0);
        let is_last = date.days_in_month() < date.day() + 7;
        let by_weekday = self.weekdays.set.has(weekday)
            || self.weekdays.nth.get(week).is_some_and(|it| it.has(weekday))
            || is_last && self.weekdays.last.has(weekday);
        self.months.has(date.month())
            && match (self.days.all, self.weekdays.all) {
                (true, true) => true,
                (true, false) => by_weekday,
                (false, true) => by_day,
                (false, false) => by_day || by_weekday,
            }
    }

    fn time_from(&self, time: Time) -> Option<Time> {
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let (first_minute, first_second) = (self.minutes.from(0)?, self.seconds.from(0)?);
        let (hour, minute, second) = if let Some(second) = self.seconds.from(second)
            && self.minutes.has(minute)
            && self.hours.has(hour)
        {
            (hour, minute, second)
        } else if let Some(minute) = self.minutes.from(minute + 1)
            && self.hours.has(hour)
        {
            (hour, minute, first_second)
        } else {
            (self.hours.from(hour + 1)?, first_minute, first_second)
        };
        Time::new(hour, minute, second, 0).ok()
    }

    fn time_up_to(&self, time: Time) -> Option<Time> {
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let (last_minute, last_second) = (self.minutes.up_to(59)?, self.seconds.up_to(59)?);
        let (hour, minute, second) = if let Some(second) = self.seconds.up_to(second)
            && self.minutes.has(minute)
            && self.hours.has(hour)
        {
            (hour, minute, second)
        } else if let Some(minute) = self.minutes.up_to(minute - 1)
            && self.hours.has(hour)
        {
            (hour, minute, last_second)
        } else {
            (self.hours.up_to(hour - 1)?, last_minute, last_second)
        };
        Time::new(hour, minute, second, 0).ok()
    }
}

#[cfg(test)]
mod tests;
