//! Cron expressions in words, as far as words are clearer than the expression.

use chrono::Month;
use cron::{Schedule, TimeUnitSpec};

use super::{Branch, Cron, Kind};

/// More times of a day than this are no sentence any more.
const TIMES_MAX: usize = 4;

/// Monday comes first.
pub(crate) const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Cron {
    /// `every weekday at 09:00`; where there are no such words, the expression.
    pub(crate) fn words(&self) -> String {
        self.sentence().unwrap_or_else(|| format!("at the times of `{self}`"))
    }

    fn sentence(&self) -> Option<String> {
        let [branch] = self.branches.as_slice() else { return None };
        let schedule = &branch.schedule;
        if !schedule.seconds().iter().eq([0]) {
            return None;
        }
        if schedule.hours().is_all() {
            let any_day = branch.kind == Kind::EveryDay && schedule.months().is_all();
            let minutes: Vec<u32> = schedule.minutes().iter().collect();
            return match minutes.as_slice() {
                _ if !any_day => None,
                [0] => Some("every full hour".to_owned()),
                [minute] => Some(format!("every hour at minute {minute}")),
                _ if schedule.minutes().is_all() => Some("every full minute".to_owned()),
                _ => None,
            };
        }
        Some(format!("{} at {}", branch.day()?, times(schedule)?))
    }
}

impl Branch {
    fn day(&self) -> Option<String> {
        let months: Vec<u32> = self.schedule.months().iter().collect();
        let days: Vec<u32> = self.schedule.days_of_month().iter().collect();
        if !self.schedule.months().is_all() {
            return match (self.kind, months.as_slice(), days.as_slice()) {
                (Kind::Date, [month], [day]) => {
                    let month = Month::try_from(u8::try_from(*month).ok()?).ok()?;
                    Some(format!("every year on {day} {}", month.name()))
                }
                _ => None,
            };
        }
        match self.kind {
            Kind::EveryDay => Some("every day".to_owned()),
            Kind::Date if days.len() <= TIMES_MAX => {
                let days: Vec<String> = days.into_iter().map(ordinal).collect();
                Some(format!("on the {} of every month", list(&days)))
            }
            Kind::Date => None,
            Kind::LastDate => Some("on the last day of every month".to_owned()),
            Kind::Weekday => Some(match self.weekday_names().as_slice() {
                ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"] => {
                    "every weekday".to_owned()
                }
                days if days == WEEKDAYS => "every day".to_owned(),
                days => format!("every {}", list(days)),
            }),
            Kind::NthWeekday(nth) => self.only_weekday(&ordinal(nth)),
            Kind::LastWeekday => self.only_weekday("last"),
        }
    }

    fn only_weekday(&self, which: &str) -> Option<String> {
        match self.weekday_names().as_slice() {
            [day] => Some(format!("on the {which} {day} of every month")),
            _ => None,
        }
    }

    fn weekday_names(&self) -> Vec<&'static str> {
        // Their first day is the last one here.
        let is_on = |(at, _): &(u32, _)| self.weekdays().any(|it| it == (at + 1) % 7);
        (0..).zip(WEEKDAYS).filter(is_on).map(|it| it.1).collect()
    }
}

fn times(schedule: &Schedule) -> Option<String> {
    let minutes: Vec<u32> = schedule.minutes().iter().collect();
    let [minute] = minutes.as_slice() else { return None };
    let hours = schedule.hours().iter();
    let times: Vec<String> = hours.map(|hour| format!("{hour:02}:{minute:02}")).collect();
    (times.len() <= TIMES_MAX).then(|| list(&times))
}

fn ordinal(number: u32) -> String {
    let ending = match (number / 10, number % 10) {
        (1, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// `a, b and c`
fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}
