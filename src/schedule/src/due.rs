//! What a task owes by now: which slots fire, and which its policy skips.

use std::time::Duration;

use domain::task::{MADE_UP_MAX, Missed};
use domain::time::Timestamp;

use crate::rule::Rule;
use crate::slots::{latest_at_or_before, slots};
use crate::zone::Zone;

/// How far skipped slots are counted. A count of this means "this many or more".
pub const SKIPPED_COUNT_MAX: u32 = 1_000;

/// A clock that is set right steps by less than this. What was accounted for further in the future
/// was accounted for by a clock that was wrong.
pub const CLOCK_STEP_MAX: Duration = Duration::from_hours(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fire {
    pub slot: Timestamp,
    pub late_by: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub last: Timestamp,
    /// At most [`SKIPPED_COUNT_MAX`].
    pub count: u32,
}

/// What is to be written down: all in one commit, before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Oldest first.
    pub fire: Vec<Fire>,
    pub skipped: Option<Skipped>,
    /// Every slot up to here has fired or was skipped.
    pub accounted_until: Timestamp,
}

impl Plan {
    /// The same with nothing fired: all slots are skipped.
    pub fn passed_over(self) -> Self {
        let fires = u32::try_from(self.fire.len()).unwrap_or(SKIPPED_COUNT_MAX);
        let before = self.skipped.map_or(0, |it| it.count);
        let count = before.saturating_add(fires).min(SKIPPED_COUNT_MAX);
        let last = self.fire.last().map(|it| it.slot).or(self.skipped.map(|it| it.last));
        let skipped = last.map(|last| Skipped { last, count });
        Self { fire: vec![], skipped, accounted_until: self.accounted_until }
    }
}

/// Decides about all slots after `accounted_until` up to `now`.
///
/// A clock that stepped forward is a long sleep. One that stepped back a little makes a task wait
/// until what is accounted for is over, so nothing fires twice. After a big step back the task
/// counts from now again, or a year that was wrong for a minute would silence it for a year; that
/// no slot fires twice even then is for the writer of fires, once per task and slot.
pub fn due(
    rule: &Rule,
    zone: &Zone,
    missed: Missed,
    accounted_until: Timestamp,
    now: Timestamp,
) -> Plan {
    if now + CLOCK_STEP_MAX < accounted_until {
        return Plan { fire: vec![], skipped: None, accounted_until: now };
    }
    let Some(latest) = latest_at_or_before(rule, zone, accounted_until, now) else {
        return Plan { fire: vec![], skipped: None, accounted_until };
    };
    let late = |slot: Timestamp| Fire { slot, late_by: now.since(slot) };
    let mut fire = Vec::new();
    match missed {
        Missed::Latest => fire.push(late(latest)),
        Missed::Skip(grace) => fire.extend(Some(late(latest)).filter(|it| it.late_by <= grace)),
        Missed::All(max) => {
            let earlier = |slot: &Timestamp| {
                latest_at_or_before(rule, zone, accounted_until, Timestamp(slot.0 - 1))
            };
            let most = usize::try_from(max.clamp(1, MADE_UP_MAX)).unwrap_or(1);
            fire.extend(std::iter::successors(Some(latest), earlier).take(most).map(late));
            fire.reverse();
        }
    }
    let end = fire.first().map_or(Timestamp(latest.0 + 1), |it| it.slot);
    let skipped = skipped(rule, zone, accounted_until, end);
    Plan { fire, skipped, accounted_until: latest }
}

/// The slots after `since` and before `end`.
fn skipped(rule: &Rule, zone: &Zone, since: Timestamp, end: Timestamp) -> Option<Skipped> {
    let last = latest_at_or_before(rule, zone, since, Timestamp(end.0 - 1))?;
    let most = usize::try_from(SKIPPED_COUNT_MAX).unwrap_or(usize::MAX);
    let count = slots(rule, zone, Timestamp(since.0.saturating_add(1)), end).take(most).count();
    Some(Skipped { last, count: u32::try_from(count).unwrap_or(SKIPPED_COUNT_MAX) })
}

#[cfg(test)]
mod tests;
