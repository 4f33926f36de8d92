//! Plain phrases for rules, and rules in words.
//!
//! A phrase is clauses in any order: a day or a period, and the times of that day. Small words that
//! carry nothing (`on`, `the`, `and`) are dropped first.

mod clause;
mod moved;

use std::time::Duration;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Timelike};
use domain::time::Timestamp;

use self::clause::{Clauses, DAY, Day};
use crate::check::local;
use crate::cron::CronError;
use crate::days::EveryDays;
use crate::rule::Rule;
use crate::wall::{Second, first, on_wall, shown};
use crate::zone::Zone;

/// How many years to look ahead for a date that a year may not have.
const LEAP_YEARS_MAX: i32 = 8;

/// Why a phrase is no rule. The text teaches what is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    #[error(
        "`{0}` is not understood as a time; what works is like `in 20 minutes`, `tomorrow at 8`, \
         `on 24 december at 9:00`, `every 2 hours`, `every weekday at 9`, `every monday and thursday \
         at 7pm`, `every 2 weeks on friday at 10`, `on the 1st of every month at 10`, or a cron \
         expression like `0 9 * * 1-5`"
    )]
    Phrase(String),
    #[error("it does not say at what time; add it, like `at 9:00`")]
    NoTime,
    #[error(
        "hours and minutes have no time of day; say `every 2 hours`, or `every 2 days at 9:00`"
    )]
    PeriodWithTime,
    #[error(
        "several times of a day must have the same minute, like `at 9:30 and 17:30`; make it two tasks"
    )]
    DifferentMinutes,
    #[error("such a day has one time; make it two tasks")]
    SeveralTimes,
    #[error("there is no such day in the calendar")]
    NoSuchDay,
    #[error(transparent)]
    Cron(CronError),
}

impl Rule {
    /// In words, for people in this zone: `every weekday at 09:00`.
    #[must_use]
    pub fn words(&self, zone: &Zone) -> String {
        match self {
            Self::Once(at) => format!("once, on {}", local(*at, zone)),
            Self::Every { period, .. } => format!("every {}", spoken(*period)),
            Self::Days(days) => days.words(),
            Self::Cron(cron) => cron.words(),
        }
    }
}

/// Reads what people say or write about when something is to happen, in the speaker's zone.
/// Canonical rules and cron expressions are taken as well.
///
/// # Errors
/// With what would be understood.
pub fn understand(text: &str, zone: &Zone, now: Timestamp) -> Result<Rule, NotUnderstood> {
    if let Ok(rule) = text.parse() {
        return Ok(rule);
    }
    if looks_like_cron(text) {
        return text.parse().map(Rule::Cron).map_err(NotUnderstood::Cron);
    }
    if let Some(at) = stamped(text, zone) {
        return Ok(Rule::once(at));
    }
    let unknown = || NotUnderstood::Phrase(domain::plain::cut(&domain::plain::one_line(text), 80));
    let clauses = Clauses::parse(text).ok_or_else(unknown)?;
    let here = Here { zone, now, today: shown(zone, Second::at_or_before(now)).date() };
    let times = clauses.times.as_slice();
    match clauses.day {
        Some(Day::Period(period)) if times.is_empty() => Ok(Rule::every(period, now)),
        Some(Day::Period(period)) => {
            let days = whole_days(period).ok_or(NotUnderstood::PeriodWithTime)?;
            here.every_days(days, here.ahead(0), times)
        }
        Some(Day::Weeks { weeks, weekday }) => {
            let fits = |it: &NaiveDate| it.weekday() == weekday;
            let day = (0..7).map(|it| here.ahead(it)).find(fits).ok_or_else(unknown)?;
            here.every_days(7 * weeks, day, times)
        }
        Some(Day::After(span)) if times.is_empty() => Ok(Rule::once(now + span)),
        Some(Day::After(span)) => {
            here.once(here.ahead(whole_days(span).ok_or_else(unknown)?), times)
        }
        Some(Day::Repeated { days, months, weekdays }) => {
            repeated(times, &format!("{days} {months} {weekdays}"))
        }
        Some(Day::InDays(days)) => here.once(here.ahead(days), times),
        Some(Day::Date { year: Some(year), month, day }) => {
            let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(NotUnderstood::NoSuchDay)?;
            here.once(date, times)
        }
        Some(Day::Date { year: None, month, day }) => {
            let years = here.today.year()..=here.today.year() + LEAP_YEARS_MAX;
            here.next(years.filter_map(|year| NaiveDate::from_ymd_opt(year, month, day)), times)
        }
        Some(Day::Weekday(weekday)) => {
            let fits = |it: &NaiveDate| it.weekday() == weekday;
            here.next((0..=7).map(|it| here.ahead(it)).filter(fits), times)
        }
        None => here.next((0..=1).map(|it| here.ahead(it)), times),
    }
}

/// An instant as programs write it: `2026-12-24T09:00`, there and then if it names no offset. A date
/// alone is none.
fn stamped(text: &str, zone: &Zone) -> Option<Timestamp> {
    let text = text.trim();
    let text = ["at ", "on "].iter().find_map(|it| text.strip_prefix(it)).unwrap_or(text);
    let zoned = text.parse::<jiff::Zoned>().map(|it| it.timestamp());
    if let Ok(at) = zoned.or_else(|_| text.parse()) {
        return Some(Timestamp(at.as_millisecond()));
    }
    let wall = text.parse().ok().filter(|_| text.contains(':'))?;
    Some(first(zone, on_wall(wall)).timestamp())
}

fn whole_days(span: Duration) -> Option<u32> {
    let is_whole = span.as_secs().is_multiple_of(DAY);
    u32::try_from(span.as_secs() / DAY).ok().filter(|days| is_whole && 0 < *days)
}

/// A cron expression is made of signs; a phrase begins with a word.
fn looks_like_cron(text: &str) -> bool {
    let text = text.trim();
    let sign = |it: char| it.is_ascii_digit() || "*/,-?".contains(it);
    let first = text.split_whitespace().next().unwrap_or_default();
    text.starts_with('@')
        || (5 <= text.split_whitespace().count() && first.chars().all(sign))
        || text.starts_with('*')
}

fn repeated(times: &[NaiveTime], days: &str) -> Result<Rule, NotUnderstood> {
    let first = times.first().ok_or(NotUnderstood::NoTime)?;
    if times.iter().any(|it| it.minute() != first.minute()) {
        return Err(NotUnderstood::DifferentMinutes);
    }
    let hours: Vec<String> = times.iter().map(|it| it.hour().to_string()).collect();
    let cron = format!("{} {} {days}", first.minute(), hours.join(","));
    cron.parse().map(Rule::Cron).map_err(NotUnderstood::Cron)
}

/// Where and when somebody says something.
struct Here<'a> {
    zone: &'a Zone,
    now: Timestamp,
    today: NaiveDate,
}

impl Here<'_> {
    fn ahead(&self, days: u32) -> NaiveDate {
        after(self.today, days)
    }

    fn once(&self, date: NaiveDate, times: &[NaiveTime]) -> Result<Rule, NotUnderstood> {
        let wall = date.and_time(only(times)?);
        Ok(Rule::Once(first(self.zone, wall).timestamp()))
    }

    /// From `day` on. If the time has passed then, from the next day on, or the next of its kind where
    /// the rule counts weeks.
    fn every_days(
        &self,
        days: u32,
        day: NaiveDate,
        times: &[NaiveTime],
    ) -> Result<Rule, NotUnderstood> {
        let time = only(times)?;
        let is_ahead = self.now < first(self.zone, day.and_time(time)).timestamp();
        let next = if days.is_multiple_of(7) { 7 } else { 1 };
        let from = if is_ahead { day } else { after(day, next) };
        Ok(Rule::Days(EveryDays::new(days, from, time)))
    }

    /// The first of these dates on which the time is still ahead.
    fn next(
        &self,
        dates: impl Iterator<Item = NaiveDate>,
        times: &[NaiveTime],
    ) -> Result<Rule, NotUnderstood> {
        for date in dates {
            let rule = self.once(date, times)?;
            if matches!(rule, Rule::Once(at) if self.now < at) {
                return Ok(rule);
            }
        }
        Err(NotUnderstood::NoSuchDay)
    }
}

fn only(times: &[NaiveTime]) -> Result<NaiveTime, NotUnderstood> {
    match times {
        [] => Err(NotUnderstood::NoTime),
        [time] => Ok(*time),
        _ => Err(NotUnderstood::SeveralTimes),
    }
}

/// A date so many days later; where the calendar ends, its last one.
fn after(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_add_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MAX)
}

fn spoken(period: Duration) -> String {
    const UNITS: [(&str, u64); 4] =
        [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let seconds = period.as_secs();
    let unit = UNITS.iter().find(|it| seconds.is_multiple_of(it.1));
    let (unit, of) = unit.copied().unwrap_or(("second", 1));
    match seconds / of {
        1 => unit.to_owned(),
        count => format!("{count} {unit}s"),
    }
}

#[cfg(test)]
mod tests;
