//! No accepted message is left without an end. One that is past its deadline gets a last chance, once:
//! a clock that was set forward, or a machine that slept, made it late without anybody having tried.
//! After that it is given up and its chat is told what it waited for.
//!
//! An open question to a person puts a deadline off by as long as a question lasts at most. An agent
//! that asks one after the other gains no more than that.

use std::time::Duration;

use super::{Container, Effect, FailReason, Limits, StopReason, View, Waiting};
use crate::approval::QUESTION_LIFE_MAX;
use crate::time::Timestamp;

/// When a message has to have reached its end.
pub(super) fn of(view: &View, waiting: &Waiting, limits: &Limits) -> Timestamp {
    waiting.last_chance.unwrap_or(waiting.received_at + limits.deadline) + extension(view)
}

fn extension(view: &View) -> Duration {
    if view.asking { QUESTION_LIFE_MAX } else { Duration::ZERO }
}

/// What follows for late messages; nothing else is decided in that look.
pub(super) fn decide(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    // A deadline further away than that was set before the clock stepped back.
    let longest = limits.deadline + limits.last_chance + extension(view);
    let is_late = |it: &&Waiting| of(view, it, limits).is_due(now, longest);
    let late: Vec<&Waiting> = view.waiting.iter().filter(is_late).collect();
    let fresh: Vec<&&Waiting> = late.iter().filter(|it| it.last_chance.is_none()).collect();
    if !fresh.is_empty() {
        let until = now + limits.last_chance;
        let chance = |it: &&&Waiting| Effect::LastChance { message: it.message, until };
        return fresh.iter().map(chance).collect();
    }
    if late.iter().any(|it| it.claim.is_some()) {
        match view.container {
            // The incarnation that has it in hand must let go first.
            Container::Running { .. } => return vec![Effect::Stop(StopReason::Overdue)],
            Container::Busy | Container::Exited { .. } => return vec![],
            Container::Unknown { .. } | Container::Absent => {}
        }
    }
    let fail = |waiting: &Waiting| {
        let why = FailReason::Deadline(waiting.wait.map(|it| it.class));
        Effect::Fail { message: waiting.message, why }
    };
    late.into_iter().map(fail).collect()
}
