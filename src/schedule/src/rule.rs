//! Rules, and the text that a database keeps of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use domain::BadText;
use domain::task::{parse_span, span};
use domain::time::Timestamp;

use crate::check::{local, stamp};
use crate::cron::Cron;
use crate::wall::Second;
use crate::zone::Zone;

/// When something is to happen.
///
/// Its text is canonical: `at 2026-11-25T08:00:00Z`, `every 20m from 2026-11-25T08:00:00Z`,
/// `every 14d at 10:00 from 2026-11-27`, or a cron expression. People write more than that; see [`crate::understand`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One time; on a whole second.
    Once(Timestamp),
    /// In elapsed time, whatever is done to clocks: after one period, after two, and so on.
    Every { period: Duration, from: Timestamp },
    /// Every so many days, by the clock on the wall.
    Days(EveryDays),
    /// By the clock on the wall.
    Cron(Cron),
}

impl Rule {
    /// One time, rounded up to a whole second.
    pub fn once(at: Timestamp) -> Self {
        Self::Once(Second::at_or_after(at).timestamp())
    }

    /// Every whole number of seconds, at least one, counted from the next whole second.
    pub fn every(period: Duration, from: Timestamp) -> Self {
        let period = Duration::from_secs(period.as_secs().max(1));
        Self::Every { period, from: Second::at_or_after(from).timestamp() }
    }

    /// In words, for people in this zone: `every weekday at 09:00`, `every 20m`.
    pub fn words(&self, zone: &Zone) -> String {
        match self {
            Self::Once(at) => format!("once, on {}", local(*at, zone)),
            Self::Every { period, .. } => format!("every {}", span(*period)),
            Self::Days(days) => days.words(),
            Self::Cron(cron) => cron.words(),
        }
    }
}

impl FromStr for Rule {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let no_start = || BadText("it does not say from when on it counts".to_owned());
        let text = text.trim();
        if let Some(at) = text.strip_prefix("at ") {
            return instant(at).map(Self::once);
        }
        if let Some(rest) = text.strip_prefix("every ") {
            let (period, from) = rest.split_once(" from ").ok_or_else(no_start)?;
            if let Some((days, time)) = period.split_once(" at ") {
                return EveryDays::parse(days, time, from)
                    .map(Self::Days)
                    .ok_or_else(|| wrong(rest, "like `14d at 10:00 from 2026-11-27`"));
            }
            let positive = parse_span(period).filter(|it| !it.is_zero());
            let like = "a period like 90s, 20m, 2h or 3d";
            let period = positive.ok_or_else(|| wrong(period, like))?;
            return Ok(Self::every(period, instant(from)?));
        }
        text.parse().map(Self::Cron)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = |at: &Timestamp| stamp(*at, &Zone::utc());
        match self {
            Self::Once(at) => write!(f, "at {}", utc(at)),
            Self::Every { period, from } => {
                write!(f, "every {} from {}", span(*period), utc(from))
            }
            Self::Days(days) => days.fmt(f),
            Self::Cron(cron) => cron.fmt(f),
        }
    }
}

fn instant(text: &str) -> Result<Timestamp, BadText> {
    let text = text.trim();
    let parsed = text.parse::<jiff::Timestamp>().map(|it| Timestamp(it.as_millisecond()));
    parsed.map_err(|_| wrong(text, "a time like 2026-11-25T08:00:00Z"))
}

fn wrong(text: &str, like: &str) -> BadText {
    BadText(format!("`{text}` is not {like}"))
}

pub(crate) const DAY_SECS: u64 = 86_400;
/// More is a typing error.
const DAYS_MAX: u32 = 10_000;

/// Some days apart, by the clock on the wall: no cron expression, whose days begin again with each month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EveryDays {
    days: u32,
    /// The first time, on a whole minute.
    from: NaiveDateTime,
}

impl EveryDays {
    /// At least one day; what `time` has beyond minutes is dropped.
    pub fn new(days: u32, from: NaiveDate, time: NaiveTime) -> Self {
        let time = NaiveTime::from_hms_opt(time.hour(), time.minute(), 0).unwrap_or_default();
        Self { days: days.clamp(1, DAYS_MAX), from: from.and_time(time) }
    }

    pub(crate) fn parse(days: &str, time: &str, from: &str) -> Option<Self> {
        let days = whole(parse_span(days.trim())?, DAY_SECS).filter(|it| *it <= DAYS_MAX)?;
        Some(Self::new(days, from.trim().parse().ok()?, time.trim().parse().ok()?))
    }

    pub(crate) fn at(&self, time: NaiveTime) -> Self {
        Self::new(self.days, self.from.date(), time)
    }

    pub(crate) fn words(&self) -> String {
        let (time, weekday) = (self.from.format("%H:%M"), self.from.format("%A"));
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
        let before = begin.signed_duration_since(self.from).num_seconds() - 1;
        let number = before.div_euclid(i64::from(self.days) * 86_400) + 1;
        let days = u64::try_from(number).unwrap_or(0) * u64::from(self.days);
        self.from.checked_add_days(Days::new(days))
    }
}

/// How many times a span has these seconds; `None` when something is left over.
pub(crate) fn whole(span: Duration, seconds: u64) -> Option<u32> {
    let is_whole = span.as_secs().is_multiple_of(seconds);
    u32::try_from(span.as_secs() / seconds).ok().filter(|count| is_whole && 0 < *count)
}

impl fmt::Display for EveryDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, date) = (self.from.format("%H:%M"), self.from.date());
        write!(f, "every {}d at {time} from {date}", self.days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_text_reads_back() {
        for text in [
            "at 2026-11-25T08:00:00Z",
            "every 20m from 2026-11-25T08:00:00Z",
            "every 1d from 1999-12-31T23:59:59Z",
            "every 14d at 10:00 from 2026-11-27",
            "0 9 * * 1-5",
            "*/20 * * * * *",
        ] {
            let rule: Rule = text.parse().unwrap();
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let why = |text: &str| text.parse::<Rule>().unwrap_err().to_string();
        assert_eq!(why("at noon"), "`noon` is not a time like 2026-11-25T08:00:00Z");
        assert_eq!(
            why("every 5 from 2026-11-25T08:00:00Z"),
            "`5` is not a period like 90s, 20m, 2h or 3d"
        );
        assert!(why("every 0s from 2026-11-25T08:00:00Z").contains("not a period"));
        for text in
            ["14h at 10:00 from 2026-11-27", "0d at 10:00 from 2026-11-27", "2d at 10 from x"]
        {
            assert!(why(&format!("every {text}")).contains("is not like `14d"), "{text}");
        }
        assert_eq!(why("every 5m"), "it does not say from when on it counts");
        assert!(why("* * *").contains("this one has 3"));
    }

    #[test]
    fn odd_instants_are_rounded_and_kept_within_reason() {
        assert_eq!(Rule::once(Timestamp(1)), Rule::Once(Timestamp(1_000)));
        for odd in [i64::MIN, i64::MAX] {
            let rule = Rule::once(Timestamp(odd));
            assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
        }
    }
}
