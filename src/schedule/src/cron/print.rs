//! Cron expressions in their canonical form, which reads back as the same value.

use std::fmt;

use super::{Cron, Days, Set, Weekdays};

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seconds != Set::single(0) {
            write!(f, "{} ", numbers(self.seconds, 0, 59))?;
        }
        write!(
            f,
            "{} {} {} {} {}",
            numbers(self.minutes, 0, 59),
            numbers(self.hours, 0, 23),
            self.days,
            numbers(self.months, 1, 12),
            self.weekdays
        )
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all {
            return f.write_str("*");
        }
        let mut items = ranges(self.set);
        if self.last {
            items.push("L".to_owned());
        }
        f.write_str(&items.join(","))
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all {
            return f.write_str("*");
        }
        let mut items = ranges(self.set);
        for (nth, set) in (1..).zip(self.nth) {
            items.extend(set.iter().map(|day| format!("{day}#{nth}")));
        }
        items.extend(self.last.iter().map(|day| format!("{day}L")));
        f.write_str(&items.join(","))
    }
}

/// `*`, `*/n`, or ranges.
fn numbers(set: Set, min: u8, max: u8) -> String {
    let every = |step: u8| {
        let mut set = Set::default();
        (min..=max).step_by(usize::from(step)).for_each(|it| set.insert(it));
        set
    };
    if set == every(1) {
        return "*".to_owned();
    }
    // A step with less than three hits is easier to read as a list.
    match (2..=(max - min) / 2).find(|&step| set == every(step)) {
        Some(step) => format!("*/{step}"),
        None => ranges(set).join(","),
    }
}

/// Each run of numbers as `a`, `a,b` or `a-c`.
fn ranges(set: Set) -> Vec<String> {
    let mut runs: Vec<(i8, i8)> = Vec::new();
    for number in set.iter() {
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
