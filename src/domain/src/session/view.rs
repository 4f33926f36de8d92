//! What the policy of a session looks at: what is true, how long everything may take, and when to look again.

use std::time::Duration;

use strum::IntoStaticStr;

use super::{deadline_of, held_by, is_busy, silence_max};
use crate::message::Address;
use crate::time::{Timestamp, backoff};
use crate::waits::ProviderWait;
use crate::{Incarnation, MessageSeq, OutSeq};

/// Everything the policy may look at. Read in one pass, never mutated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub news: bool,
    pub mailbox: Mailbox,
    /// Parts wait to be delivered, which a stop would have to void.
    pub undelivered: bool,
    /// Accepted messages without an outcome, oldest first.
    pub waiting: Vec<Waiting>,
    pub container: Container,
    pub launches: Launches,
    /// When the next file may be fetched; `None` without one, and while one is being fetched.
    pub file: Option<Timestamp>,
    /// Something that the agent asked for and nobody was told of yet.
    pub request: Option<OutSeq>,
    pub stopped_incarnation: Incarnation,
    pub stop_phase: StopPhase,
    pub asking: bool,
    /// How long the tool that runs right now may take, as its caller declared; zero without one.
    pub tool_max: Duration,
    /// How long work has gone on in the background, after the turn that began it.
    pub background_for: Option<Duration>,
    /// Another session waits for a container slot.
    pub contended: bool,
    pub quiet_for: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub message: MessageSeq,
    pub received_at: Timestamp,
    /// Set into the future by a release, to back off.
    pub not_before: Timestamp,
    pub tries: u32,
    pub claim: Option<Incarnation>,
    /// Its chat was told that it has to wait.
    pub told: bool,
    /// Its chat was shown that the work takes a while.
    pub status: bool,
    pub chat: Address,
    /// Files that belong to it, or to the context messages before it, are not here yet.
    pub fetching: bool,
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
    Unknown(Duration),
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
    Exited(Incarnation),
}

/// The state of the database that the runner writes, as far as the host can read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mailbox {
    #[default]
    Sound,
    /// Its writer died in mid-transaction; only a runner can recover it.
    NeedsRunner,
    Busy,
    /// It is not what a runner writes, for this reason.
    Damaged(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Launches {
    pub last: Option<Incarnation>,
    pub open: Option<Incarnation>,
    /// Launches in a row, up to the last, that ended badly without finishing a message.
    pub failures: u32,
    pub last_end: Option<Timestamp>,
}

impl Launches {
    pub(crate) fn is_parked(self) -> bool {
        LAUNCHES_MAX <= self.failures
    }

    /// When the next start may be; `None` when it may be now.
    pub(crate) fn rests_until(self, limits: &Limits, now: Timestamp) -> Option<Timestamp> {
        let rest = match self.failures {
            0 => return None,
            _ if self.is_parked() => limits.park_for,
            failures => backoff(BACKOFF_BASE, BACKOFF_MAX, failures),
        };
        // A clock that steps back a little ends no wait.
        Some(self.last_end? + rest).filter(|it| !it.is_due(now, rest.max(BACKOFF_MAX)))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopPhase {
    #[default]
    No,
    /// It must, and has not yet set aside what was in work or told its chats.
    Due,
    Done,
}

/// The longest back-off of a message, for host and runner: a longer wait is of before a clock stepped back.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Within this time every message reaches its end. Longer than the limits of most accounts last.
pub const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// Messages of one session that wait for their answers; its chats are told that it takes no more. Each
/// waits for [`DEADLINE`] at most, and no person has so many.
pub const QUEUE_MAX: i64 = 5_000;

/// Longest time that a running container may leave a message unclaimed.
pub(super) const DEAF_MAX: Duration = Duration::from_secs(60);
/// How often a turn is looked at when no notification comes.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// Incarnations that may die with a message in hand before it is given up.
pub(super) const TRIES_MAX: u32 = 3;
/// Bad launches in a row before the session is parked.
const LAUNCHES_MAX: u32 = 5;
pub(super) const BACKOFF_BASE: Duration = Duration::from_secs(1);
/// A sender is told that things take time after this.
pub(super) const TELL_AFTER: Duration = Duration::from_secs(30);
/// A chat is shown that the work on a message goes on after this.
pub(super) const STATUS_AFTER: Duration = Duration::from_secs(15);

/// How long everything else may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest silence of a container that has a message in hand.
    pub silence_max: Duration,
    /// How long a parked session refuses work before it tries again.
    pub park_for: Duration,
    /// A container without work is stopped after this.
    pub idle_max: Duration,
    /// An actor without work and container ends after this.
    pub rest_after: Duration,
    /// A message reaches its end within this time of its receipt,
    pub deadline: Duration,
    /// or, since a clock may have been set forward, this long after it was seen to be late.
    pub last_chance: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence_max: Duration::from_secs(30 * 60),
            park_for: Duration::from_secs(10 * 60),
            idle_max: Duration::from_secs(10 * 60),
            rest_after: Duration::from_secs(60),
            deadline: DEADLINE,
            last_chance: Duration::from_secs(60 * 60),
        }
    }
}

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
    // What is due now was acted on, or waits for something outside, which is looked for at a pace.
    let pace = |it: Duration| if it.is_zero() { POLL_EVERY } else { it.max(BREATH) };
    waits.into_iter().map(pace).min()
}
