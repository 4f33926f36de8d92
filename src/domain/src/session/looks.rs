//! What a start has to wait for, and when to look again if nothing happens until then.

use std::time::Duration;

use super::{
    Container, Launches, Limits, Mailbox, StopPhase, View, deadline, held_by, is_busy, silence_max,
    stop_phase,
};
use crate::time::{Timestamp, backoff};

pub(super) enum Wait {
    Backoff(Timestamp),
    Parked(Timestamp),
}

/// What a start has to wait for.
pub(super) fn start_at(launches: &Launches, limits: &Limits) -> Option<Wait> {
    let ended = launches.last_end?;
    match launches.failures {
        0 => None,
        n if n < limits.launches_max => {
            Some(Wait::Backoff(ended + backoff(limits.backoff_base, limits.backoff_max, n)))
        }
        _ => Some(Wait::Parked(ended + limits.park_for)),
    }
}

/// When to look again if nothing happens until then. `None` leaves it to the next message.
#[must_use]
pub fn next_look(view: &View, limits: &Limits, now: Timestamp) -> Option<Duration> {
    let wait = |until: Timestamp| until.since(now).min(limits.backoff_max);
    // What is overdue was acted on, or waits for something else: that is looked for at a pace.
    let left = |max: Duration, passed: Duration| {
        if passed < max { max.saturating_sub(passed) } else { limits.poll_every }
    };
    if view.stop_phase != StopPhase::No {
        return Some(stop_phase::next_look(view, limits));
    }
    let mut waits: Vec<Duration> = Vec::new();
    let held = held_by(view, now).is_some();
    let runs_turn = matches!(view.container, Container::Running { .. })
        && view.waiting.iter().any(|it| it.claim.is_some());
    // Behind a turn they wait for its end, which is news.
    if !held && !runs_turn {
        let unclaimed = view.waiting.iter().filter(|it| it.claim.is_none());
        waits.extend(unclaimed.map(|it| wait(it.not_before)));
    }
    let provider = view.waiting.iter().filter_map(|it| it.wait).filter(|it| !it.is_over(now));
    waits.extend(provider.map(|it| wait(it.until)));
    waits.extend(view.waiting.iter().map(|it| wait(deadline::of(view, it, limits))));
    if matches!(view.mailbox, Mailbox::Busy | Mailbox::Damaged(_)) {
        waits.push(limits.backoff_base);
    }
    waits.extend(view.file.map(wait));
    let unshown = view.waiting.iter().filter(|it| it.claim.is_some() && !it.status);
    waits.extend(unshown.map(|it| wait(it.received_at + limits.status_after)));
    if !view.waiting.is_empty() {
        if let Some(Wait::Backoff(until)) = start_at(&view.launches, limits).filter(|_| !held) {
            waits.push(wait(until));
        }
        let unnotified = view.waiting.iter().filter(|it| it.claim.is_none() && !it.told);
        waits.extend(unnotified.map(|it| wait(it.received_at + limits.tell_after)));
    }
    match view.container {
        Container::Running { silent_for, .. } if !held && !view.waiting.is_empty() => {
            waits.push(limits.poll_every);
            waits.push(left(silence_max(view, limits), silent_for));
            // Only who leaves a message lying can be deaf.
            if view.waiting.iter().all(|it| it.claim.is_none()) {
                waits.push(left(limits.deaf_max, silent_for));
            }
        }
        Container::Running { silent_for, .. } if is_busy(view, limits, silent_for) => {
            waits.push(left(limits.silence_max, silent_for));
        }
        Container::Running { .. } => waits.push(left(limits.idle_max, view.quiet_for)),
        // Nobody rests before the wait is over. What the channel has to deliver is seen gone by the sweep.
        Container::Absent if held || view.undelivered => {}
        Container::Absent => waits.push(left(limits.rest_after, view.quiet_for)),
        Container::Unknown { ask_in } => waits.push(ask_in.max(BREATH)),
        Container::Busy | Container::Exited { .. } => {}
    }
    // What is due now was acted on already, or something outside must happen first, which is looked for at
    // a pace.
    let pace = |it: Duration| if it.is_zero() { limits.poll_every } else { it.max(BREATH) };
    waits.into_iter().map(pace).min()
}

/// The shortest time between two looks that nothing asked for.
pub(super) const BREATH: Duration = Duration::from_millis(100);
