//! Every so many days at a time of the day: what a cron expression cannot say, because its days begin
//! again with each month.

use std::fmt;
use std::time::Duration;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use domain::task::parse_span;

pub(crate) const DAY_SECS: u64 = 86_400;
/// More is a typing error.
const DAYS_MAX: u32 = 10_000;

/// Some days apart, by the clock on the wall. The first one is the day that it counts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EveryDays {
    days: u32,
    from: NaiveDate,
    /// On a whole minute.
    time: NaiveTime,
}

impl EveryDays {
    /// At least one day; what `time` has beyond minutes is dropped.
    pub fn new(days: u32, from: NaiveDate, time: NaiveTime) -> Self {
        let time = NaiveTime::from_hms_opt(time.hour(), time.minute(), 0).unwrap_or_default();
        Self { days: days.clamp(1, DAYS_MAX), from, time }
    }

    /// Reads the parts of what [`fmt::Display`] writes.
    pub(crate) fn parse(days: &str, time: &str, from: &str) -> Option<Self> {
        let days = whole(parse_span(days.trim())?, DAY_SECS).filter(|it| *it <= DAYS_MAX)?;
        Some(Self::new(days, from.trim().parse().ok()?, time.trim().parse().ok()?))
    }

    /// The same days at another time.
    pub(crate) fn at(&self, time: NaiveTime) -> Self {
        Self::new(self.days, self.from, time)
    }

    pub(crate) fn words(&self) -> String {
        let (time, weekday) = (self.time.format("%H:%M"), self.from.format("%A"));
        match self.days {
            1 => format!("every day at {time}"),
            7 => format!("every {weekday} at {time}"),
            days if days.is_multiple_of(7) => {
                format!("every {} weeks on {weekday} at {time}", days / 7)
            }
            days => format!("every {days} days at {time}"),
        }
    }

    /// The first time on the wall that is not before `begin`.
    pub(crate) fn first(&self, begin: NaiveDateTime) -> Option<NaiveDateTime> {
        let number = self.number(begin).max(0);
        self.wall(number).filter(|it| begin <= *it).or_else(|| self.wall(number + 1))
    }

    /// The last time on the wall that is not after `end`.
    pub(crate) fn last(&self, end: NaiveDateTime) -> Option<NaiveDateTime> {
        let fits = |wall: &NaiveDateTime| *wall <= end;
        let number = self.number(end);
        self.wall(number).filter(fits).or_else(|| self.wall(number - 1).filter(fits))
    }

    /// The number of the last day of this rule up to `wall`; negative before the first.
    fn number(&self, wall: NaiveDateTime) -> i64 {
        let days = wall.date().signed_duration_since(self.from).num_days();
        days.div_euclid(i64::from(self.days))
    }

    /// The time on the wall with a number; `None` before the first and behind the end of the calendar.
    fn wall(&self, number: i64) -> Option<NaiveDateTime> {
        let days = u64::try_from(number * i64::from(self.days)).ok()?;
        Some(self.from.checked_add_days(Days::new(days))?.and_time(self.time))
    }
}

/// How many times a span has these seconds; `None` when something is left over.
pub(crate) fn whole(span: Duration, seconds: u64) -> Option<u32> {
    let is_whole = span.as_secs().is_multiple_of(seconds);
    u32::try_from(span.as_secs() / seconds).ok().filter(|count| is_whole && 0 < *count)
}

impl fmt::Display for EveryDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {}d at {} from {}", self.days, self.time.format("%H:%M"), self.from)
    }
}
