//! When to look again if nothing happens until then.

use std::time::Duration;

use super::view::{BACKOFF_BASE, DEAF_MAX, POLL_EVERY, STATUS_AFTER, TELL_AFTER};
use super::{
    BACKOFF_MAX, Container, Limits, Mailbox, StopPhase, View, deadline_of, held_by, is_busy,
    silence_max,
};
use crate::time::Timestamp;

/// The shortest time between two looks that nothing asked for.
const BREATH: Duration = Duration::from_millis(100);

/// When to look again if nothing happens until then. `None` leaves it to the next message.
pub fn next_look(view: &View, limits: &Limits, now: Timestamp) -> Option<Duration> {
    let wait = |until: Timestamp| until.since(now).min(BACKOFF_MAX);
    // What is overdue was acted on, or waits for something else: that is looked for at a pace.
    let left = |max: Duration, passed: Duration| {
        if passed < max { max.saturating_sub(passed) } else { POLL_EVERY }
    };
    if view.stop_phase != StopPhase::No {
        // A resume has the session look; this is for one that was missed. What runs behind an engine that
        // does not answer is to be killed as soon as it does.
        let is_unknown = matches!(view.container, Container::Unknown(_));
        let wait = if is_unknown { BACKOFF_BASE } else { limits.rest_after };
        return Some(wait.max(BREATH));
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
    waits.extend(view.waiting.iter().map(|it| wait(deadline_of(view, it, limits))));
    if matches!(view.mailbox, Mailbox::Busy | Mailbox::Damaged(_)) {
        waits.push(BACKOFF_BASE);
    }
    waits.extend(view.file.map(wait));
    let unshown = view.waiting.iter().filter(|it| it.claim.is_some() && !it.status);
    waits.extend(unshown.map(|it| wait(it.received_at + STATUS_AFTER)));
    if !view.waiting.is_empty() {
        if !held && !view.launches.is_parked() {
            waits.extend(view.launches.rests_until(limits, now).map(wait));
        }
        let unnotified = view.waiting.iter().filter(|it| it.claim.is_none() && !it.told);
        waits.extend(unnotified.map(|it| wait(it.received_at + TELL_AFTER)));
    }
    match view.container {
        Container::Running { silent_for, .. } if !held && !view.waiting.is_empty() => {
            waits.push(POLL_EVERY);
            waits.push(left(silence_max(view, limits), silent_for));
            // Only who leaves a message lying can be deaf.
            if view.waiting.iter().all(|it| it.claim.is_none()) {
                waits.push(left(DEAF_MAX, silent_for));
            }
        }
        Container::Running { silent_for, .. } if is_busy(view, limits, silent_for) => {
            waits.push(left(limits.silence_max, silent_for));
        }
        Container::Running { .. } => waits.push(left(limits.idle_max, view.quiet_for)),
        // Nobody rests before the wait is over. What the channel has to deliver is seen gone by the sweep.
        Container::Absent if held || view.undelivered => {}
        Container::Absent => waits.push(left(limits.rest_after, view.quiet_for)),
        Container::Unknown(ask_in) => waits.push(ask_in.max(BREATH)),
        Container::Busy | Container::Exited(_) => {}
    }
    // What is due now was acted on already, or something outside must happen first, which is looked for at
    // a pace.
    let pace = |it: Duration| if it.is_zero() { POLL_EVERY } else { it.max(BREATH) };
    waits.into_iter().map(pace).min()
}
