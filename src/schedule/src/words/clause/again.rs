//! Days that come again.

use std::time::Duration;

use super::names::{Nth, Part, nth, unit, weekday};
use super::{DAY, Day, Words};

impl Words<'_> {
    /// Everything that comes again.
    pub(super) fn repeated(&mut self) -> Option<Day> {
        if self.take("daily") {
            return Some(weekly("*"));
        }
        if self.take("hourly") {
            return Some(Day::Period(Duration::from_hours(1)));
        }
        if let Some(day) = self.attempt(Self::of_month) {
            return Some(day);
        }
        let is_weekly = self.take("weekly");
        let again = is_weekly || self.take("every") || self.take("each");
        if let Some(day) = self.attempt(|it| it.days_of_week(again)) {
            return Some(day);
        }
        if is_weekly {
            return Some(Day::Period(Duration::from_secs(7 * DAY)));
        }
        if again { self.every() } else { None }
    }

    /// `mondays and fridays`, `weekdays`, and after `every` also in the singular.
    fn days_of_week(&mut self, again: bool) -> Option<Day> {
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
        self.next(|word| match word {
            "weekdays" => Some("1-5"),
            "weekends" => Some("0,6"),
            "weekday" if again => Some("1-5"),
            "weekend" if again => Some("0,6"),
            _ => None,
        })
        .map(weekly)
    }

    /// What follows `every`. A day has its times, and the week its day; other units count from now.
    fn every(&mut self) -> Option<Day> {
        // The word for the part of the day says how its times are meant.
        let is_part = self.0.first().is_some_and(|it| Part::parse(it).is_some());
        if is_part || self.take("day") {
            return Some(weekly("*"));
        }
        if self.take("year") {
            return self.yearly();
        }
        if let Some(day) = self.attempt(Self::yearly).or_else(|| self.attempt(Self::every_second)) {
            return Some(day);
        }
        let period = self
            .attempt(Self::span)
            .or_else(|| self.next(unit).map(Duration::from_secs))
            .map(Day::Period)?;
        Some(self.on_weekday(period))
    }

    /// `24 december`.
    fn yearly(&mut self) -> Option<Day> {
        let (day, month) = self.day_and_month()?;
        let (days, months) = (day.to_string(), month.to_string());
        Some(Day::Repeated { days, months, weekdays: "*".to_owned() })
    }

    /// `other day`, `second friday`, `other week on friday`: every one but one.
    fn every_second(&mut self) -> Option<Day> {
        if !self.take("other") && !self.take("second") {
            return None;
        }
        if let Some(weekday) = self.next(weekday) {
            return Some(Day::Weeks { weeks: 2, weekday });
        }
        let period = Day::Period(Duration::from_secs(2 * self.next(unit)?));
        Some(self.on_weekday(period))
    }

    /// Whole weeks may name their day.
    fn on_weekday(&mut self, day: Day) -> Day {
        let Day::Period(period) = day else { return day };
        let weeks = u32::try_from(period.as_secs() / (7 * DAY)).unwrap_or(0);
        let is_whole = period.as_secs().is_multiple_of(7 * DAY) && 0 < weeks;
        match self.next(|word| if is_whole { weekday(word) } else { None }) {
            Some(day) if weeks == 1 => weekly(&day.to_string()),
            Some(weekday) => Day::Weeks { weeks, weekday },
            None => day,
        }
    }

    /// `1st every month`, `every month last day`, `2nd friday every month`.
    fn of_month(&mut self) -> Option<Day> {
        let month = |words: &mut Self| {
            let _ = words.take("every") || words.take("each");
            words.take("month").then_some(())
        };
        let every_month = |it: &mut Self| it.attempt(month).is_some() || it.take("monthly");
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
}

fn weekly(weekdays: &str) -> Day {
    monthly("*".to_owned(), weekdays.to_owned())
}

fn monthly(days: String, weekdays: String) -> Day {
    Day::Repeated { days, months: "*".to_owned(), weekdays }
}
