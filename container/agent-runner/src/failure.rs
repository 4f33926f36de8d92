//! Why a turn ended without an answer, and what the user reads then: short, what happened and what
//! follows, never a raw dump, never nothing.

use domain::time::Timestamp;

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
    Crashed,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderFailure {
    pub(crate) class: FailureClass,
    pub(crate) user_text: String,
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
            Self::Crashed => "crashed",
            Self::Unknown => "unknown",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Auth => {
                "The model refused the credential of this install, so I could not answer. \
                 Whoever runs the host can store a good one with `nanoclaw vault add anthropic`."
            }
            Self::Billing => {
                "The account behind this install has no credit left for the model, so I could not \
                 answer. Send your message again once that is settled."
            }
            Self::RateLimit => {
                "The limit of the model's account is reached, so I could not answer."
            }
            Self::Overloaded => {
                "The model is overloaded right now, so I could not answer. Send your message again \
                 in a few minutes."
            }
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
            Self::Network => {
                "I cannot reach the model right now, so I could not answer. Send your message again \
                 in a few minutes."
            }
            Self::StaleSession => "Our earlier conversation could not be found.",
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
    pub(crate) fn new(class: FailureClass) -> Self {
        Self { class, user_text: class.text().to_owned() }
    }

    /// A rate limit that says when to try again, if that is known.
    pub(crate) fn rate_limited(until: Option<Timestamp>, now: Timestamp) -> Self {
        let mut it = Self::new(FailureClass::RateLimit);
        let when = match until {
            Some(until) if now < until => wait_text(until.since(now).as_secs()),
            _ => "later".to_owned(),
        };
        it.user_text = format!("{} Send your message again {when}.", it.user_text);
        it
    }

    /// Adds a sentence about what follows.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.user_text.push(' ');
        self.user_text.push_str(more);
        self
    }
}

/// A wait is told instead of a time of day: the runner does not know the reader's time zone.
fn wait_text(secs: u64) -> String {
    let minutes = secs.div_ceil(60).max(1);
    match (minutes / 60, minutes % 60) {
        (0, 1) => "in a minute".to_owned(),
        (0, minutes) => format!("in {minutes} minutes"),
        (hours, 0) => format!("in {hours} h"),
        (hours, minutes) => format!("in {hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_says_when_to_try_again() {
        let now = Timestamp(1_000_000);
        for (secs, text) in [
            (20, "in a minute."),
            (900, "in 15 minutes."),
            (3_600, "in 1 h."),
            (5_430, "in 1 h 31 min."),
        ] {
            let until = Timestamp(now.0 + secs * 1_000);
            let it = ProviderFailure::rate_limited(Some(until), now);
            assert!(it.user_text.ends_with(text), "{}", it.user_text);
        }
        let past = ProviderFailure::rate_limited(Some(Timestamp(0)), now);
        assert!(past.user_text.ends_with("later."), "{}", past.user_text);
    }
}
