//! Cron expressions in their canonical form, which reads back as the same value.

use std::fmt;

use cron::TimeUnitSpec;

use super::{Branch, Cron, Kind};

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Branch { schedule, .. }) = self.branches.first() else { return Ok(()) };
        let seconds = numbers(schedule.seconds(), 0, 59);
        if seconds != "0" {
            write!(f, "{seconds} ")?;
        }
        let of_month = |it: &&Branch| it.kind < Kind::Weekday;
        let (days, weekdays): (Vec<&Branch>, Vec<_>) = self.branches.iter().partition(of_month);
        write!(
            f,
            "{} {} {} {} {}",
            numbers(schedule.minutes(), 0, 59),
            numbers(schedule.hours(), 0, 23),
            field(&days),
            numbers(schedule.months(), 1, 12),
            field(&weekdays)
        )
    }
}

impl Branch {
    /// Days of the week, Sunday being 0.
    pub(super) fn weekdays(&self) -> impl Iterator<Item = u32> {
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
}

fn field(branches: &[&Branch]) -> String {
    if branches.is_empty() {
        return "*".to_owned();
    }
    branches.iter().flat_map(|it| it.items()).collect::<Vec<_>>().join(",")
}

/// `*`, `*/n`, or ranges.
fn numbers(field: &impl TimeUnitSpec, min: u32, max: u32) -> String {
    if field.is_all() {
        return "*".to_owned();
    }
    let every = |step: &usize| field.iter().eq((min..=max).step_by(*step));
    // A step with less than three hits is easier to read as a list.
    let most = usize::try_from((max - min) / 2).unwrap_or_default();
    match (2..=most).find(every) {
        Some(step) => format!("*/{step}"),
        None => ranges(field.iter()).join(","),
    }
}

/// Each run of numbers as `a`, `a,b` or `a-c`.
fn ranges(numbers: impl Iterator<Item = u32>) -> Vec<String> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => runs.push((number, number)),
        }
    }
    runs.into_iter()
        .flat_map(|(low, high)| match high - low {
            0 => vec![low.to_string()],
            1 => vec![low.to_string(), high.to_string()],
            _ => vec![format!("{low}-{high}")],
        })
        .collect()
}
