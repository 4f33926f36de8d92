//! Why a turn ended without an answer, and what the user reads then: short, what happened and what
//! follows, never a raw dump, never nothing.

use domain::time::Timestamp;
use domain::waits::WaitClass;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureClass {
    Auth,
    Billing,
    RateLimit,
    Overloaded,
    ContextOverflow,
    ModelUnknown,
    InvalidRequest,
    Network,
    StaleSession,
    OutOfMemory,
    Crashed,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderFailure {
    pub(crate) class: FailureClass,
    pub(crate) user_text: String,
    /// A passing failure: the messages wait for its end, and the text is not shown.
    pub(crate) wait: Option<Wait>,
}

/// A wait for the provider, as far as this side knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) class: WaitClass,
    /// When the provider says that it goes on.
    pub(crate) until: Option<Timestamp>,
}

impl FailureClass {
    /// The word in the database and in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::RateLimit => "rate limit",
            Self::Overloaded => "overloaded",
            Self::ContextOverflow => "context overflow",
            Self::ModelUnknown => "model unknown",
            Self::InvalidRequest => "invalid request",
            Self::Network => "network",
            Self::StaleSession => "stale session",
            Self::OutOfMemory => "out of memory",
            Self::Crashed => "crashed",
            Self::Unknown => "unknown",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Auth => {
                "The model refused the credential of this install, so I could not answer. \
                 The owner of the host can store a good one with `nanoclaw vault add anthropic`."
            }
            // The host says what they wait for, and when it goes on.
            Self::Billing | Self::RateLimit | Self::Overloaded | Self::Network => "",
            Self::ContextOverflow => {
                "This conversation, or your message, is too long for the model. Send `/compact` \
                 to shorten it, or a shorter message."
            }
            Self::ModelUnknown => {
                "The model that is set for this agent does not exist or may not be used, so I could \
                 not answer. Set another one on the host."
            }
            Self::InvalidRequest => {
                "The model rejected the request, so I could not answer. Try it in other words."
            }
            Self::StaleSession => "Our earlier conversation could not be found.",
            Self::OutOfMemory => {
                "I ran out of memory several times while I worked on your message, so I gave it up. \
                 The owner of the host can give me more with `nanoclaw agents set`, option \
                 `--memory`."
            }
            Self::Crashed => {
                "The agent's program ended several times while it worked on your message, so I gave \
                 it up. Part of the work may have been done. Send it again to let me try once more."
            }
            Self::Unknown => {
                "Something went wrong while I worked on your message, so I could not answer. Send it \
                 again to let me try once more."
            }
        }
    }
}

impl ProviderFailure {
    /// `until` is when the provider says that it goes on; it counts for a rate limit only.
    pub(crate) fn new(class: FailureClass, until: Option<Timestamp>) -> Self {
        let wait = match class {
            FailureClass::RateLimit => Some(Wait { class: WaitClass::Limit, until }),
            FailureClass::Billing => Some(Wait { class: WaitClass::Billing, until: None }),
            FailureClass::Overloaded => Some(Wait { class: WaitClass::Overloaded, until: None }),
            FailureClass::Network => Some(Wait { class: WaitClass::Network, until: None }),
            FailureClass::Auth
            | FailureClass::ContextOverflow
            | FailureClass::ModelUnknown
            | FailureClass::InvalidRequest
            | FailureClass::StaleSession
            | FailureClass::OutOfMemory
            | FailureClass::Crashed
            | FailureClass::Unknown => None,
        };
        Self { class, user_text: class.text().to_owned(), wait }
    }

    /// Adds a sentence about what follows.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.user_text.push(' ');
        self.user_text.push_str(more);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passing_failure_is_waited_for_and_the_rest_is_told() {
        let until = Some(Timestamp(5));
        for (class, wait) in [
            (FailureClass::RateLimit, Some((WaitClass::Limit, until))),
            (FailureClass::Billing, Some((WaitClass::Billing, None))),
            (FailureClass::Overloaded, Some((WaitClass::Overloaded, None))),
            (FailureClass::Network, Some((WaitClass::Network, None))),
            (FailureClass::Auth, None),
            (FailureClass::Crashed, None),
        ] {
            let failure = ProviderFailure::new(class, until);
            assert_eq!(failure.wait.map(|it| (it.class, it.until)), wait);
            assert_eq!(failure.user_text.is_empty(), wait.is_some(), "{class:?}");
        }
    }
}
