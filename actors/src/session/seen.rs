//! What is known of a session's container.

use std::time::Duration;

use domain::Incarnation;
use domain::session::Container;
use domain::trouble::Trouble;
use store::Reader;
use tokio::time::Instant;

/// How long an engine that does not answer is left alone.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The same for one that has not answered for long.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(10);

/// What this process knows of the container.
#[derive(Debug)]
pub(super) enum Seen {
    /// Has to be asked for.
    Unread,
    /// The engine has not answered since then, and was asked last then.
    Unreachable {
        since: Instant,
        asked: Instant,
    },
    /// A call is under way.
    Busy,
    Absent,
    Running {
        incarnation: Incarnation,
        /// It was started with the settings that the agent has now.
        current: bool,
    },
    Exited {
        incarnation: Incarnation,
        why: String,
        trouble: Trouble,
    },
}

impl Seen {
    pub(super) fn as_container(&self, silent_for: Duration) -> Container {
        match *self {
            Self::Unread | Self::Busy => Container::Busy,
            Self::Unreachable { .. } => Container::Unknown(self.ask_in(false)),
            Self::Absent => Container::Absent,
            Self::Running { incarnation, current } => {
                Container::Running { incarnation, current, silent_for }
            }
            Self::Exited { incarnation, .. } => Container::Exited(incarnation),
        }
    }

    pub(super) fn runs(&self, incarnation: Incarnation) -> bool {
        matches!(self, Self::Running { incarnation: own, .. } if *own == incarnation)
    }

    pub(super) fn reader(&self) -> Reader {
        match self {
            Self::Running { .. } => Reader::Runs,
            Self::Busy | Self::Unreachable { .. } => Reader::MayRun,
            Self::Unread | Self::Absent | Self::Exited { .. } => Reader::Gone,
        }
    }

    /// Somebody waits: an engine that has been away for long is asked as often as one that just went.
    pub(super) fn hurry(&mut self) {
        if let Self::Unreachable { since, asked } = self {
            *since = *asked;
        }
    }

    /// When the engine is to be asked next: at once where nobody knows, and less often the longer it has
    /// been away, so that a thousand sessions do not keep asking; unless a container is to be killed.
    pub(super) fn ask_in(&self, is_stopped: bool) -> Duration {
        match self {
            Self::Unread => Duration::ZERO,
            Self::Unreachable { since, asked } => {
                let max = if is_stopped { ASK_AGAIN } else { ASK_AGAIN_MAX };
                let pause = (asked.duration_since(*since) / 2).clamp(ASK_AGAIN, max);
                pause.saturating_sub(asked.elapsed())
            }
            Self::Busy | Self::Absent | Self::Running { .. } | Self::Exited { .. } => Duration::MAX,
        }
    }

    /// Ask the engine again, unless a call is under way that will tell.
    pub(super) fn distrust(&mut self) {
        if !matches!(self, Self::Busy) {
            *self = Self::Unread;
        }
    }
}
