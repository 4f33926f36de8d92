//! The parts of a phrase: a day or a period, and the times of that day.

use std::time::Duration;

use chrono::{Datelike, NaiveDate, NaiveTime};
use domain::task::parse_span;

use super::after;
use crate::cron::{Cron, MONTHS, WEEKDAYS, named};
use crate::rule::{DAY_SECS, whole};

/// A longer span is a typing error.
const SPAN_MAX: Duration = Duration::from_secs(10_000 * DAY_SECS);
/// How many years to look ahead for a date that a year may not have.
const LEAP_YEARS_MAX: i32 = 8;
/// What is read as other words that mean the same, one after the other.
const SAME: [(&str, &str); 9] = [
    (",", " "),
    ("hourly", "every hour"),
    ("daily", "every day"),
    ("weekly", "every week"),
    ("half an hour", "30 minutes"),
    ("tonight", "today night"),
    ("this ", "today "),
    (" am", "am"),
    (" pm", "pm"),
];
/// A part of the day, with the first and the last hour that may be meant.
const PARTS: [(&str, u32, u32); 4] =
    [("morning", 0, 11), ("afternoon", 12, 18), ("evening", 16, 23), ("night", 18, 23)];

/// Which days, or what instead of days.
#[derive(Clone, Debug)]
pub(super) enum Day {
    After(Duration),
    Period(Duration),
    /// Every so many weeks, on a day of the week (Sunday is 0).
    Weeks(u32, u32),
    /// Days that come again, at midnight.
    Cron(Cron),
    /// The first of these dates on which the time is still ahead, or the last one.
    Dates(Vec<NaiveDate>),
}

#[derive(Clone, Debug)]
pub(super) struct Phrase {
    /// `None` when there are only times.
    pub(super) day: Option<Day>,
    pub(super) times: Vec<NaiveTime>,
}

impl Phrase {
    /// `None` when there is a word that fits nowhere.
    pub(super) fn parse(text: &str, today: NaiveDate) -> Option<Self> {
        let text = text.trim().trim_end_matches(['.', '!']).to_ascii_lowercase();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = SAME.iter().fold(text, |text, (said, read)| text.replace(said, read));
        let words = text.split_whitespace().filter(|it| !["the", "and"].contains(it));
        let is_part = |word: &&str| PARTS.iter().any(|it| it.0 == *word);
        let (mut parts, mut rest) = (Vec::new(), Vec::new());
        for word in words {
            if is_part(&word) {
                // `at night`, `in the evening`.
                rest.pop_if(|it| ["at", "in"].contains(it));
                parts.push(word);
            } else {
                rest.push(word);
            }
        }
        let mut words = rest;
        let part = match parts[..] {
            [] => None,
            [part] => PARTS.into_iter().find(|it| it.0 == part),
            _ => return None,
        };
        let mut times = Vec::new();
        // `tomorrow 9:00` needs no `at`.
        let is_time = |(at, word): (usize, &&str)| *word == "at" || 0 < at && word.contains(':');
        if let Some(at) = words.iter().enumerate().position(is_time) {
            let after = words.split_off(at);
            let rest = after.strip_prefix(&["at"]).unwrap_or(&after);
            times.extend(rest.iter().map_while(|it| time(it, part)));
            words.extend(&rest[times.len()..]);
            if times.is_empty() {
                return None;
            }
        }
        words.retain(|it| !["on", "of"].contains(it));
        let day = match (words.as_slice(), part) {
            ([], _) if times.is_empty() => return None,
            ([], _) => None,
            (["every"], Some(_)) => Some(cron("* * *")?),
            (words, _) => Some(day(words, today)?),
        };
        Some(Self { day, times })
    }
}

/// `9`, `9:30`, `9am`, `noon`.
fn time(word: &str, part: Option<(&str, u32, u32)>) -> Option<NaiveTime> {
    let word = match word {
        "noon" => "12pm",
        "midnight" => "12am",
        word => word,
    };
    let half = ["am", "pm"].into_iter().find(|it| word.ends_with(it));
    let clock = half.map_or(word, |it| word.trim_end_matches(it));
    let (hour, minute) = clock.split_once(':').unwrap_or((clock, "0"));
    let (hour, minute) = (number(hour)?, number(minute)?);
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("pm") => hour % 12 + 12,
        Some(_) => hour % 12,
    };
    let later = if half.is_none() { hour.saturating_add(12) } else { hour };
    let fits = |hour: &u32| part.is_none_or(|(_, first, last)| (first..=last).contains(hour));
    NaiveTime::from_hms_opt([hour, later].into_iter().find(fits)?, minute, 0)
}

fn number(text: &str) -> Option<u32> {
    let fits = text.len() <= 2 && text.bytes().all(|it| it.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn day(words: &[&str], today: NaiveDate) -> Option<Day> {
    let ahead = |days: u32| after(today, days);
    match words {
        ["today"] => Some(Day::Dates(vec![today])),
        ["tomorrow"] => Some(Day::Dates(vec![ahead(1)])),
        ["day", "after", "tomorrow"] => Some(Day::Dates(vec![ahead(2)])),
        ["in", rest @ ..] => span(rest).map(Day::After),
        ["every", "day"] => cron("* * *"),
        ["every", "month", rest @ ..] | [rest @ .., "every" | "each", "month"] => match rest {
            ["last", "day"] => cron("L * *"),
            ["day", day] | [day] => cron(&format!("{} * *", date_number(day)?)),
            _ => None,
        },
        ["every", rest @ ..] => days_of_week(rest, true).or_else(|| period(rest)),
        [word] if named(WEEKDAYS, word).is_some() => {
            let fits =
                |it: &NaiveDate| Some(it.weekday().num_days_from_sunday()) == named(WEEKDAYS, word);
            Some(Day::Dates((0..=7).map(ahead).filter(fits).collect()))
        }
        _ => days_of_week(words, false).or_else(|| date(words, today).map(Day::Dates)),
    }
}

/// The three day fields of an expression.
fn cron(days: &str) -> Option<Day> {
    format!("0 0 {days}").parse().ok().map(Day::Cron)
}

/// `monday and thursday`, `weekday`; without `every` in the plural.
fn days_of_week(words: &[&str], is_every: bool) -> Option<Day> {
    let day = |word: &&str| {
        let singular = word.strip_suffix('s');
        let word = if is_every { singular.unwrap_or(word) } else { singular? };
        match word {
            "weekday" => Some("1-5".to_owned()),
            "weekend" => Some("0,6".to_owned()),
            _ => named(WEEKDAYS, word).map(|it| it.to_string()),
        }
    };
    let days: Vec<String> = words.iter().map(day).collect::<Option<_>>()?;
    cron(&format!("* * {}", days.join(",")))
}

/// What follows `every`: `hour`, `other day`, `20m`, `2 weeks friday`, `other friday`.
fn period(words: &[&str]) -> Option<Day> {
    let Some(weekday) = words.last().and_then(|it| named(WEEKDAYS, it)) else {
        return span(words).map(Day::Period);
    };
    let before = &words[..words.len() - 1];
    let period = span(before).or_else(|| span(&[before, &["weeks"]].concat()))?;
    Some(Day::Weeks(whole(period, 7 * DAY_SECS)?, weekday))
}

/// `20 minutes`, `an hour`, `1 hour 30 minutes`, `90s`, `week`; not nothing.
fn span(words: &[&str]) -> Option<Duration> {
    let seconds = |pair: &[&str]| match pair {
        ["a" | "an", name] => unit(name),
        ["other", name] => unit(name).map(|it| 2 * it),
        [count, name] => count.parse::<u64>().ok()?.checked_mul(unit(name)?),
        _ => None,
    };
    let span = match words {
        [one] => parse_span(one).or_else(|| unit(one).map(Duration::from_secs))?,
        pairs => {
            let all = pairs.chunks(2).map(seconds).collect::<Option<Vec<u64>>>()?;
            Duration::from_secs(all.into_iter().try_fold(0, u64::checked_add)?)
        }
    };
    (!span.is_zero() && span <= SPAN_MAX).then_some(span)
}

fn unit(word: &str) -> Option<u64> {
    match word.strip_suffix('s').unwrap_or(word) {
        "sec" | "second" => Some(1),
        "min" | "minute" => Some(60),
        "hour" => Some(3_600),
        "day" => Some(DAY_SECS),
        "week" => Some(7 * DAY_SECS),
        _ => None,
    }
}

/// `24 december`, `december 24th 2026`, `2026-12-24`.
fn date(words: &[&str], today: NaiveDate) -> Option<Vec<NaiveDate>> {
    let (a, b, years) = match words {
        // Its parser would take a time along, and forget it.
        [date] if date.len() == 10 => return date.parse().ok().map(|it| vec![it]),
        [a, b] => (a, b, today.year()..=today.year().saturating_add(LEAP_YEARS_MAX)),
        [a, b, year] if year.len() == 4 => {
            let year = year.parse::<i32>().ok()?;
            (a, b, year..=year)
        }
        _ => return None,
    };
    let (day, month) = match (named(MONTHS, a), named(MONTHS, b)) {
        (None, Some(month)) => (date_number(a)?, month + 1),
        (Some(month), None) => (date_number(b)?, month + 1),
        _ => return None,
    };
    Some(years.filter_map(|year| NaiveDate::from_ymd_opt(year, month, day)).collect())
}

/// `1`, `24th`
fn date_number(word: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|it| word.strip_suffix(it));
    number(digits.unwrap_or(word)).filter(|it| (1..=31).contains(it))
}
