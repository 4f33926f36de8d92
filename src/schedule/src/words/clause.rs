//! The clauses of a phrase.

use std::time::Duration;

use jiff::civil::Time;

/// Words that carry nothing once the others are known.
const FILLERS: [&str; 7] = ["on", "the", "of", "and", "o'clock", "please", "sharp"];
const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];
const UNITS: [(&[&str], u64); 5] = [
    (&["s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
    (&["w", "week", "weeks"], 7 * 86_400),
];
/// A span of more than this many of any unit is a typing error.
const COUNT_MAX: u64 = 10_000;

/// Which days, or what instead of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Day {
    After(Duration),
    Period(Duration),
    /// The day fields of a cron expression.
    Repeated {
        days: String,
        months: String,
        weekdays: String,
    },
    InDays(i32),
    Date {
        year: Option<i16>,
        month: i8,
        day: i8,
    },
    /// The next one; Sunday is 0.
    Weekday(i8),
}

/// What a phrase says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clauses {
    pub(super) day: Option<Day>,
    pub(super) times: Vec<Time>,
}

/// The words that are left to read.
struct Words<'a>(&'a [&'a str]);

impl Clauses {
    /// `None` when there is a word that fits nowhere, or the same thing is said twice.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(['.', '!']).to_ascii_lowercase().replace(',', " ");
        let words: Vec<&str> = text.split_whitespace().filter(|it| !FILLERS.contains(it)).collect();
        let mut words = Words(&words);
        let mut found = Self::default();
        while !words.0.is_empty() {
            if found.times.is_empty() && words.take("at") {
                found.times = words.times()?;
            } else if found.day.is_none()
                && let Some(day) = words.day()
            {
                found.day = Some(day);
            } else if found.times.is_empty() && found.day.is_some() {
                // `tomorrow 9:00`
                found.times = words.times()?;
            } else {
                return None;
            }
        }
        (found.day.is_some() || !found.times.is_empty()).then_some(found)
    }
}

impl Words<'_> {
    fn take(&mut self, word: &str) -> bool {
        let is = self.0.first() == Some(&word);
        if is {
            self.0 = &self.0[1..];
        }
        is
    }

    /// What `read` makes of the next word, which is taken then.
    fn next<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.0.first().and_then(|it| read(it))?;
        self.0 = &self.0[1..];
        Some(value)
    }

    /// Reads on from here, and comes back if that leads nowhere.
    fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.0;
        let value = read(self);
        if value.is_none() {
            self.0 = before;
        }
        value
    }

    fn times(&mut self) -> Option<Vec<Time>> {
        let mut times = vec![self.time()?];
        while let Some(time) = self.attempt(|it| if it.is_date() { None } else { it.time() }) {
            times.push(time);
        }
        Some(times)
    }

    /// Whether the next word is the `24` of `24 december`.
    fn is_date(&self) -> bool {
        self.0.get(1).is_some_and(|it| month(it).is_some())
    }

    /// `9`, `9:30`, `9am`, `9 am`, `noon`.
    fn time(&mut self) -> Option<Time> {
        let word = *self.0.first()?;
        let rest = &self.0[1..];
        let (half, taken) = match rest.first() {
            Some(&half @ ("am" | "pm")) => (Some(half), 2),
            _ => (["am", "pm"].into_iter().find(|it| word.ends_with(it)), 1),
        };
        let clock = half.map_or(word, |it| word.trim_end_matches(it));
        let time = match clock {
            "noon" => Time::constant(12, 0, 0, 0),
            "midnight" => Time::midnight(),
            _ => {
                let (hour, minute) = clock.split_once(':').unwrap_or((clock, "0"));
                let hour: i8 = number(hour, 2).and_then(|it| it.try_into().ok())?;
                let hour = match half {
                    None => hour,
                    Some(_) if !(1..=12).contains(&hour) => return None,
                    Some("pm") => hour % 12 + 12,
                    Some(_) => hour % 12,
                };
                let minute: i8 = number(minute, 2).and_then(|it| it.try_into().ok())?;
                Time::new(hour, minute, 0, 0).ok()?
            }
        };
        self.0 = &self.0[taken..];
        Some(time)
    }

    fn day(&mut self) -> Option<Day> {
        if self.take("in") {
            return self.span().map(Day::After);
        }
        for (word, ahead) in [("today", 0), ("tomorrow", 1)] {
            if self.take(word) {
                return Some(Day::InDays(ahead));
            }
        }
        self.take("next");
        self.attempt(Self::repeated)
            .or_else(|| self.attempt(Self::date))
            .or_else(|| self.next(weekday).map(Day::Weekday))
    }

    /// `20 minutes`, `an hour`, `1 hour 30 minutes`, `20m`.
    fn span(&mut self) -> Option<Duration> {
        if self.take("half") {
            self.next(|it| (it == "an").then_some(()))?;
            return self.next(|it| (it == "hour").then_some(Duration::from_mins(30)));
        }
        let mut span = Duration::ZERO;
        while let Some(more) = self.attempt(Self::one_span) {
            span += more;
        }
        (!span.is_zero()).then_some(span)
    }

    fn one_span(&mut self) -> Option<Duration> {
        let (count, unit) = self.next(|word| {
            let digits = word.len() - word.trim_start_matches(|it: char| it.is_ascii_digit()).len();
            let (count, unit) = word.split_at(digits);
            match word {
                "a" | "an" | "one" => Some((1, None)),
                _ if unit.is_empty() => Some((number(count, 5)?, None)),
                _ => Some((number(count, 5)?, Some(self::unit(unit)?))),
            }
        })?;
        let unit = match unit {
            Some(unit) => unit,
            None => self.next(self::unit)?,
        };
        (0 < count && count <= COUNT_MAX).then(|| Duration::from_secs(count * unit))
    }

    /// Everything that comes again.
    fn repeated(&mut self) -> Option<Day> {
        if self.take("daily") {
            return Some(weekly("*"));
        }
        if self.take("hourly") {
            return Some(Day::Period(Duration::from_hours(1)));
        }
        if let Some(day) = self.attempt(Self::of_month) {
            return Some(day);
        }
        let again = self.take("every") || self.take("each");
        let plural = |word: &str| weekday(word.strip_suffix('s')?);
        let read =
            |word: &str| if again { weekday(word).or_else(|| plural(word)) } else { plural(word) };
        let mut days = Vec::new();
        while let Some(day) = self.next(read) {
            days.push(day.to_string());
        }
        if !days.is_empty() {
            return Some(weekly(&days.join(",")));
        }
        if self.next(|it| (it == "weekdays" || again && it == "weekday").then_some(())).is_some() {
            return Some(weekly("1-5"));
        }
        if self.next(|it| (it == "weekends" || again && it == "weekend").then_some(())).is_some() {
            return Some(weekly("0,6"));
        }
        if !again {
            return None;
        }
        // A day has its times, and the week its day; other units count from now.
        if self.take("day") {
            return Some(weekly("*"));
        }
        if self.take("year") {
            let (day, month) = self.day_and_month()?;
            let (days, months) = (day.to_string(), month.to_string());
            return Some(Day::Repeated { days, months, weekdays: "*".to_owned() });
        }
        self.attempt(Self::span)
            .or_else(|| self.next(unit).map(Duration::from_secs))
            .map(Day::Period)
    }

    /// `1st every month`, `every month last day`, `2nd friday every month`.
    fn of_month(&mut self) -> Option<Day> {
        let every_month = |it: &mut Self| {
            it.attempt(|it| {
                let _ = it.take("every") || it.take("each");
                it.take("month").then_some(())
            })
            .is_some()
                || it.take("monthly")
        };
        let before = every_month(self);
        let nth = self.next(nth)?;
        let weekday = self.next(weekday);
        if nth == Nth::Last && weekday.is_none() {
            self.next(|it| (it == "day").then_some(()))?;
        }
        if !before && !every_month(self) {
            return None;
        }
        let all = || "*".to_owned();
        match (nth, weekday) {
            (Nth::Last, None) => Some(monthly("L".to_owned(), all())),
            (Nth::Last, Some(day)) => Some(monthly(all(), format!("{day}L"))),
            (Nth::Number(number), None) => Some(monthly(number.to_string(), all())),
            (Nth::Number(number), Some(day)) => Some(monthly(all(), format!("{day}#{number}"))),
        }
    }

    /// `24 december`, `december 24 2026`, `2026-12-24`.
    fn date(&mut self) -> Option<Day> {
        if let Some(date) = self.next(|it| it.parse::<jiff::civil::Date>().ok()) {
            return Some(Day::Date {
                year: Some(date.year()),
                month: date.month(),
                day: date.day(),
            });
        }
        let (day, month) = self.day_and_month()?;
        let year = self.next(|it| if it.len() == 4 { number(it, 4) } else { None });
        Some(Day::Date { year: year.and_then(|it| it.try_into().ok()), month, day })
    }

    fn day_and_month(&mut self) -> Option<(i8, i8)> {
        let day = |word: &str| match nth(word).or_else(|| Some(Nth::Number(number(word, 2)?)))? {
            Nth::Number(day) => i8::try_from(day).ok().filter(|it| (1..=31).contains(it)),
            Nth::Last => None,
        };
        if let Some(month) = self.next(month) {
            return Some((self.next(day)?, month));
        }
        Some((self.next(day)?, self.next(month)?))
    }
}

fn weekly(weekdays: &str) -> Day {
    monthly("*".to_owned(), weekdays.to_owned())
}

fn monthly(days: String, weekdays: String) -> Day {
    Day::Repeated { days, months: "*".to_owned(), weekdays }
}

fn number(text: &str, digits_max: usize) -> Option<u64> {
    let fits = text.len() <= digits_max && text.bytes().all(|it| it.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn unit(word: &str) -> Option<u64> {
    UNITS.iter().find(|it| it.0.contains(&word)).map(|it| it.1)
}

/// A name in full, or its first three letters or more (`thurs`).
fn named(names: &[&str], word: &str) -> Option<i8> {
    let at = names.iter().position(|name| 3 <= word.len() && name.starts_with(word))?;
    i8::try_from(at).ok()
}

fn weekday(word: &str) -> Option<i8> {
    named(&WEEKDAYS, word)
}

fn month(word: &str) -> Option<i8> {
    named(&MONTHS, word).map(|it| it + 1)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nth {
    Number(u64),
    Last,
}

/// `1st`, `first`, `last`.
fn nth(word: &str) -> Option<Nth> {
    if word == "last" {
        return Some(Nth::Last);
    }
    if let Some(at) = ORDINALS.iter().position(|it| *it == word) {
        return u64::try_from(at + 1).ok().map(Nth::Number);
    }
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|it| word.strip_suffix(it))?;
    number(digits, 2).map(Nth::Number)
}
