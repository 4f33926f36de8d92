//! Cron expressions: which times on the wall they mean.
//!
//! Five fields (minute, hour, day of the month, month, day of the week), or six with the seconds
//! first. Days are what trips people up, so for the record:
//! - Where both day fields are restricted, either one will do (as in Vixie's cron and croniter). A
//!   field is unrestricted as `*` or `?` alone; `*/2` restricts.
//! - Sunday is 0 and 7.
//! - `L` is the last day of the month, `fri#2` the second Friday, `friL` the last one.
//!
//! The crate `cron` reads the fields and finds the times. It is asked about UTC, which stands for the
//! clock on the wall and is never turned. In its own language both day fields must fit, so an
//! expression becomes one [`Branch`] for each kind of day that will do.

mod parse;
mod print;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta};
use cron::Schedule;

pub(crate) use self::parse::{MONTHS, WEEKDAYS, named};
pub(crate) use self::print::numbers;

/// How far apart two times of one rule can be: 29 February on a given day of the week comes every 28
/// years, but after 28 February 2100 it takes 40.
const SEARCH: Months = Months::new(41 * 12);

#[derive(Clone, Debug)]
pub struct Cron {
    /// At least one, each kind once and in the order of [`Kind`]. They differ in their days only.
    branches: Vec<Branch>,
}

/// Days of one kind, with the times of day and the months.
#[derive(Clone, Debug)]
struct Branch {
    kind: Kind,
    schedule: Schedule,
}

/// Those of the month come before those of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    EveryDay,
    Date,
    LastDate,
    Weekday,
    /// The first to the fifth of its kind in the month.
    NthWeekday(u32),
    LastWeekday,
}

/// Two expressions are the same if they mean the same.
impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Cron {}

impl Cron {
    /// The first time on the wall in `begin..=end`, looked for no further than rules reach.
    pub(crate) fn first(&self, begin: NaiveDateTime, end: NaiveDateTime) -> Option<NaiveDateTime> {
        let end = begin.checked_add_months(SEARCH).map_or(end, |it| it.min(end));
        let years = (begin.year()..=end.year()).filter_map(|it| NaiveDate::from_yo_opt(it, 1));
        let first = |wall| self.branches.iter().filter_map(|it| it.next(wall)).min();
        years.map(|it| begin.max(it.into())).find_map(first).filter(|it| *it <= end)
    }
}

impl Branch {
    /// The first time from `wall` on, in the year of `wall`.
    fn next(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let year = stand_in(wall.year());
        let mut from = wall.with_year(year)?;
        loop {
            let before = from.checked_sub_signed(TimeDelta::seconds(1))?;
            let found = self.schedule.after(&before.and_utc()).next();
            let found = found.filter(|it| it.year() == year)?.naive_utc();
            if self.is_on(found.date()) {
                return found.with_year(wall.year());
            }
            from = found.date().succ_opt()?.into();
        }
    }

    /// Whether the last days of a month, among which its schedule looks, are the last of their kind.
    fn is_on(&self, date: NaiveDate) -> bool {
        let next = match self.kind {
            Kind::LastDate => Days::new(1),
            Kind::LastWeekday => Days::new(7),
            Kind::EveryDay | Kind::Date | Kind::Weekday | Kind::NthWeekday(_) => return true,
        };
        date.checked_add_days(next).is_none_or(|it| it.month() != date.month())
    }
}

/// A year that is whole in the tables of `cron`, with the days of this one on the same days of the week.
/// Where no century is between, the calendar begins again after 28 years.
fn stand_in(year: i32) -> i32 {
    let calendar = |year| NaiveDate::from_yo_opt(year, 1).map(|it| (it.weekday(), it.leap_year()));
    (2072..=2099).find(|it| calendar(*it) == calendar(year)).unwrap_or(year)
}

#[cfg(test)]
mod tests;
