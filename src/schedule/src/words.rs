//! Plain phrases for rules: a day or a period, and the times of that day, in either order. Few forms,
//! for people who type them; a model puts all else into these.

mod phrase;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Timelike};
use domain::BadText;
use domain::plain::{cut, one_line};
use domain::time::Timestamp;

use self::phrase::{Day, Phrase};
use crate::cron::Cron;
use crate::rule::{DAY_SECS, EveryDays, Rule, whole};
use crate::wall::{Second, first, on_wall, shown};
use crate::zone::Zone;

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
    Cron(BadText),
}

/// Reads what people say or write about when something is to happen, in the speaker's zone.
/// Canonical rules and cron expressions are taken as well.
/// An error says what would be understood.
pub fn understand(text: &str, zone: &Zone, now: Timestamp) -> Result<Rule, NotUnderstood> {
    match text.parse() {
        Ok(rule) => return Ok(rule),
        Err(err) if looks_like_cron(text) => return Err(NotUnderstood::Cron(err)),
        Err(_) => {}
    }
    if let Some(at) = stamped(text, zone) {
        return Ok(Rule::once(at));
    }
    let unknown = || NotUnderstood::Phrase(cut(&one_line(text), 80));
    let today = date(zone, now);
    let phrase = Phrase::parse(text, today).ok_or_else(unknown)?;
    let times = phrase.times.as_slice();
    let is_ahead = |date: NaiveDate, time: NaiveTime| now < at(zone, date, time);
    // From `day` on; if the time has passed, from the next day on, or the next of its kind for weeks.
    let every_days = |days: u32, day: NaiveDate| -> Result<Rule, NotUnderstood> {
        let time = only(times)?;
        let next = if days.is_multiple_of(7) { 7 } else { 1 };
        let from = if is_ahead(day, time) { day } else { after(day, next) };
        Ok(Rule::Days(EveryDays::new(days, from, time)))
    };
    // The first of these dates on which the time is still ahead, or the last one.
    let once = |dates: &[NaiveDate]| -> Result<Rule, NotUnderstood> {
        let last = dates.last().ok_or(NotUnderstood::NoSuchDay)?;
        let time = only(times)?;
        let date = dates.iter().find(|it| is_ahead(**it, time)).unwrap_or(last);
        Ok(Rule::Once(at(zone, *date, time)))
    };
    match phrase.day {
        Some(Day::Period(period)) if times.is_empty() => Ok(Rule::every(period, now)),
        Some(Day::Period(period)) => {
            let days = whole(period, DAY_SECS).ok_or(NotUnderstood::PeriodWithTime)?;
            every_days(days, today)
        }
        Some(Day::Weeks(weeks, weekday)) => {
            let days = (7 + weekday - today.weekday().num_days_from_sunday()) % 7;
            every_days(7 * weeks, after(today, days))
        }
        Some(Day::After(span)) if times.is_empty() => Ok(Rule::once(now + span)),
        Some(Day::After(span)) => {
            let days = whole(span, DAY_SECS).ok_or_else(unknown)?;
            once(&[after(today, days)])
        }
        Some(Day::Cron(cron)) => repeated(&cron, times),
        Some(Day::Dates(dates)) => once(&dates),
        None => once(&[today, after(today, 1)]),
    }
}

impl Rule {
    /// The rule on the same days at other times, where `text` names times of day and nothing else:
    /// `9:30`, `at 7pm`, `at 9 and 17`. `None` for any other text.
    pub fn at_times(&self, text: &str, zone: &Zone) -> Option<Result<Self, NotUnderstood>> {
        let text = text.trim();
        let is_said = text.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("at "));
        let said = if is_said { text.to_owned() } else { format!("at {text}") };
        let times = Phrase::parse(&said, NaiveDate::default()).filter(|it| it.day.is_none())?.times;
        Some(match self {
            Self::Every { period, from } => {
                let days = whole(*period, DAY_SECS).ok_or(NotUnderstood::PeriodWithTime);
                let every = |days, time| Self::Days(EveryDays::new(days, date(zone, *from), time));
                days.and_then(|days| Ok(every(days, only(&times)?)))
            }
            Self::Once(slot) => only(&times).map(|it| Self::Once(at(zone, date(zone, *slot), it))),
            Self::Days(days) => only(&times).map(|it| Self::Days(days.at(it))),
            Self::Cron(cron) => repeated(cron, &times),
        })
    }
}

/// An instant as programs write it: `2026-12-24T09:00`, there and then if it names no offset.
fn stamped(text: &str, zone: &Zone) -> Option<Timestamp> {
    let text = text.trim();
    let text = ["at ", "on "].iter().find_map(|it| text.strip_prefix(it)).unwrap_or(text);
    let zoned = text.parse::<jiff::Zoned>().map(|it| it.timestamp());
    if let Ok(at) = zoned.or_else(|_| text.parse()) {
        return Some(Timestamp(at.as_millisecond()));
    }
    let wall = text.parse().ok().filter(|_| text.contains(':')).map(on_wall)?;
    Some(first(zone, wall).timestamp())
}

/// A cron expression is made of signs; a phrase begins with a word.
fn looks_like_cron(text: &str) -> bool {
    let sign = |it: char| it.is_ascii_digit() || "*/,-?".contains(it);
    let words: Vec<&str> = text.split_whitespace().collect();
    let starts = |first: &&str| {
        first.starts_with(['@', '*']) || (5 <= words.len() && first.chars().all(sign))
    };
    words.first().is_some_and(starts)
}

fn repeated(cron: &Cron, times: &[NaiveTime]) -> Result<Rule, NotUnderstood> {
    let first = times.first().ok_or(NotUnderstood::NoTime)?;
    if times.iter().any(|it| it.minute() != first.minute()) {
        return Err(NotUnderstood::DifferentMinutes);
    }
    let hours: Vec<String> = times.iter().map(|it| it.hour().to_string()).collect();
    let text = format!("{} {} {}", first.minute(), hours.join(","), cron.days());
    text.parse().map(Rule::Cron).map_err(NotUnderstood::Cron)
}

fn at(zone: &Zone, date: NaiveDate, time: NaiveTime) -> Timestamp {
    first(zone, date.and_time(time)).timestamp()
}

fn only(times: &[NaiveTime]) -> Result<NaiveTime, NotUnderstood> {
    match times {
        [] => Err(NotUnderstood::NoTime),
        [time] => Ok(*time),
        _ => Err(NotUnderstood::SeveralTimes),
    }
}

fn date(zone: &Zone, at: Timestamp) -> NaiveDate {
    shown(zone, Second::at_or_before(at)).date()
}

/// A date so many days later; where the calendar ends, its last one.
fn after(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_add_days(Days::new(days.into())).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests;
