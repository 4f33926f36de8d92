//! The slots of a rule: all in an interval, the next, the latest.

use domain::time::Timestamp;

use crate::rule::Rule;
use crate::wall::{Second, first, reached, tick};
use crate::zone::Zone;

/// The slots in `from..to`, each later than the one before it, found one at a time: costs what is taken
/// from it. A rule that never comes ends after a search through a few thousand days.
pub fn slots<'a>(
    rule: &'a Rule,
    zone: &'a Zone,
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = Timestamp> + 'a {
    let (mut from, last) = (Second::at_or_after(from), Second::at_or_after(to).before());
    let begin = move |at: Second| tick(reached(zone, at.before()));
    std::iter::from_fn(move || {
        let slot = match rule {
            Rule::Once(at) => Some(Second::at_or_after(*at)).filter(|it| from <= *it),
            Rule::Every { period, from: start } => {
                let (period, start) = (whole(*period), Second::at_or_after(*start));
                let count = (from.0 - start.0 + period - 1).div_euclid(period).max(1);
                Some(Second(start.0.saturating_add(count.saturating_mul(period))))
            }
            Rule::Days(days) => days.first(begin(from)).map(|it| first(zone, it)),
            Rule::Cron(cron) => {
                cron.first(begin(from), reached(zone, last)).map(|it| first(zone, it))
            }
        };
        let slot = slot.filter(|it| *it <= last)?;
        from = Second(slot.0 + 1);
        Some(slot.timestamp())
    })
}

/// The first slot after `at`.
pub fn next_after(rule: &Rule, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
    slots(rule, zone, Timestamp(at.0.saturating_add(1)), Timestamp(i64::MAX)).next()
}

/// The last slot that is after `since` and not after `now`. It is found from the end, so the years
/// in between cost nothing.
pub fn latest_at_or_before(
    rule: &Rule,
    zone: &Zone,
    since: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let (since, now) = (Second::at_or_before(since), Second::at_or_before(now));
    let slot = match rule {
        Rule::Once(at) => Some(Second::at_or_after(*at)).filter(|it| *it <= now),
        Rule::Every { period, from } => {
            let (period, from) = (whole(*period), Second::at_or_after(*from));
            let count = (now.0 - from.0).div_euclid(period);
            (0 < count).then(|| Second(from.0 + count * period))
        }
        Rule::Days(days) => days.last(reached(zone, now)).map(|it| first(zone, it)),
        Rule::Cron(cron) => {
            let begin = tick(reached(zone, since));
            cron.last(begin, reached(zone, now)).map(|it| first(zone, it))
        }
    };
    slot.filter(|it| since < *it).map(Second::timestamp)
}

fn whole(period: std::time::Duration) -> i64 {
    i64::try_from(period.as_secs()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4)
}

#[cfg(test)]
mod tests;
