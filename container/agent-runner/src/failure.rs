//! Why a turn ended without an answer, and what the user reads then: short, what happened and what
//! follows, never a raw dump, never nothing.

use domain::time::Timestamp;
use domain::waits::WaitClass;

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

    /// That word, and what the user reads.
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
