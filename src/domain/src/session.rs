//! Decides what a session needs next, from a snapshot of what is true.
//!
//! [`decide`] is the whole policy: the actor that owns a session reads a [`View`], calls it,
//! performs the [`Effect`]s, and asks again until nothing is left to do. A fresh message, a restart
//! after a crash and the sweep make the same call: no path runs only when something is broken.
//!
//! Invariants (checked over every small view in `tests`)
//! - A container is never started while one may be running.
//! - A claim is released only when the incarnation that made it is gone.
//! - While a sandbox call is under way, nothing else is asked of the sandbox.
//! - A handful of rounds of deciding and performing reach a state that needs nothing.

use std::time::Duration;

use strum::IntoStaticStr;

use self::looks::{Wait, start_at};
use crate::time::{Timestamp, backoff};
use crate::waits::{ProviderWait, WaitClass};
use crate::{Incarnation, MessageSeq, OutSeq};

mod deadline;
mod limits;
mod looks;
mod mailbox;
mod stop_phase;

pub use self::limits::{Limits, QUEUE_MAX};
pub use self::looks::next_look;
pub use self::mailbox::Mailbox;
pub use self::stop_phase::StopPhase;

/// Everything the policy may look at. Read in one pass, never mutated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The runner wrote something that the host has not imported yet.
    pub news: bool,
    /// Whether what the runner wrote can be read.
    pub mailbox: Mailbox,
    /// Parts wait to be delivered, which a stop would have to void.
    pub undelivered: bool,
    /// Accepted messages without an outcome, oldest first.
    pub waiting: Vec<Waiting>,
    pub container: Container,
    pub launches: Launches,
    /// When the next file of a message may be fetched; `None` when there is none, or one is just
    /// being fetched.
    pub file: Option<Timestamp>,
    /// Something that the agent asked for and nobody was told of yet.
    pub request: Option<OutSeq>,
    /// The last incarnation that a person stopped.
    pub stopped_incarnation: Incarnation,
    /// Whether somebody stopped its agent, until it is resumed.
    pub stop_phase: StopPhase,
    /// The agent asked something of a person and has no answer yet.
    pub asking: bool,
    /// How long the tool that runs right now may take, as its caller declared; zero without one.
    pub tool_max: Duration,
    /// How long work has gone on in the background, after the turn that began it.
    pub background_for: Option<Duration>,
    /// Another session waits for a container slot.
    pub contended: bool,
    /// How long nothing at all has happened here.
    pub quiet_for: Duration,
}

/// An accepted message that has no outcome yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub message: MessageSeq,
    pub received_at: Timestamp,
    /// Set into the future by a release, to back off.
    pub not_before: Timestamp,
    pub tries: u32,
    /// The incarnation that has it in hand.
    pub claim: Option<Incarnation>,
    /// Its chat was told that it has to wait.
    pub told: bool,
    /// Its chat was shown that the work takes a while.
    pub status: bool,
    /// The channel that it came from.
    pub channel: String,
    /// Files that belong to it, or to the context messages before it, are not here yet.
    pub fetching: bool,
    /// The last wait for the provider that it met.
    pub wait: Option<ProviderWait>,
    /// Its last chance ends then; given once it is older than [`Limits::deadline`].
    pub last_chance: Option<Timestamp>,
}

/// What the sandbox says, as far as this process knows. Durations are measured by a clock that
/// does not jump. Its words are what `nanoclaw status` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Container {
    /// The engine does not answer, and is asked again after so long.
    Unknown {
        ask_in: Duration,
    },
    Absent,
    /// A call of ours is under way, or waits for a container slot.
    Busy,
    Running {
        incarnation: Incarnation,
        /// It was started with the settings that the agent has now.
        current: bool,
        /// Since the last sign that its work goes on.
        silent_for: Duration,
    },
    /// It ended without being asked to.
    Exited {
        incarnation: Incarnation,
    },
}

/// The history of starts, read from disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Launches {
    /// The last one.
    pub last: Option<Incarnation>,
    /// A start whose end was not recorded.
    pub open: Option<Incarnation>,
    /// Launches in a row, up to the last, that ended badly without finishing a message.
    pub failures: u32,
    pub last_end: Option<Timestamp>,
}

/// The longest back-off of a message. Host and runner agree on it: a longer wait was set before a
/// clock stepped back.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Within this time every message reaches its end. Longer than the limits of most accounts last.
pub const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Import what the runner wrote: replies and outcomes, in one commit.
    Import,
    /// Fetch the next file that came with a message.
    Fetch,
    /// Forward a request of the agent.
    ForwardRequest(OutSeq),
    /// Show in the chat of the message, once, that the work goes on.
    Status {
        message: MessageSeq,
    },
    Start,
    Stop(StopReason),
    /// Record how the incarnation ended and remove what is left of it.
    RecordExit(Incarnation),
    /// The same for one that a person stopped, which is no failure.
    RecordStop(Incarnation),
    /// Carry out on disk that the agent is stopped.
    ApplyStop,
    /// Set the damaged database of the runner aside, where no container sees it.
    Quarantine,
    /// Tell the runner to look at the database.
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
    Tell {
        message: MessageSeq,
    },
    /// The message is late: note that it has until then, and retry it whatever it waits for.
    LastChance {
        message: MessageSeq,
        until: Timestamp,
    },
    /// Nothing is left to do: the actor may end.
    Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A person said so.
    Asked,
    /// It has a message in hand and gave no sign of life.
    Silent,
    /// It does not pick up messages.
    Deaf,
    /// What it wrote is damaged.
    Damaged,
    /// A message in its hands is past its deadline.
    Overdue,
    /// The agent's settings changed.
    Outdated,
    Idle,
    /// Another session needs its container slot.
    MakeRoom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The container ended several times with this message in hand.
    Crashes,
    /// The container cannot be started.
    CannotStart,
    /// Its deadline has passed, while it waited for this.
    Deadline(Option<WaitClass>),
}

/// The whole policy; pure and total.
#[must_use]
pub fn decide(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    if view.stop_phase != StopPhase::No {
        return stop_phase::while_stopped(view, limits);
    }
    if view.news {
        // What follows waits for that; who never stops writing does not hold up deadlines.
        let late = deadline::decide(view, limits, now - limits.rest_after);
        return [Effect::Import].into_iter().chain(late).collect();
    }
    let late = deadline::decide(view, limits, now);
    if !late.is_empty() {
        return late;
    }
    let mut todo = Vec::from_iter(view.request.map(Effect::ForwardRequest));
    todo.extend(view.file.filter(|it| it.is_due(now, limits.backoff_max)).map(|_| Effect::Fetch));
    todo.extend(match view.container {
        Container::Busy | Container::Unknown { .. } => tell(view, limits, now),
        Container::Exited { incarnation } => vec![stop_phase::ended(view, incarnation)],
        Container::Absent => absent(view, limits, now),
        Container::Running { incarnation, current, silent_for } => {
            running(view, limits, now, (incarnation, current, silent_for))
        }
    });
    todo
}

fn absent(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    if let Some(open) = view.launches.open {
        return vec![stop_phase::ended(view, open)];
    }
    match view.mailbox {
        Mailbox::Damaged(_) => return mailbox::quarantine(view, limits, now),
        // A claim could be in there, or an answer.
        Mailbox::Busy => return tell(view, limits, now),
        Mailbox::Sound | Mailbox::NeedsRunner => {}
    }
    let claimed: Vec<&Waiting> = view.waiting.iter().filter(|it| it.claim.is_some()).collect();
    if !claimed.is_empty() {
        return claimed.into_iter().map(|it| release(it, limits, now)).collect();
    }
    let due: Vec<&Waiting> = due(view, limits, now).collect();
    if due.is_empty() && view.mailbox != Mailbox::NeedsRunner {
        let rests = stop_phase::may_rest(view, limits);
        return if rests { vec![Effect::Rest] } else { tell_of_wait(view, limits, now) };
    }
    match start_at(&view.launches, limits) {
        None => vec![Effect::Start],
        Some(Wait::Parked(until)) if !until.is_due(now, limits.park_for) => due
            .into_iter()
            .map(|it| Effect::Fail { message: it.message, why: FailReason::CannotStart })
            .collect(),
        Some(Wait::Backoff(until)) if !until.is_due(now, limits.backoff_max) => {
            tell(view, limits, now)
        }
        Some(Wait::Parked(_) | Wait::Backoff(_)) => vec![Effect::Start],
    }
}

fn running(
    view: &View,
    limits: &Limits,
    now: Timestamp,
    (incarnation, current, silent_for): (Incarnation, bool, Duration),
) -> Vec<Effect> {
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
        return stale.into_iter().map(|it| release(it, limits, now)).collect();
    }
    let unclaimed = due(view, limits, now).next().is_some();
    if !ours.is_empty() && silence_max(view, limits) < silent_for {
        return vec![Effect::Stop(StopReason::Silent)];
    }
    // While a turn runs, a message of another chat, or a command, waits for its end.
    if unclaimed && ours.is_empty() && limits.deaf_max < view.quiet_for.min(silent_for) {
        return vec![Effect::Stop(StopReason::Deaf)];
    }
    let mut todo = status(&ours, limits, now);
    if unclaimed {
        todo.push(Effect::NotifyRunner);
    }
    // Behind a turn of another chat, that may be long.
    todo.extend(match ours.is_empty() {
        true => tell_of_wait(view, limits, now),
        false => tell(view, limits, now),
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
fn status(ours: &[&Waiting], limits: &Limits, now: Timestamp) -> Vec<Effect> {
    let last = ours.last().filter(|_| ours.iter().all(|it| !it.status));
    last.filter(|it| limits.status_after <= now.since(it.received_at))
        .map(|it| Effect::Status { message: it.message })
        .into_iter()
        .collect()
}

/// The wait for the provider that holds up everything here, if there is one: nothing is in hand, and
/// the first message may not be handled before it is over.
fn held_by(view: &View, now: Timestamp) -> Option<&ProviderWait> {
    let first =
        view.waiting.first().filter(|_| view.waiting.iter().all(|it| it.claim.is_none()))?;
    first.wait.as_ref().filter(|it| !it.is_over(now))
}

/// A sender who writes while the provider is waited for is told so, as everybody who has to wait.
fn tell_of_wait(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    if held_by(view, now).is_some() { tell(view, limits, now) } else { vec![] }
}

/// The longest silence right now. A tool that declared a longer time may take it.
fn silence_max(view: &View, limits: &Limits) -> Duration {
    limits.silence_max.max(view.tool_max.min(limits.deadline))
}

/// Messages that nobody has in hand and that may be handled. One that waits for the provider, or
/// backs off, or whose files are not here yet, holds up those behind it, so that answers come in the
/// order of their questions.
fn due<'a>(view: &'a View, limits: &Limits, now: Timestamp) -> impl Iterator<Item = &'a Waiting> {
    let longest = limits.backoff_max;
    let unclaimed = view.waiting.iter().filter(|it| it.claim.is_none());
    unclaimed.take_while(move |waiting| {
        let waits = waiting.wait.as_ref().is_some_and(|it| !it.is_over(now));
        !waiting.fetching && !waits && waiting.not_before.is_due(now, longest)
    })
}

fn release(waiting: &Waiting, limits: &Limits, now: Timestamp) -> Effect {
    let tries = waiting.tries + 1;
    if limits.tries_max <= tries {
        return Effect::Fail { message: waiting.message, why: FailReason::Crashes };
    }
    let at = now + backoff(limits.backoff_base, limits.backoff_max, tries);
    let by = waiting.claim.unwrap_or(Incarnation(0));
    Effect::Release { message: waiting.message, by, at }
}

fn tell(view: &View, limits: &Limits, now: Timestamp) -> Vec<Effect> {
    view.waiting
        .iter()
        .filter(|it| it.claim.is_none() && !it.told)
        .filter(|it| limits.tell_after <= now.since(it.received_at))
        .map(|it| Effect::Tell { message: it.message })
        .collect()
}

#[cfg(test)]
mod tests;
