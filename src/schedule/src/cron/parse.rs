//! Cron expressions as people write them.

use std::collections::BTreeMap;
use std::str::FromStr;

use cron::Schedule;
use domain::BadText;

use super::{Branch, Cron, Kind};

/// Sunday is 0.
pub(crate) const WEEKDAYS: &str = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday";
pub(crate) const MONTHS: &str =
    "January February March April May June July August September October November December";

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

/// One field: what it is called, what it takes, and names that stand for its numbers from the first on.
struct Field {
    name: &'static str,
    takes: &'static str,
    min: u32,
    max: u32,
    names: &'static str,
}

const SECOND: Field = field("the second", "0-59", 0, 59, "");
const MINUTE: Field = field("the minute", "0-59", 0, 59, "");
const HOUR: Field = field("the hour", "0-23", 0, 23, "");
const DAY: Field = field("the day of the month", "1-31, `L`", 1, 31, "");
const MONTH: Field = field("the month", "1-12, jan-dec", 1, 12, MONTHS);
const WEEKDAY: Field = field(
    "the day of the week",
    "0-7 (0 and 7 are Sunday), sun-sat, `fri#2`, `friL`",
    0,
    7,
    WEEKDAYS,
);

const fn field(
    name: &'static str,
    takes: &'static str,
    min: u32,
    max: u32,
    names: &'static str,
) -> Field {
    Field { name, takes, min, max, names }
}

/// Which name a word is, or begins with three letters or more (`thurs`); the first is 0.
pub(crate) fn named(names: &str, word: &str) -> Option<u32> {
    let is_begin = |it: &str| it.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
    let at = names.split(' ').position(is_begin).filter(|_| 3 <= word.len())?;
    u32::try_from(at).ok()
}

impl Field {
    fn number(&self, text: &str) -> Option<u32> {
        let number = match text.bytes().all(|it| it.is_ascii_digit()) {
            true => text.parse().ok()?,
            false => named(self.names, text)? + self.min,
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

    fn item(&self, item: &str) -> Option<String> {
        Some(match self.range(item)? {
            (low, high, _) if high < low => format!("{low}-{},{}-{high}", self.max, self.min),
            (low, high, step) => format!("{low}-{high}/{step}"),
        })
    }

    fn items<T>(&self, text: &str, read: fn(&Self, &str) -> Option<T>) -> Result<Vec<T>, BadText> {
        let wrong = |item: &str| {
            let Self { name, takes, .. } = self;
            BadText(format!(
                "`{item}` is not understood as {name}: it takes {takes}, `*`, `a-b`, `*/n` and lists of these"
            ))
        };
        text.split(',').map(|it| read(self, it).ok_or_else(|| wrong(it))).collect()
    }

    fn text(&self, text: &str) -> Result<String, BadText> {
        Ok(self.items(text, Self::item)?.join(","))
    }

    fn date(&self, item: &str) -> Option<(Kind, String)> {
        match item {
            "l" => Some((Kind::LastDate, "28-31".to_owned())),
            _ => Some((Kind::Date, self.item(item)?)),
        }
    }

    fn weekday(&self, item: &str) -> Option<(Kind, String)> {
        // To `cron`, Sunday is 1.
        let day = |number: u32| (number % 7 + 1).to_string();
        if let Some((weekday, nth)) = item.split_once('#') {
            let nth = nth.parse().ok().filter(|it| (1..=5).contains(it))?;
            return Some((Kind::NthWeekday(nth), day(self.number(weekday)?)));
        }
        if let Some(weekday) = item.strip_suffix('l') {
            return Some((Kind::LastWeekday, day(self.number(weekday)?)));
        }
        let (low, high, step) = self.range(item)?;
        let high = if high < low { high + 7 } else { high };
        let days = (low..=high).filter(|it| (it - low).is_multiple_of(step)).map(day);
        Some((Kind::Weekday, days.collect::<Vec<_>>().join(",")))
    }
}

impl FromStr for Cron {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let text = text.trim().to_ascii_lowercase();
        let text = match NICKNAMES.iter().find(|it| it.0 == text) {
            Some((_, expression)) => expression,
            None if text.starts_with('@') => {
                return Err(BadText(format!(
                    "there is no `{text}`; there are @hourly, @daily, @weekly, @monthly and @yearly"
                )));
            }
            None => text.as_str(),
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (seconds, rest) = match fields.as_slice() {
            rest if rest.len() == 5 => ("0", rest),
            [seconds, rest @ ..] if rest.len() == 5 => (*seconds, rest),
            _ => {
                return Err(BadText(format!(
                    "a cron expression has 5 fields (minute, hour, day of the month, month, day of the \
                     week) or 6 with the seconds first; this one has {}",
                    fields.len()
                )));
            }
        };
        let (minutes, hours) = (MINUTE.text(rest[0])?, HOUR.text(rest[1])?);
        let times = format!("{} {minutes} {hours}", SECOND.text(seconds)?);
        let months = MONTH.text(rest[3])?;
        let mut days: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        let restricted = |field: &str| !matches!(field, "*" | "?");
        let dates = restricted(rest[2]).then(|| DAY.items(rest[2], Field::date)).transpose()?;
        let weekdays =
            restricted(rest[4]).then(|| WEEKDAY.items(rest[4], Field::weekday)).transpose()?;
        for (kind, item) in dates.into_iter().chain(weekdays).flatten() {
            days.entry(kind).or_default().push(item);
        }
        if days.is_empty() {
            days.insert(Kind::EveryDay, vec!["*".to_owned()]);
        }
        let branch = |(kind, items): (Kind, Vec<String>)| {
            let (days, weekdays) = kind.fields(items.join(","));
            let schedule = format!("{times} {days} {months} {weekdays}").parse::<Schedule>();
            let wrong = |err| BadText(format!("that is no cron expression: {err}"));
            let schedule = schedule.map_err(wrong)?;
            Ok(Branch { kind, schedule })
        };
        Ok(Self { branches: days.into_iter().map(branch).collect::<Result<_, BadText>>()? })
    }
}

impl Kind {
    /// The two day fields in the language of `cron`, in which both must fit.
    fn fields(self, items: String) -> (String, String) {
        let all = "*".to_owned();
        match self {
            Self::EveryDay | Self::Date | Self::LastDate => (items, all),
            Self::Weekday => (all, items),
            // The first of its kind is among the first seven days, and so on.
            Self::NthWeekday(nth) => (format!("{}-{}", 7 * nth - 6, DAY.max.min(7 * nth)), items),
            Self::LastWeekday => ("22-31".to_owned(), items),
        }
    }
}
