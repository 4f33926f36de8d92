//! Every so many days at a time of the day: what a cron expression cannot say, because its days begin
//! again with each month.

use std::fmt;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use domain::task::parse_span;
use jiff::civil::Date;

use crate::wall::{Second, first, on_wall, reached, tick, to_civil};
use crate::zone::Zone;

const DAY_SECS: u64 = 86_400;
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
    #[must_use]
    pub fn new(days: u32, from: NaiveDate, time: NaiveTime) -> Self {
        let time = NaiveTime::from_hms_opt(time.hour(), time.minute(), 0).unwrap_or_default();
        Self { days: days.clamp(1, DAYS_MAX), from, time }
    }

    /// Reads the parts of what [`fmt::Display`] writes.
    pub(crate) fn parse(days: &str, time: &str, from: &str) -> Option<Self> {
        let span = parse_span(days.trim())?.as_secs();
        let days = u32::try_from(span / DAY_SECS).ok()?;
        let fits = span.is_multiple_of(DAY_SECS) && (1..=DAYS_MAX).contains(&days);
        let (time, from) = (time.trim().parse().ok()?, from.trim().parse::<Date>().ok()?);
        let wall = on_wall(from.to_datetime(time));
        fits.then(|| Self::new(days, wall.date(), wall.time()))
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

    /// The first slot that is not before `at`.
    pub(crate) fn first_slot(&self, zone: &Zone, at: Second) -> Option<Second> {
        let begin = tick(reached(zone, at.before()));
        let number = self.number(begin).max(0);
        let wall = self.wall(number).filter(|it| begin <= *it).or_else(|| self.wall(number + 1))?;
        Some(first(zone, wall))
    }

    /// The last slot that is not after `at`.
    pub(crate) fn last_slot(&self, zone: &Zone, at: Second) -> Option<Second> {
        let end = reached(zone, at);
        let number = self.number(end);
        let fits = |wall: &NaiveDateTime| *wall <= end;
        let wall = self.wall(number).filter(fits).or_else(|| self.wall(number - 1).filter(fits))?;
        Some(first(zone, wall))
    }

    /// The number of the last day of this rule up to `wall`; negative before the first.
    fn number(&self, wall: NaiveDateTime) -> i64 {
        let days = wall.date().signed_duration_since(self.from).num_days();
        days.div_euclid(i64::from(self.days))
    }

    /// The time on the wall with a number; `None` before the first and behind the end of the calendar.
    fn wall(&self, number: i64) -> Option<NaiveDateTime> {
        let days = number.checked_mul(i64::from(self.days)).and_then(|it| it.try_into().ok())?;
        Some(self.from.checked_add_days(Days::new(days))?.and_time(self.time))
    }
}

impl fmt::Display for EveryDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, from) = (self.time.format("%H:%M"), to_civil(self.from.into()).date());
        write!(f, "every {}d at {time} from {from}", self.days)
    }
}
