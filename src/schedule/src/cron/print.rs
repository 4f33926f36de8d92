//! Cron expressions in their canonical form, which reads back as the same value, and in words.

use std::fmt;

use cron::TimeUnitSpec;
use domain::texts::list;

use super::{Branch, Cron, Kind, WEEKDAYS};

/// More times of a day than this are no sentence any more.
const TIMES_MAX: usize = 4;

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Branch { schedule, .. }) = self.branches.first() else { return Ok(()) };
        let seconds = numbers(schedule.seconds().iter(), 0, 59);
        if seconds != "0" {
            write!(f, "{seconds} ")?;
        }
        let minutes = numbers(schedule.minutes().iter(), 0, 59);
        let hours = numbers(schedule.hours().iter(), 0, 23);
        write!(f, "{minutes} {hours} {}", self.days())
    }
}

/// `*`, `*/n`, or ranges. A step with less than three hits is easier to read as a list.
pub(crate) fn numbers(field: impl Iterator<Item = u32>, min: u32, max: u32) -> String {
    let field: Vec<u32> = field.collect();
    let every = |step: &u32| {
        (min..=max).filter(|it| (it - min).is_multiple_of(*step)).eq(field.iter().copied())
    };
    match (1..=(max - min) / 2).find(every) {
        Some(1) => "*".to_owned(),
        Some(step) => format!("*/{step}"),
        None => ranges(field.into_iter()).join(","),
    }
}

fn ranges(numbers: impl Iterator<Item = u32>) -> Vec<String> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => runs.push((number, number)),
        }
    }
    let text = |(low, high): (u32, u32)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    };
    runs.into_iter().map(text).collect()
}

impl Cron {
    /// The last three fields of the expression: days, months and days of the week.
    pub(crate) fn days(&self) -> String {
        let (dates, weekdays): (Vec<&Branch>, Vec<_>) =
            self.branches.iter().partition(|it| it.kind < Kind::Weekday);
        let field = |branches: Vec<&Branch>| match branches.as_slice() {
            [] => "*".to_owned(),
            branches => branches.iter().flat_map(|it| it.items()).collect::<Vec<_>>().join(","),
        };
        let months = self.branches.first().map(|it| numbers(it.schedule.months().iter(), 1, 12));
        format!("{} {} {}", field(dates), months.unwrap_or_default(), field(weekdays))
    }

    /// `every weekday at 09:00`; where there are no such words, the expression.
    pub(crate) fn words(&self) -> String {
        self.sentence().unwrap_or_else(|| format!("at the times of `{self}`"))
    }

    fn sentence(&self) -> Option<String> {
        let [branch] = self.branches.as_slice() else { return None };
        let schedule = &branch.schedule;
        let (minutes, hours): (Vec<u32>, Vec<u32>) =
            (schedule.minutes().iter().collect(), schedule.hours().iter().collect());
        let is_plain = schedule.seconds().iter().eq([0]) && schedule.months().is_all();
        let [minute] = minutes[..] else { return None };
        let day = branch.day().filter(|_| is_plain && hours.len() <= TIMES_MAX)?;
        let times: Vec<String> = hours.iter().map(|it| format!("{it:02}:{minute:02}")).collect();
        Some(format!("{day} at {}", list(&times)))
    }
}

impl Branch {
    /// Days of the week, Sunday being 0.
    fn weekdays(&self) -> impl Iterator<Item = u32> {
        self.schedule.days_of_week().iter().map(|it| it - 1)
    }

    fn items(&self) -> Vec<String> {
        match self.kind {
            Kind::EveryDay => vec!["*".to_owned()],
            Kind::Date => ranges(self.schedule.days_of_month().iter()),
            Kind::LastDate => vec!["L".to_owned()],
            Kind::Weekday => ranges(self.weekdays()),
            Kind::NthWeekday(nth) => self.weekdays().map(|it| format!("{it}#{nth}")).collect(),
            Kind::LastWeekday => self.weekdays().map(|it| format!("{it}L")).collect(),
        }
    }

    fn day(&self) -> Option<String> {
        let (dates, weekdays): (Vec<u32>, Vec<u32>) =
            (self.schedule.days_of_month().iter().collect(), self.weekdays().collect());
        Some(match (self.kind, &dates[..], &weekdays[..]) {
            (Kind::EveryDay, ..) | (Kind::Weekday, _, [0, 1, 2, 3, 4, 5, 6]) => {
                "every day".to_owned()
            }
            (Kind::Weekday, _, [1, 2, 3, 4, 5]) => "every weekday".to_owned(),
            // Monday comes first.
            (Kind::Weekday, ..) => {
                let days = (1..=7).zip(WEEKDAYS.split(' ').cycle().skip(1));
                let named = days.filter(|it| weekdays.contains(&(it.0 % 7)));
                format!("every {}", list(&named.map(|it| it.1.to_owned()).collect::<Vec<_>>()))
            }
            (Kind::LastDate, ..) => "on the last day of every month".to_owned(),
            (Kind::Date, [day], _) => format!("on day {day} of every month"),
            (Kind::Date | Kind::NthWeekday(_) | Kind::LastWeekday, ..) => return None,
        })
    }
}
