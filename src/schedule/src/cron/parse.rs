//! Cron expressions as people write them.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{Month, Weekday};
use cron::Schedule;

use super::{Branch, Cron, Kind};

/// What the names stand for (crontab(5)).
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Why a text is no cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error(
        "a cron expression has 5 fields (minute, hour, day of the month, month, day of the week) \
         or 6 with the seconds first; this one has {0}"
    )]
    Fields(usize),
    #[error("there is no `{0}`; there are @hourly, @daily, @weekly, @monthly and @yearly")]
    Nickname(String),
    #[error(
        "`{item}` is not understood as {field}: it takes {takes}, `*`, `a-b`, `*/n` and lists of these"
    )]
    Item { field: &'static str, item: String, takes: &'static str },
    #[error("a cron expression is not like `{0}`")]
    Expression(String),
}

/// One field: what it is called, what it takes, and the numbers behind its names.
struct Field {
    name: &'static str,
    takes: &'static str,
    min: u32,
    max: u32,
    /// The number behind a name of three letters.
    named: fn(&str) -> Option<u32>,
}

const SECOND: Field = numbers("the second", "0-59", 0, 59);
const MINUTE: Field = numbers("the minute", "0-59", 0, 59);
const HOUR: Field = numbers("the hour", "0-23", 0, 23);
const DAY: Field = numbers("the day of the month", "1-31, `L`", 1, 31);
const MONTH: Field = Field {
    named: |name| name.parse::<Month>().ok().map(|it| it.number_from_month()),
    ..numbers("the month", "1-12, jan-dec", 1, 12)
};
const WEEKDAY: Field = Field {
    named: |name| name.parse::<Weekday>().ok().map(|it| it.num_days_from_sunday()),
    ..numbers("the day of the week", "0-7 (0 and 7 are Sunday), sun-sat, `fri#2`, `friL`", 0, 7)
};

const fn numbers(name: &'static str, takes: &'static str, min: u32, max: u32) -> Field {
    Field { name, takes, min, max, named: |_| None }
}

impl Field {
    fn wrong(&self, item: &str) -> CronError {
        CronError::Item { field: self.name, item: item.to_owned(), takes: self.takes }
    }

    fn number(&self, text: &str) -> Option<u32> {
        let number = match text.bytes().all(|it| it.is_ascii_digit()) {
            true => text.parse().ok()?,
            false if text.len() == 3 => (self.named)(text)?,
            false => return None,
        };
        (self.min..=self.max).contains(&number).then_some(number)
    }

    /// `*`, `a`, `a-b`, `*/n`, `a-b/n` and `a/n`, which is from `a` to the end: first, last, and step.
    /// A range may go over the end (`22-2`), but then without steps, about which nobody agrees.
    fn range(&self, item: &str) -> Option<(u32, u32, u32)> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|it| 0 < *it)?)),
            None => (item, None),
        };
        let (low, high) = if range == "*" {
            (self.min, self.max)
        } else if let Some((low, high)) = range.split_once('-') {
            (self.number(low)?, self.number(high)?)
        } else {
            let low = self.number(range)?;
            (low, if step.is_some() { self.max } else { low })
        };
        let Some(step) = step.map(u32::from) else { return Some((low, high, 1)) };
        // `cron` takes no step that is longer than its field.
        let is_short = high.checked_sub(low)? < step;
        Some(if is_short { (low, low, 1) } else { (low, high, step) })
    }

    /// A field in the language of `cron`: numbers, and each range up to the end at most.
    fn text(&self, field: &str) -> Result<String, CronError> {
        if field == "*" {
            return Ok(field.to_owned());
        }
        let text = |item| match self.range(item).ok_or_else(|| self.wrong(item))? {
            (low, high, _) if high < low => Ok(format!("{low}-{},{}-{high}", self.max, self.min)),
            (low, high, step) => Ok(format!("{low}-{high}/{step}")),
        };
        Ok(field.split(',').map(text).collect::<Result<Vec<_>, _>>()?.join(","))
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let text = text.trim().to_ascii_lowercase();
        let text = match NICKNAMES.iter().find(|it| it.0 == text) {
            Some((_, expression)) => expression,
            None if text.starts_with('@') => return Err(CronError::Nickname(text)),
            None => text.as_str(),
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (seconds, rest) = match fields.as_slice() {
            rest if rest.len() == 5 => ("0".to_owned(), rest),
            [seconds, rest @ ..] if rest.len() == 5 => (SECOND.text(seconds)?, rest),
            _ => return Err(CronError::Fields(fields.len())),
        };
        let times = format!("{seconds} {} {}", MINUTE.text(rest[0])?, HOUR.text(rest[1])?);
        let mut days: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for item in restricted(rest[2]) {
            let (kind, text) = date(item)?;
            days.entry(kind).or_default().push(text);
        }
        let months = MONTH.text(rest[3])?;
        for item in restricted(rest[4]) {
            let (kind, text) = weekday(item).ok_or_else(|| WEEKDAY.wrong(item))?;
            days.entry(kind).or_default().push(text);
        }
        if days.is_empty() {
            days.insert(Kind::EveryDay, vec!["*".to_owned()]);
        }
        let branch = |(kind, items): (Kind, Vec<String>)| {
            let (days, weekdays) = kind.fields(items.join(","));
            let schedule = Schedule::from_str(&format!("{times} {days} {months} {weekdays}"));
            let schedule = schedule.map_err(|_| CronError::Expression(text.to_owned()))?;
            Ok(Branch { kind, schedule })
        };
        let branches: Result<_, CronError> = days.into_iter().map(branch).collect();
        Ok(Self { branches: branches? })
    }
}

impl Kind {
    /// The two day fields in the language of `cron`, in which both must fit.
    fn fields(self, items: String) -> (String, String) {
        let all = || "*".to_owned();
        match self {
            Self::EveryDay | Self::Date | Self::LastDate => (items, all()),
            Self::Weekday => (all(), items),
            // The first of its kind is among the first seven days, and so on.
            Self::NthWeekday(nth) => (format!("{}-{}", 7 * nth - 6, DAY.max.min(7 * nth)), items),
            Self::LastWeekday => ("22-31".to_owned(), items),
        }
    }
}

/// The items of a day field; none where it allows every day.
fn restricted(field: &str) -> impl Iterator<Item = &str> {
    field.split(',').filter(move |_| !matches!(field, "*" | "?"))
}

fn date(item: &str) -> Result<(Kind, String), CronError> {
    match item {
        "l" => Ok((Kind::LastDate, "28-31".to_owned())),
        _ => Ok((Kind::Date, DAY.text(item)?)),
    }
}

fn weekday(item: &str) -> Option<(Kind, String)> {
    // To `cron`, Sunday is 1.
    let day = |number: u32| (number % 7 + 1).to_string();
    if let Some((weekday, nth)) = item.split_once('#') {
        let nth = nth.parse().ok().filter(|it| (1..=5).contains(it))?;
        return Some((Kind::NthWeekday(nth), day(WEEKDAY.number(weekday)?)));
    }
    if let Some(weekday) = item.strip_suffix('l') {
        return Some((Kind::LastWeekday, day(WEEKDAY.number(weekday)?)));
    }
    let (low, high, step) = WEEKDAY.range(item)?;
    let high = if high < low { high + 7 } else { high };
    let days = (low..=high).step_by(usize::try_from(step).ok()?).map(day);
    Some((Kind::Weekday, days.collect::<Vec<_>>().join(",")))
}
