//! Decides what a session needs next, from a snapshot of what is true.
//!
//! The actor that owns a session reads a [`View`], calls [`decide`], performs the [`Effect`]s, and asks
//! again until nothing is left to do: after a fresh message, a crash and in the sweep alike.
//!
//! Invariants (checked over every small view in `tests`)
//! - A container is never started while one may be running.
//! - A claim is released only when the incarnation that made it is gone.
//! - While a sandbox call is under way, nothing else is asked of the sandbox.
//! - A handful of rounds of deciding and performing reach a state that needs nothing.

use std::time::Duration;

use crate::approval::QUESTION_LIFE_MAX;
use crate::time::{Timestamp, backoff};
use crate::waits::{ProviderWait, WaitClass};
use crate::{Incarnation, MessageSeq, OutSeq};

mod view;

use self::view::{BACKOFF_BASE, DEAF_MAX, STATUS_AFTER, TELL_AFTER, TRIES_MAX};

pub use self::view::{
    BACKOFF_MAX, Container, DEADLINE, Launches, Limits, Mailbox, QUEUE_MAX, StopPhase, View,
    Waiting, next_look,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Import what the runner wrote: replies and outcomes, in one commit.
    Import,
    Fetch,
    ForwardRequest(OutSeq),
    /// Show in the chat of the message, once, that the work goes on.
    Status(MessageSeq),
    Start,
    Stop(StopReason),
    /// Record how the incarnation ended and remove what is left of it.
    RecordExit(Incarnation),
    /// The same for one that a person stopped, which is no failure.
    RecordStop(Incarnation),
    ApplyStop,
    /// Set the damaged database of the runner aside, where no container sees it.
    Quarantine,
    NotifyRunner,
    /// Take the message out of dead hands; it is due again at `at`.
    Release {
        message: MessageSeq,
        by: Incarnation,
        at: Timestamp,
    },
    /// Give the message up and tell its chat.
    Fail {
        message: MessageSeq,
        why: FailReason,
    },
    /// Tell the chat, once, that the message has to wait.
    Tell(MessageSeq),
    /// The message is late: note that it has until then, and retry it whatever it waits for.
    LastChance(MessageSeq, Timestamp),
    Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    Asked,
    /// It has a message in hand and gave no sign of life.
    Silent,
    Deaf,
    Damaged,
    /// A message in its hands is past its deadline.
    Overdue,
    Outdated,
    Idle,
    MakeRoom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The container ended several times with this message in hand.
    Crashes,
    CannotStart,
    /// Its deadline has passed, while it waited for this.
    Deadline(Option<WaitClass>),
}

pub fn decide(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    if view.stop_phase != StopPhase::No {
        return while_stopped(view, limits);
    }
    if view.news {
        // What follows waits for that; who never stops writing does not hold up deadlines.
        let late = late(view, limits, now - limits.rest_after);
        return [Effect::Import].into_iter().chain(late).collect();
    }
    let late = late(view, limits, now);
    if !late.is_empty() {
        return late;
    }
    let mut todo = Vec::from_iter(view.request.map(Effect::ForwardRequest));
    todo.extend(view.file.filter(|it| it.is_due(now, BACKOFF_MAX)).map(|_| Effect::Fetch));
    todo.extend(match view.container {
        Container::Busy | Container::Unknown(_) => tell(view, now),
        Container::Exited(incarnation) => vec![ended(view, incarnation)],
        Container::Absent => absent(view, limits, now),
        Container::Running { .. } => running(view, limits, now),
    });
    todo
}

/// Nothing starts, and what the agent says is not even read.
fn while_stopped(view: &View, limits: &Limits) -> Vec<Effect> {
    let due = (view.stop_phase == StopPhase::Due).then_some(Effect::ApplyStop);
    let mut todo = Vec::from_iter(due);
    todo.extend(match view.container {
        Container::Busy | Container::Unknown(_) => None,
        Container::Running { .. } => Some(Effect::Stop(StopReason::Asked)),
        Container::Exited(incarnation) => Some(Effect::RecordStop(incarnation)),
        Container::Absent => match view.launches.open {
            Some(open) => Some(Effect::RecordStop(open)),
            None => may_rest(view, limits).then_some(Effect::Rest),
        },
    });
    todo
}

fn ended(view: &View, incarnation: Incarnation) -> Effect {
    if incarnation <= view.stopped_incarnation {
        Effect::RecordStop(incarnation)
    } else {
        Effect::RecordExit(incarnation)
    }
}

fn may_rest(view: &View, limits: &Limits) -> bool {
    view.stop_phase != StopPhase::Due
        && view.waiting.is_empty()
        && !view.undelivered
        && view.file.is_none()
        && view.request.is_none()
        && limits.rest_after <= view.quiet_for
}

fn deadline_of(view: &View, waiting: &Waiting, limits: &Limits) -> Timestamp {
    waiting.last_chance.unwrap_or(waiting.received_at + limits.deadline) + extension(view)
}

/// An open question to a person puts a deadline off by as long as a question lasts at most. An agent that
/// asks one after the other gains no more than that.
fn extension(view: &View) -> Duration {
    if view.asking { QUESTION_LIFE_MAX } else { Duration::ZERO }
}

/// What follows for late messages; nothing else is decided in that look. One that is past its deadline
/// gets a last chance, once: a clock that was set forward, or a machine that slept, made it late without
/// anybody having tried. After that it is given up and its chat is told what it waited for.
fn late(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    // A deadline further away than that was set before the clock stepped back.
    let longest = limits.deadline + limits.last_chance + extension(view);
    let is_late = |it: &&Waiting| deadline_of(view, it, limits).is_due(now, longest);
    let late: Vec<&Waiting> = view.waiting.iter().filter(is_late).collect();
    let fresh: Vec<&&Waiting> = late.iter().filter(|it| it.last_chance.is_none()).collect();
    if !fresh.is_empty() {
        let until = now + limits.last_chance;
        let chance = |it: &&&Waiting| Effect::LastChance(it.message, until);
        return fresh.iter().map(chance).collect();
    }
    if late.iter().any(|it| it.claim.is_some()) {
        match view.container {
            // The incarnation that has it in hand must let go first.
            Container::Running { .. } => return vec![Effect::Stop(StopReason::Overdue)],
            Container::Busy | Container::Exited(_) => return vec![],
            Container::Unknown(_) | Container::Absent => {}
        }
    }
    let fail = |waiting: &Waiting| {
        let why = FailReason::Deadline(waiting.wait.map(|it| it.class));
        Effect::Fail { message: waiting.message, why }
    };
    late.into_iter().map(fail).collect()
}

fn absent(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    if let Some(open) = view.launches.open {
        return vec![ended(view, open)];
    }
    match view.mailbox {
        Mailbox::Damaged(_) => return quarantine(view, now),
        // A claim could be in there, or an answer.
        Mailbox::Busy => return tell(view, now),
        Mailbox::Sound | Mailbox::NeedsRunner => {}
    }
    let claimed: Vec<&Waiting> = view.waiting.iter().filter(|it| it.claim.is_some()).collect();
    if !claimed.is_empty() {
        return claimed.into_iter().map(|it| release(it, now)).collect();
    }
    let due: Vec<&Waiting> = due(view, now).collect();
    if due.is_empty() && view.mailbox != Mailbox::NeedsRunner {
        let rests = may_rest(view, limits);
        return if rests { vec![Effect::Rest] } else { tell_of_wait(view, now) };
    }
    let (why, launches) = (FailReason::CannotStart, view.launches);
    match launches.rests_until(limits, now) {
        None => vec![Effect::Start],
        Some(_) if launches.is_parked() => {
            due.into_iter().map(|it| Effect::Fail { message: it.message, why }).collect()
        }
        Some(_) => tell(view, now),
    }
}

/// What the last incarnation had in hand stands in the damaged database alone. So the first message
/// counts as claimed by it: its chat is told, and one that every container ends like this on is given up.
fn quarantine(view: &View, now: Timestamp) -> Vec<Effect> {
    let first = view.waiting.first().zip(view.launches.last);
    let first = first.filter(|it| view.stopped_incarnation < it.1);
    let released =
        first.map(|(head, by)| release(&Waiting { claim: Some(by), ..head.clone() }, now));
    // First what notes why, which the release tells.
    [Effect::Quarantine].into_iter().chain(released).collect()
}

fn running(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    let Container::Running { incarnation, current, silent_for } = view.container else {
        return vec![];
    };
    if incarnation <= view.stopped_incarnation {
        return vec![Effect::Stop(StopReason::Asked)];
    }
    if matches!(view.mailbox, Mailbox::Damaged(_)) {
        return vec![Effect::Stop(StopReason::Damaged)];
    }
    let (ours, stale): (Vec<&Waiting>, Vec<&Waiting>) = view
        .waiting
        .iter()
        .filter(|it| it.claim.is_some())
        .partition(|it| it.claim == Some(incarnation));
    if !stale.is_empty() {
        return stale.into_iter().map(|it| release(it, now)).collect();
    }
    let unclaimed = due(view, now).next().is_some();
    if !ours.is_empty() && silence_max(view, limits) < silent_for {
        return vec![Effect::Stop(StopReason::Silent)];
    }
    // While a turn runs, a message of another chat, or a command, waits for its end.
    if unclaimed && ours.is_empty() && DEAF_MAX < view.quiet_for.min(silent_for) {
        return vec![Effect::Stop(StopReason::Deaf)];
    }
    let mut todo = Vec::from_iter(status(&ours, now));
    if unclaimed {
        todo.push(Effect::NotifyRunner);
    }
    // Behind a turn of another chat, that may be long.
    todo.extend(match ours.is_empty() {
        true => tell_of_wait(view, now),
        false => tell(view, now),
    });
    // What waits for the provider needs no container meanwhile.
    let is_needed = !view.waiting.is_empty() && held_by(view, now).is_none();
    if !todo.is_empty() || is_needed || is_busy(view, limits, silent_for) {
        return todo;
    }
    let reason = [
        (!current, StopReason::Outdated),
        (view.contended, StopReason::MakeRoom),
        (limits.idle_max <= view.quiet_for, StopReason::Idle),
    ];
    reason.into_iter().find(|it| it.0).map(|it| Effect::Stop(it.1)).into_iter().collect()
}

/// Whether background work keeps the container: as long as it gives signs, and a message may take.
fn is_busy(view: &View, limits: &Limits, silent_for: Duration) -> bool {
    silent_for <= limits.silence_max && view.background_for.is_some_and(|it| it < limits.deadline)
}

/// A turn that takes a while, once. The last of its messages speaks for all of it.
fn status(ours: &[&Waiting], now: Timestamp) -> Option<Effect> {
    let last = ours.last().filter(|_| ours.iter().all(|it| !it.status));
    let last = last.filter(|it| STATUS_AFTER <= now.since(it.received_at));
    last.map(|it| Effect::Status(it.message))
}

/// The wait for the provider that holds up everything here, if there is one: nothing is in hand, and
/// the first message may not be handled before it is over.
fn held_by(view: &View, now: Timestamp) -> Option<&ProviderWait> {
    let first =
        view.waiting.first().filter(|_| view.waiting.iter().all(|it| it.claim.is_none()))?;
    first.wait.as_ref().filter(|it| !it.is_over(now))
}

/// A sender who writes while the provider is waited for is told so, as everybody who has to wait.
fn tell_of_wait(view: &View, now: Timestamp) -> Vec<Effect> {
    if held_by(view, now).is_some() { tell(view, now) } else { vec![] }
}

fn silence_max(view: &View, limits: &Limits) -> Duration {
    limits.silence_max.max(view.tool_max.min(limits.deadline))
}

/// Messages that nobody has in hand and that may be handled. One that waits holds up those behind it, so
/// that answers come in the order of their questions.
fn due(view: &View, now: Timestamp) -> impl Iterator<Item = &Waiting> {
    let unclaimed = view.waiting.iter().filter(|it| it.claim.is_none());
    unclaimed.take_while(move |waiting| {
        let waits = waiting.wait.as_ref().is_some_and(|it| !it.is_over(now));
        !waiting.fetching && !waits && waiting.not_before.is_due(now, BACKOFF_MAX)
    })
}

fn release(waiting: &Waiting, now: Timestamp) -> Effect {
    let tries = waiting.tries + 1;
    if TRIES_MAX <= tries {
        return Effect::Fail { message: waiting.message, why: FailReason::Crashes };
    }
    let at = now + backoff(BACKOFF_BASE, BACKOFF_MAX, tries);
    let by = waiting.claim.unwrap_or(Incarnation(0));
    Effect::Release { message: waiting.message, by, at }
}

fn tell(view: &View, now: Timestamp) -> Vec<Effect> {
    view.waiting
        .iter()
        .filter(|it| it.claim.is_none() && !it.told)
        .filter(|it| TELL_AFTER <= now.since(it.received_at))
        .map(|it| Effect::Tell(it.message))
        .collect()
}

#[cfg(test)]
mod tests;
