//! Cron expressions in words, as far as words are clearer than the expression.

use super::{Cron, Set};

/// More times of a day than this are no sentence any more.
const TIMES_MAX: usize = 4;

/// Sunday is 0.
pub(crate) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Cron {
    /// `every weekday at 09:00`; where there are no such words, the expression.
    pub(crate) fn words(&self) -> String {
        self.sentence().unwrap_or_else(|| format!("at the times of `{self}`"))
    }

    fn sentence(&self) -> Option<String> {
        if self.seconds != Set::single(0) {
            return None;
        }
        let any_day = self.days.all && self.weekdays.all && self.months == all(1, 12);
        if self.hours == all(0, 23) {
            let minutes = self.minutes.iter().collect::<Vec<_>>();
            return match minutes.as_slice() {
                _ if !any_day => None,
                [0] => Some("every full hour".to_owned()),
                [minute] => Some(format!("every hour at minute {minute}")),
                _ if self.minutes == all(0, 59) => Some("every full minute".to_owned()),
                _ => None,
            };
        }
        Some(format!("{} at {}", self.day()?, self.times()?))
    }

    fn times(&self) -> Option<String> {
        let minutes = self.minutes.iter();
        let times: Vec<String> = self
            .hours
            .iter()
            .flat_map(|hour| minutes_of(hour, self.minutes))
            .take(TIMES_MAX + 1)
            .collect();
        (minutes.count() == 1 && times.len() <= TIMES_MAX).then(|| list(&times))
    }

    fn day(&self) -> Option<String> {
        let every_month = self.months == all(1, 12);
        match (self.days.all, self.weekdays.all) {
            (true, true) if every_month => Some("every day".to_owned()),
            (true, false) if every_month => self.day_of_week(),
            (false, true) if every_month => {
                Some(format!("on the {} of every month", self.day_of_month()?))
            }
            (false, true) => {
                let months: Vec<i8> = self.months.iter().collect();
                let days: Vec<i8> = self.days.set.iter().collect();
                match (months.as_slice(), days.as_slice(), self.days.last) {
                    ([month], [day], false) => {
                        Some(format!("every year on {day} {}", name(&MONTHS, *month - 1)))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn day_of_week(&self) -> Option<String> {
        let days = &self.weekdays;
        let nth: Vec<(&str, i8)> = (["1st", "2nd", "3rd", "4th", "5th"].into_iter())
            .zip(days.nth)
            .chain([("last", days.last)])
            .flat_map(|(word, set)| set.iter().map(move |day| (word, day)))
            .collect();
        match (nth.as_slice(), days.set) {
            ([], Set(0b0011_1110)) => Some("every weekday".to_owned()),
            ([], Set(0b0111_1111)) => Some("every day".to_owned()),
            ([], set) => {
                // Monday comes first.
                let week = (1..7).chain([0]).filter(|day| set.has(*day));
                let names: Vec<String> = week.map(|it| name(&WEEKDAYS, it).to_owned()).collect();
                Some(format!("every {}", list(&names)))
            }
            ([(word, day)], Set(0)) => {
                Some(format!("on the {word} {} of every month", name(&WEEKDAYS, *day)))
            }
            _ => None,
        }
    }

    fn day_of_month(&self) -> Option<String> {
        let days: Vec<String> = self.days.set.iter().map(ordinal).collect();
        match (days.is_empty(), self.days.last) {
            (true, true) => Some("last day".to_owned()),
            (false, false) if days.len() <= TIMES_MAX => Some(list(&days)),
            _ => None,
        }
    }
}

fn minutes_of(hour: i8, minutes: Set) -> impl Iterator<Item = String> {
    minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}"))
}

fn all(min: u8, max: u8) -> Set {
    let mut set = Set::default();
    (min..=max).for_each(|it| set.insert(it));
    set
}

fn name(names: &'static [&'static str], index: i8) -> &'static str {
    usize::try_from(index).ok().and_then(|it| names.get(it)).copied().unwrap_or_default()
}

fn ordinal(number: i8) -> String {
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
fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}
