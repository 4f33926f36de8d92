//! Cron expressions as people write them.

use std::str::FromStr;

use super::{Cron, Days, Set, Weekdays};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

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
}

/// One field: what it is called, what it takes, and the numbers behind its names.
struct Field {
    name: &'static str,
    takes: &'static str,
    min: u8,
    max: u8,
    names: &'static [&'static str],
}

const SECOND: Field = Field { name: "the second", takes: "0-59", min: 0, max: 59, names: &[] };
const MINUTE: Field = Field { name: "the minute", takes: "0-59", min: 0, max: 59, names: &[] };
const HOUR: Field = Field { name: "the hour", takes: "0-23", min: 0, max: 23, names: &[] };
const DAY: Field =
    Field { name: "the day of the month", takes: "1-31, `L`", min: 1, max: 31, names: &[] };
const MONTH: Field =
    Field { name: "the month", takes: "1-12, jan-dec", min: 1, max: 12, names: &MONTHS };
const WEEKDAY: Field = Field {
    name: "the day of the week",
    takes: "0-7 (0 and 7 are Sunday), sun-sat, `fri#2`, `friL`",
    min: 0,
    max: 7,
    names: &WEEKDAYS,
};

impl Field {
    fn wrong(&self, item: &str) -> CronError {
        CronError::Item { field: self.name, item: item.to_owned(), takes: self.takes }
    }

    fn value(&self, text: &str) -> Option<u8> {
        if let Some(at) = self.names.iter().position(|it| *it == text) {
            return u8::try_from(at).ok().map(|it| it + self.min);
        }
        let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let number = if digits { text.parse().ok()? } else { return None };
        (self.min..=self.max).contains(&number).then_some(number)
    }

    /// `*`, `a`, `a-b`, `*/n`, `a-b/n` and `a/n`, which is from `a` to the end. A range may go over
    /// the end (`22-2`), but then without steps, about which nobody agrees.
    fn item(&self, item: &str) -> Option<Set> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|it| 0 < *it)?)),
            None => (item, None),
        };
        let (low, high) = if range == "*" {
            (self.min, self.max)
        } else if let Some((low, high)) = range.split_once('-') {
            (self.value(low)?, self.value(high)?)
        } else {
            let low = self.value(range)?;
            (low, if step.is_some() { self.max } else { low })
        };
        let mut set = Set::default();
        if low <= high {
            (low..=high).step_by(usize::from(step.unwrap_or(1))).for_each(|it| set.insert(it));
        } else if step.is_none() {
            (low..=self.max).chain(self.min..=high).for_each(|it| set.insert(it));
        } else {
            return None;
        }
        Some(set)
    }

    fn set(&self, text: &str) -> Result<Set, CronError> {
        let mut set = Set::default();
        for item in text.split(',') {
            set.0 |= self.item(item).ok_or_else(|| self.wrong(item))?.0;
        }
        Ok(set)
    }
}

impl Set {
    /// Sunday is 0, whichever of its two numbers was written.
    fn of_week(self) -> Self {
        Self(self.0 & 0x7f | self.0 >> 7 & 1)
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
            rest if rest.len() == 5 => (Set::single(0), rest),
            [seconds, rest @ ..] if rest.len() == 5 => (SECOND.set(seconds)?, rest),
            _ => return Err(CronError::Fields(fields.len())),
        };
        Ok(Self {
            seconds,
            minutes: MINUTE.set(rest[0])?,
            hours: HOUR.set(rest[1])?,
            days: days(rest[2])?,
            months: MONTH.set(rest[3])?,
            weekdays: weekdays(rest[4])?,
        })
    }
}

fn days(text: &str) -> Result<Days, CronError> {
    let mut days = Days::default();
    if matches!(text, "*" | "?") {
        days.all = true;
        return Ok(days);
    }
    for item in text.split(',') {
        if item == "l" {
            days.last = true;
        } else {
            days.set.0 |= DAY.item(item).ok_or_else(|| DAY.wrong(item))?.0;
        }
    }
    Ok(days)
}

fn weekdays(text: &str) -> Result<Weekdays, CronError> {
    let mut days = Weekdays::default();
    if matches!(text, "*" | "?") {
        days.all = true;
        return Ok(days);
    }
    for item in text.split(',') {
        let wrong = || WEEKDAY.wrong(item);
        let one =
            |day: &str| WEEKDAY.value(day).map(|it| Set::single(it).of_week()).ok_or_else(wrong);
        if let Some((day, nth)) = item.split_once('#') {
            let nth: usize = nth.parse().map_err(|_| wrong())?;
            let place = nth.checked_sub(1).and_then(|it| days.nth.get_mut(it)).ok_or_else(wrong)?;
            place.0 |= one(day)?.0;
        } else if let Some(day) = item.strip_suffix('l') {
            days.last.0 |= one(day)?.0;
        } else {
            days.set.0 |= WEEKDAY.item(item).ok_or_else(wrong)?.of_week().0;
        }
    }
    Ok(days)
}
