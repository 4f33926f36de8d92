//! Whether a rule may become a task, and when it would come, for people to see before they agree.

use std::time::Duration;

use domain::task::span;
use domain::time::Timestamp;

use crate::rule::Rule;
use crate::slots::slots;
use crate::wall::{Second, zoned};
use crate::zone::Zone;

pub const PREVIEW: usize = 5;

/// How many of the next slots are looked at for the smallest distance.
const SPACING_SLOTS: usize = 100;

/// Why a rule may not become a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("that time has passed: it was {0}")]
    Past(String),
    #[error("that year is too far away: times are kept until 3870")]
    TooFar,
    #[error("there is no such day: this rule never comes")]
    Never,
    #[error(
        "that is too often: {first} and {second} are {} apart, and it takes at least {}",
        span(*.apart), span(*.least)
    )]
    TooFrequent { first: String, second: String, apart: Duration, least: Duration },
}

/// The next [`PREVIEW`] slots after `now`; fails without one, or with two less than `least` apart.
pub fn check(
    rule: &Rule,
    zone: &Zone,
    now: Timestamp,
    least: Duration,
) -> Result<Vec<Timestamp>, Invalid> {
    let after = Timestamp(now.0.saturating_add(1));
    let next: Vec<Timestamp> =
        slots(rule, zone, after, Timestamp(i64::MAX)).take(SPACING_SLOTS).collect();
    if next.is_empty() {
        return Err(match rule {
            Rule::Once(at) if now < *at => Invalid::TooFar,
            Rule::Once(at) => Invalid::Past(local(*at, zone)),
            Rule::Every { .. } | Rule::Days(_) | Rule::Cron(_) => Invalid::Never,
        });
    }
    for pair in next.windows(2) {
        let apart = pair[1].since(pair[0]);
        if apart < least {
            let (first, second) = (local(pair[0], zone), local(pair[1], zone));
            return Err(Invalid::TooFrequent { first, second, apart, least });
        }
    }
    Ok(next.into_iter().take(PREVIEW).collect())
}

/// An instant as people there write it: `Wed 25 Nov 2026 09:00 CET`. Seconds are shown if there are.
pub fn local(at: Timestamp, zone: &Zone) -> String {
    let second = Second::at_or_before(at);
    let seconds = if second.0.rem_euclid(60) == 0 { "" } else { ":%S" };
    zoned(zone, second).strftime(&format!("%a %-d %b %Y %H:%M{seconds} %Z")).to_string()
}

/// As programs there write it: `2026-11-25T09:00:00+01:00[Europe/Berlin]`, `2026-11-25T08:00:00Z`.
pub fn stamp(at: Timestamp, zone: &Zone) -> String {
    let time = zoned(zone, Second::at_or_before(at));
    if *zone == Zone::utc() { time.timestamp().to_string() } else { time.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn shown(rule: &str, zone: &str, least: Duration) -> Result<Vec<String>, String> {
        let zone = Zone::parse(zone).unwrap();
        let next = check(&rule.parse().unwrap(), &zone, at("2026-11-25T07:00:00Z"), least);
        next.map(|it| it.into_iter().map(|it| local(it, &zone)).collect())
            .map_err(|it| it.to_string())
    }

    #[test]
    fn the_next_slots_are_shown_in_local_time() {
        let next = shown("0 9 * * 1-5", "Europe/Berlin", MINUTE).unwrap();
        assert_eq!(next.len(), PREVIEW);
        assert_eq!(next[0], "Wed 25 Nov 2026 09:00 CET");
        assert_eq!(next[3], "Mon 30 Nov 2026 09:00 CET");
        let next = shown("at 2026-11-25T08:00:07Z", "Asia/Kathmandu", MINUTE).unwrap();
        assert_eq!(next, ["Wed 25 Nov 2026 13:45:07 +0545"]);
    }

    #[test]
    fn an_instant_is_stamped_with_its_zone() {
        let at = at("2026-11-25T08:00:00.5Z");
        assert_eq!(stamp(at, &Zone::utc()), "2026-11-25T08:00:00Z");
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(stamp(at, &berlin), "2026-11-25T09:00:00+01:00[Europe/Berlin]");
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused_in_words() {
        let why = |rule| shown(rule, "Europe/Berlin", 5 * MINUTE).unwrap_err();
        assert_eq!(why("0 0 30 2 *"), "there is no such day: this rule never comes");
        assert_eq!(
            why("at 2026-11-25T07:00:00Z"),
            "that time has passed: it was Wed 25 Nov 2026 08:00 CET"
        );
        assert!(why("at 9000-12-31T22:59:00Z").contains("too far"));
        let why = why("0,4 9 * * *");
        assert!(why.contains("are 4m apart, and it takes at least 5m"), "{why}");
        assert!(why.contains("Wed 25 Nov 2026 09:00 CET and Wed 25 Nov 2026 09:04 CET"), "{why}");
    }

    #[test]
    fn the_least_distance_itself_is_allowed() {
        assert!(shown("*/5 * * * *", "Europe/Berlin", 5 * MINUTE).is_ok());
        assert!(shown("*/4 * * * *", "Europe/Berlin", 5 * MINUTE).is_err());
        assert!(shown("every 5m from 2026-11-25T00:00:00Z", "UTC", 5 * MINUTE).is_ok());
        assert!(shown("* * * * * *", "UTC", MINUTE).is_err());
    }
}
