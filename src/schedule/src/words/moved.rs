//! Other times of day for a rule whose days stay.

use domain::time::Timestamp;

use super::clause::Clauses;
use super::{NotUnderstood, only, repeated, whole_days};
use crate::days::EveryDays;
use crate::rule::Rule;
use crate::wall::{Second, first, shown};
use crate::zone::Zone;

impl Rule {
    /// The rule on the same days at other times, where `text` names times of day and nothing else:
    /// `9:30`, `at 7pm`, `at 9 and 17`. `None` for any other text.
    #[must_use]
    pub fn at_times(&self, text: &str, zone: &Zone) -> Option<Result<Self, NotUnderstood>> {
        let text = text.trim();
        let is_said = text.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("at "));
        let said = if is_said { text.to_owned() } else { format!("at {text}") };
        let times = Clauses::parse(&said).filter(|it| it.day.is_none())?.times;
        let date = |at: &Timestamp| shown(zone, Second::at_or_before(*at)).date();
        Some(match self {
            Self::Every { period, from } => whole_days(*period)
                .ok_or(NotUnderstood::PeriodWithTime)
                .and_then(|days| Ok(Self::Days(EveryDays::new(days, date(from), only(&times)?)))),
            Self::Once(at) => only(&times)
                .map(|time| Self::Once(first(zone, date(at).and_time(time)).timestamp())),
            Self::Days(days) => only(&times).map(|time| Self::Days(days.at(time))),
            Self::Cron(cron) => {
                let text = cron.to_string();
                let days: Vec<&str> = text.split(' ').rev().take(3).collect();
                let days: Vec<&str> = days.into_iter().rev().collect();
                repeated(&times, &days.join(" "))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(rule: &str, text: &str) -> Option<String> {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let moved = rule.parse::<Rule>().unwrap().at_times(text, &berlin)?;
        Some(moved.map_or_else(|err| format!("{err:?}"), |it| it.to_string()))
    }

    #[test]
    fn the_days_stay() {
        for (rule, text, then) in [
            ("0 9 * * 1-5", "9:30", "30 9 * * 1-5"),
            ("0 9 * * 1", "at 7pm", "0 19 * * 1"),
            ("*/20 0 9 L * *", "At 8 and 17", "0 8,17 L * *"),
            ("at 2026-11-25T08:00:00Z", "noon", "at 2026-11-25T11:00:00Z"),
            ("every 20m from 2026-11-25T08:00:00Z", "9:30", "PeriodWithTime"),
            ("every 3d from 2026-11-25T08:00:00Z", "9:30", "every 3d at 09:30 from 2026-11-25"),
            ("every 3d from 2026-11-25T08:00:00Z", "9 and 10", "SeveralTimes"),
            ("at 2026-11-25T08:00:00Z", "9 and 10", "SeveralTimes"),
            ("0 9 * * 1", "9:30 and 10", "DifferentMinutes"),
            (
                "every 14d at 10:00 from 2026-11-27",
                "7 in the evening",
                "every 14d at 19:00 from 2026-11-27",
            ),
            ("every 14d at 10:00 from 2026-11-27", "9 and 17", "SeveralTimes"),
        ] {
            assert_eq!(moved(rule, text).as_deref(), Some(then), "{rule} {text}");
        }
    }

    #[test]
    fn what_names_days_too_is_a_rule_of_its_own() {
        for text in ["every monday at 8", "tomorrow at 8", "0 9 * * 1", "", "at", "in 20 minutes"] {
            assert_eq!(moved("0 9 * * 1-5", text), None, "{text}");
        }
    }
}
