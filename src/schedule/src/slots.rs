//! The slots of a rule: all in an interval, the next, the latest.

use domain::time::Timestamp;

use crate::rule::Rule;
use crate::wall::{Second, earliest, first, reached, tick};
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

pub fn next_after(rule: &Rule, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
    slots(rule, zone, Timestamp(at.0.saturating_add(1)), Timestamp(i64::MAX)).next()
}

/// The last slot after `since` and up to `now`: behind it, none is left. The years between cost a few looks.
pub fn latest_at_or_before(
    rule: &Rule,
    zone: &Zone,
    since: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let end = Timestamp(now.0.saturating_add(1));
    let next = |second: i64| slots(rule, zone, Second(second).timestamp(), end).next();
    let after = Second::at_or_before(since).0 + 1;
    next(after)?;
    let is_none_left = |second: i64| next(second).is_none();
    let first = earliest(after, Second::at_or_before(now).0 + 1, is_none_left);
    Some(Second(first - 1).timestamp())
}

fn whole(period: std::time::Duration) -> i64 {
    i64::try_from(period.as_secs()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4)
}

#[cfg(test)]
mod tests;
