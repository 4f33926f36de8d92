//! What is known of a session's container.

use std::time::Duration;

use domain::Incarnation;
use domain::session::Container;
use domain::trouble::Trouble;
use tokio::time::Instant;

use super::ASK_AGAIN;

/// What this process knows of the container.
#[derive(Debug)]
pub(in crate::session) enum Seen {
    /// Has to be asked for.
    Unread,
    /// The engine did not answer then.
    Unreachable(Instant),
    /// A call is under way.
    Busy,
    Absent,
    Running {
        incarnation: Incarnation,
        fingerprint: String,
        wanted: String,
    },
    Exited {
        incarnation: Incarnation,
        why: String,
        trouble: Trouble,
    },
}

impl Seen {
    pub(in crate::session) fn as_container(&self, silent_for: Duration) -> Container {
        match self {
            Self::Unread | Self::Busy => Container::Busy,
            Self::Unreachable(_) => Container::Unknown,
            Self::Absent => Container::Absent,
            Self::Running { incarnation, fingerprint, wanted } => Container::Running {
                incarnation: *incarnation,
                current: fingerprint == wanted,
                silent_for,
            },
            Self::Exited { incarnation, .. } => Container::Exited { incarnation: *incarnation },
        }
    }

    /// A runner may read the mailbox, now or in a moment.
    pub(in crate::session) fn may_read(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::Busy | Self::Unreachable(_))
    }

    pub(super) fn is_worth_asking(&self) -> bool {
        matches!(self, Self::Unread)
            || matches!(self, Self::Unreachable(since) if ASK_AGAIN <= since.elapsed())
    }

    /// Ask the engine again, unless a call is under way that will tell.
    pub(in crate::session) fn distrust(&mut self) {
        if !matches!(self, Self::Busy) {
            *self = Self::Unread;
        }
    }
}
