//! The slots of a rule: all in an interval, the next, the latest.

use domain::time::Timestamp;

use crate::rule::Rule;
use crate::wall::Second;
use crate::zone::Zone;

/// Slots in order, found one at a time. See [`slots`].
#[derive(Clone, Debug)]
pub struct Slots<'a> {
    rule: &'a Rule,
    zone: &'a Zone,
    from: Second,
    /// The last second that counts.
    last: Second,
}

/// The slots in `from..to`, each later than the one before it. Costs what is taken from it; a rule
/// that never comes ends after a search through a few thousand days.
#[must_use]
pub fn slots<'a>(rule: &'a Rule, zone: &'a Zone, from: Timestamp, to: Timestamp) -> Slots<'a> {
    Slots { rule, zone, from: Second::at_or_after(from), last: Second::at_or_after(to).before() }
}

/// The first slot after `at`.
#[must_use]
pub fn next_after(rule: &Rule, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
    slots(rule, zone, Timestamp(at.0.saturating_add(1)), Timestamp(i64::MAX)).next()
}

/// The last slot that is after `since` and not after `now`. It is found from the end, so the years
/// in between cost nothing.
#[must_use]
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
        Rule::Days(days) => days.last_slot(zone, now),
        Rule::Cron(cron) => cron.last_slot(zone, since, now),
    };
    slot.filter(|it| since < *it).map(Second::timestamp)
}

impl Iterator for Slots<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let slot = match self.rule {
            Rule::Once(at) => Some(Second::at_or_after(*at)).filter(|it| self.from <= *it),
            Rule::Every { period, from } => {
                let (period, from) = (whole(*period), Second::at_or_after(*from));
                let count = (self.from.0 - from.0 + period - 1).div_euclid(period).max(1);
                Some(Second(from.0.saturating_add(count.saturating_mul(period))))
            }
            Rule::Days(days) => days.first_slot(self.zone, self.from),
            Rule::Cron(cron) => cron.first_slot(self.zone, self.from, self.last),
        };
        let slot = slot.filter(|it| *it <= self.last)?;
        self.from = Second(slot.0 + 1);
        Some(slot.timestamp())
    }
}

fn whole(period: std::time::Duration) -> i64 {
    i64::try_from(period.as_secs()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4)
}

#[cfg(test)]
mod tests;
