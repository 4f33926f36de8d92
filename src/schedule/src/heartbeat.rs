//! The rule of a heartbeat: a plain cron rule, so that a slot outside of the active hours is none.

use std::time::Duration;

use domain::BadText;
use domain::quiet::Hours;
use domain::task::span;

use crate::cron::numbers;
use crate::rule::Rule;

/// The shortest period, in seconds. More often is polling, for which there are notifications.
const PERIOD_MIN: u32 = 5 * 60;
const HOUR: u32 = 3_600;
const HOURS: u32 = 24;

/// A rule that comes every `period`, on the even minutes and hours, and only within the hours of the
/// day if some are given: from the first of them on, up to and without the last. Hours are counted from
/// the first active one.
/// Fails when the clock on the wall has no such rule.
pub fn heartbeat(period: Duration, hours: Option<Hours>) -> Result<Rule, BadText> {
    let expression = beats(period, hours)?;
    expression.parse().map(Rule::Cron)
}

/// What [`heartbeat`] made a rule of, if it did. Found by trying: there are few.
pub fn asked(rule: &Rule) -> Option<(Duration, Option<Hours>)> {
    let expression = rule.to_string();
    let minutes = [5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1_440];
    let spans = (0..24).flat_map(|from| (1..=24).map(move |to| format!("{from}-{to}")));
    let hours: Vec<Option<Hours>> = std::iter::once(None)
        .chain(spans.filter_map(|it| Hours::parse(&it).ok()).map(Some))
        .collect();
    let mut all = minutes.into_iter().flat_map(|minutes| {
        let period = Duration::from_secs(minutes * 60);
        hours.iter().map(move |hours| (period, *hours))
    });
    all.find(|(period, hours)| beats(*period, *hours).as_ref() == Ok(&expression))
}

fn beats(period: Duration, hours: Option<Hours>) -> Result<String, BadText> {
    let seconds = u32::try_from(period.as_secs()).unwrap_or(0);
    let (minutes, step) = (seconds / 60, (seconds / HOUR).max(1));
    let fits = if seconds < HOUR {
        PERIOD_MIN <= seconds && seconds.is_multiple_of(60) && HOUR.is_multiple_of(seconds)
    } else {
        seconds.is_multiple_of(HOUR) && HOURS.is_multiple_of(step)
    };
    if !fits {
        return Err(BadText(format!(
            "every {} does not go evenly into an hour or a day; take 5m, 10m, 15m, 20m, 30m, 1h, 2h, 3h, \
             4h, 6h, 8h, 12h or 1d",
            span(period)
        )));
    }
    let (from, length) = hours.map_or(Ok((0, HOURS)), active)?;
    let is_on = |hour: &u32| {
        let after = (HOURS + hour - from) % HOURS;
        after < length && after.is_multiple_of(step)
    };
    let minutes = numbers((0..60_u32).filter(|it| it.is_multiple_of(minutes)), 0, 59);
    Ok(format!("{minutes} {} * * *", numbers((0..HOURS).filter(is_on), 0, 23)))
}

/// The first hour, and how many there are, over midnight if need be.
fn active(hours: Hours) -> Result<(u32, u32), BadText> {
    let (from, to) = (u32::from(hours.from_minute), u32::from(hours.to_minute));
    if !from.is_multiple_of(60) || !to.is_multiple_of(60) {
        let why = format!("active hours are whole hours, like `8:00-22:00`; {hours} are not");
        return Err(BadText(why));
    }
    let midnight = if hours.is_overnight() { HOURS } else { 0 };
    Ok((from / 60, to / 60 + midnight - from / 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(minutes: u64, hours: &str) -> Result<String, String> {
        let hours = (!hours.is_empty()).then(|| Hours::parse(hours).unwrap());
        let found = heartbeat(Duration::from_secs(minutes * 60), hours);
        found.map(|it| it.to_string()).map_err(|it| it.to_string())
    }

    #[test]
    fn a_heartbeat_is_a_cron_rule() {
        for (minutes, hours, cron) in [
            (30, "8:00-22:00", "*/30 8-21 * * *"),
            (5, "", "*/5 * * * *"),
            (60, "", "0 * * * *"),
            (60, "22-6", "0 0-5,22-23 * * *"),
            (240, "8-22", "0 8,12,16,20 * * *"),
            (360, "", "0 0,6,12,18 * * *"),
            (1_440, "9-10", "0 9 * * *"),
            (15, "20-24", "*/15 20-23 * * *"),
        ] {
            let cron = cron.parse::<Rule>().unwrap().to_string();
            assert_eq!(rule(minutes, hours), Ok(cron), "{minutes} {hours}");
        }
    }

    #[test]
    fn what_was_asked_for_is_found_again() {
        for (minutes, hours) in
            [(30, Some("8-22")), (5, None), (240, Some("8-22")), (60, Some("22-6"))]
        {
            let hours = hours.map(|it| Hours::parse(it).unwrap());
            let period = Duration::from_secs(minutes * 60);
            let found = asked(&heartbeat(period, hours).unwrap()).unwrap();
            assert_eq!(heartbeat(found.0, found.1), heartbeat(period, hours));
        }
        assert_eq!(asked(&"17 3 * * *".parse().unwrap()), None);
    }

    #[test]
    fn what_the_clock_cannot_say_is_refused() {
        for minutes in [0, 1, 7, 45, 90, 300, 2_880] {
            assert!(rule(minutes, "").unwrap_err().contains("evenly"), "{minutes}");
        }
        assert!(rule(30, "8:30-22:00").unwrap_err().contains("whole hours"));
    }
}
