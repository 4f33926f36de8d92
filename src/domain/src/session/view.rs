//! What the policy of a session looks at: what is true, and how long everything may take.

use std::time::Duration;

use strum::IntoStaticStr;

use crate::time::{Timestamp, backoff};
use crate::waits::ProviderWait;
use crate::{Incarnation, MessageSeq, OutSeq};

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
    /// It cannot be read right now.
    Busy,
    /// It is not what a runner writes, for this reason.
    Damaged(String),
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

impl Launches {
    /// So many failed that the session takes no work for a while.
    pub(super) fn is_parked(self, limits: &Limits) -> bool {
        limits.launches_max <= self.failures
    }

    /// When the next start may be; `None` when it may be now.
    pub(super) fn rests_until(self, limits: &Limits, now: Timestamp) -> Option<Timestamp> {
        let rest = match self.failures {
            0 => Duration::ZERO,
            _ if self.is_parked(limits) => limits.park_for,
            failures => backoff(limits.backoff_base, limits.backoff_max, failures),
        };
        Some(self.last_end? + rest).filter(|it| !it.is_due(now, rest))
    }
}

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

/// The longest back-off of a message. Host and runner agree on it: a longer wait was set before a
/// clock stepped back.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Within this time every message reaches its end. Longer than the limits of most accounts last.
pub const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// Messages of one session that wait for their answers; its chats are told that it takes no more. Each
/// waits for [`DEADLINE`] at most, and no person has so many.
pub const QUEUE_MAX: i64 = 5_000;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest silence of a container that has a message in hand.
    pub silence_max: Duration,
    /// Longest time that a running container may leave a message unclaimed.
    pub deaf_max: Duration,
    /// How often a turn is looked at when no notification comes.
    pub poll_every: Duration,
    /// Incarnations that may die with a message in hand before it is given up.
    pub tries_max: u32,
    /// Bad launches in a row before the session is parked.
    pub launches_max: u32,
    /// How long a parked session refuses work before it tries again.
    pub park_for: Duration,
    pub backoff_base: Duration,
    pub backoff_max: Duration,
    /// A container without work is stopped after this.
    pub idle_max: Duration,
    /// An actor without work and container ends after this.
    pub rest_after: Duration,
    /// A sender is told that things take time after this.
    pub tell_after: Duration,
    /// A chat is shown that the work on a message goes on after this.
    pub status_after: Duration,
    /// A message reaches its end within this time of its receipt,
    pub deadline: Duration,
    /// or, since a clock may have been set forward, this long after it was seen to be late.
    pub last_chance: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence_max: Duration::from_secs(30 * 60),
            deaf_max: Duration::from_secs(60),
            poll_every: Duration::from_secs(5),
            tries_max: 3,
            launches_max: 5,
            park_for: Duration::from_secs(10 * 60),
            backoff_base: Duration::from_secs(1),
            backoff_max: BACKOFF_MAX,
            idle_max: Duration::from_secs(10 * 60),
            rest_after: Duration::from_secs(60),
            tell_after: Duration::from_secs(30),
            status_after: Duration::from_secs(15),
            deadline: DEADLINE,
            last_chance: Duration::from_secs(60 * 60),
        }
    }
}
