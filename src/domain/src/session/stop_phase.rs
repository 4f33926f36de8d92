//! What a session does while somebody has stopped its agent: nothing but stop.

use std::time::Duration;

use super::looks::BREATH;
use super::{Container, Effect, Limits, StopReason, View};
use crate::Incarnation;

/// How far a session has carried out a stop of its agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopPhase {
    #[default]
    No,
    /// It must, and has not yet set aside what was in work or told its chats.
    Due,
    /// It does.
    Done,
}

/// Nothing starts, and what the agent says is not even read.
pub(super) fn while_stopped(view: &View, limits: &Limits) -> Vec<Effect> {
    let mut todo = match view.stop_phase {
        StopPhase::Due => vec![Effect::ApplyStop],
        StopPhase::No | StopPhase::Done => vec![],
    };
    todo.extend(match view.container {
        Container::Busy | Container::Unknown { .. } => None,
        Container::Running { .. } => Some(Effect::Stop(StopReason::Asked)),
        Container::Exited { incarnation } => Some(Effect::RecordStop(incarnation)),
        Container::Absent => match view.launches.open {
            Some(open) => Some(Effect::RecordStop(open)),
            None => may_rest(view, limits).then_some(Effect::Rest),
        },
    });
    todo
}

/// What is left of an incarnation; one that a person stopped counts against nobody.
pub(super) fn ended(view: &View, incarnation: Incarnation) -> Effect {
    if incarnation <= view.stopped_incarnation {
        Effect::RecordStop(incarnation)
    } else {
        Effect::RecordExit(incarnation)
    }
}

pub(super) fn may_rest(view: &View, limits: &Limits) -> bool {
    view.stop_phase != StopPhase::Due
        && view.waiting.is_empty()
        && !view.undelivered
        && view.file.is_none()
        && view.request.is_none()
        && limits.rest_after <= view.quiet_for
}

/// A resume has the session look; this is for one that was missed.
pub(super) fn next_look(view: &View, limits: &Limits) -> Duration {
    // What runs behind an engine that does not answer is to be killed as soon as it does.
    let unknown = matches!(view.container, Container::Unknown { .. });
    let wait = if unknown { limits.backoff_base } else { limits.rest_after };
    wait.max(BREATH)
}
