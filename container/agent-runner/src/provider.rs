//! What turns messages into answers reports: a provider is one async function between two queues. It
//! works until the first is closed and what was handed over is finished, and knows nothing of claims,
//! commits or notifications. What a model or its program does wrong is the result of a turn; an error
//! is only what this program cannot go on with.

use std::time::Duration;

use domain::MessageSeq;
use domain::cost::Cost;
use domain::inbound::Inbound;
use domain::time::Timestamp;
use domain::waits::WaitClass;
use tokio::sync::mpsc;

use crate::host_client::Kept;

/// Claimed messages on their way to the provider. It closes when the provider should finish.
pub(crate) type Messages = mpsc::UnboundedReceiver<Vec<Inbound>>;

pub(crate) const NEW_CONVERSATION: &str = "I have put our conversation aside and begin a new one.";

/// What the provider reports, in order.
#[derive(Debug)]
pub(crate) enum Event {
    /// Remember something right now, not only with the end of the turn.
    Keep(Vec<Kept>),
    Tool(ToolNews),
    /// A text that answers no message at hand: a background task has ended.
    Unsolicited {
        /// The message that began it, where that is known.
        to: Option<MessageSeq>,
        text: String,
    },
    TurnEnded(TurnEnded),
}

/// What a tool does, by the provider's name of the call; never what it is given or gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolNews {
    Started {
        call: String,
        name: String,
        /// How long it may take, as its caller declared; zero when it did not.
        max: Duration,
    },
    Ended {
        call: String,
        ok: bool,
    },
}

/// The one end of a turn, whether it went well or not. Messages that come during a turn may join it or
/// wait; each is covered by exactly one.
#[derive(Debug)]
pub(crate) struct TurnEnded {
    /// The messages that it answers, oldest first.
    pub(crate) covers: Vec<MessageSeq>,
    pub(crate) result: Result<String, ProviderFailure>,
    pub(crate) keep: Vec<Kept>,
    pub(crate) cost: Option<Cost>,
}

/// Why a turn ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureClass {
    /// The messages wait for its end, and no text is shown.
    Passing(WaitClass),
    Auth,
    ContextOverflow,
    ModelUnknown,
    InvalidRequest,
    OutOfMemory,
    Crashed,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderFailure {
    pub(crate) class: FailureClass,
    pub(crate) user_text: String,
    /// When the provider says that it goes on.
    pub(crate) until: Option<Timestamp>,
}

impl FailureClass {
    /// The word in the database and in the log.
    pub(crate) fn as_str(self) -> &'static str {
        self.words().0
    }

    /// That word, and what the user reads: short, what happened and what follows, never a raw dump.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            // The host says what they wait for, and when it goes on.
            Self::Passing(class) => (class.as_str(), ""),
            Self::Auth => (
                "auth",
                "The model refused the credential of this install, so I could not answer. \
                 The owner of the host can store a good one with `nanoclaw vault add anthropic`.",
            ),
            Self::ContextOverflow => (
                "context overflow",
                "This conversation, or your message, is too long for the model. Send `/compact` \
                 to shorten it, or a shorter message.",
            ),
            Self::ModelUnknown => (
                "model unknown",
                "The model that is set for this agent does not exist or may not be used, so I could \
                 not answer. Set another one on the host.",
            ),
            Self::InvalidRequest => (
                "invalid request",
                "The model rejected the request, so I could not answer. Try it in other words.",
            ),
            Self::OutOfMemory => (
                "out of memory",
                "I ran out of memory several times while I worked on your message, so I gave it up. \
                 The owner of the host can give me more with `nanoclaw agents set`, option \
                 `--memory`.",
            ),
            Self::Crashed => (
                "crashed",
                "The agent's program ended several times while it worked on your message, so I gave \
                 it up. Part of the work may have been done. Send it again to let me try once more.",
            ),
            Self::Unknown => (
                "unknown",
                "Something went wrong while I worked on your message, so I could not answer. Send it \
                 again to let me try once more.",
            ),
        }
    }
}

impl ProviderFailure {
    /// `until` is when the provider says that it goes on; it counts for a limit only.
    pub(crate) fn new(class: FailureClass, until: Option<Timestamp>) -> Self {
        let until = until.filter(|_| class == FailureClass::Passing(WaitClass::Limit));
        Self { class, user_text: class.words().1.to_owned(), until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passing_failure_is_waited_for_and_the_rest_is_told() {
        let until = Some(Timestamp(5));
        for (class, known, is_told) in [
            (FailureClass::Passing(WaitClass::Limit), until, false),
            (FailureClass::Passing(WaitClass::Billing), None, false),
            (FailureClass::Auth, None, true),
            (FailureClass::Crashed, None, true),
        ] {
            let failure = ProviderFailure::new(class, until);
            assert_eq!(failure.until, known);
            assert_eq!(!failure.user_text.is_empty(), is_told, "{class:?}");
        }
    }
}
