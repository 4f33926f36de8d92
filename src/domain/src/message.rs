//! Messages, where they came from and how they end.

use crate::time::Timestamp;
use crate::{Incarnation, MessageSeq, OutSeq};

/// The longest text that is accepted. Larger than any platform's limit, small enough that one
/// message cannot fill a model's context.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// Where a message came from and where its answer goes. `chat` and `thread` are the platform's
/// names, opaque outside its adapter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    pub channel: String,
    pub account: String,
    pub chat: String,
    pub thread: Option<String>,
}

/// A message as a platform delivered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub from: Address,
    /// The platform's id, stable across redeliveries, so that storing it twice is harmless.
    pub platform_id: String,
    pub sender_id: String,
    pub sender_name: String,
    pub text: String,
    /// The agent that was addressed by name on a channel where that is possible (the terminal).
    pub to_agent: Option<String>,
}

/// Why a message is not accepted. Shown to its sender, so it says what to do.
#[must_use]
pub fn refusal(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("the message is empty; write something".into());
    }
    if TEXT_BYTES_MAX < text.len() {
        return Some(format!(
            "the message has {} KiB, more than the {} KiB that are accepted; send it as several messages",
            text.len() / 1024,
            TEXT_BYTES_MAX / 1024
        ));
    }
    None
}

/// How an accepted message ended. There is exactly one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Answered,
    Silent,
    Declined,
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Answered, Self::Silent, Self::Declined, Self::Failed];

    /// The word in the databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Silent => "silent",
            Self::Declined => "declined",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// An accepted message as the runner reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    pub seq: MessageSeq,
    pub sender_name: String,
    pub text: String,
    pub received_at: Timestamp,
    /// How many incarnations died with this message in hand.
    pub tries: u32,
}

/// How many of the messages that are due, oldest first, may be taken up now. `due` and `in_hand` say
/// how often each was tried. One that an incarnation died with is taken up alone: if it kills this
/// one too, no other message shares its fate.
#[must_use]
pub fn take_up(due: &[u32], in_hand: &[u32]) -> usize {
    if in_hand.iter().any(|&tries| 0 < tries) {
        return 0;
    }
    match due.iter().position(|&tries| 0 < tries) {
        Some(0) if in_hand.is_empty() => 1,
        Some(before) => before,
        None => due.len(),
    }
}

/// What the runner wrote about a message in its hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub message: MessageSeq,
    pub incarnation: Incarnation,
    /// `None` while the work goes on.
    pub outcome: Option<(Outcome, String)>,
    /// The message that answers it; one may answer several that a turn took together.
    pub reply: Option<OutSeq>,
}

/// A message that the agent wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    pub seq: OutSeq,
    /// The message that led to this one; its chat is where this one goes.
    pub in_reply_to: MessageSeq,
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_huge_messages_are_refused_with_a_reason() {
        assert!(refusal("").is_some_and(|why| why.contains("empty")));
        assert!(refusal(" \n").is_some());
        assert!(refusal(&"x".repeat(1024 * 1024)).is_some_and(|why| why.contains("1024 KiB")));
        assert_eq!(refusal(&"x".repeat(TEXT_BYTES_MAX)), None);
    }

    #[test]
    fn a_message_that_was_tried_before_is_taken_up_alone() {
        assert_eq!(take_up(&[0, 0, 0], &[]), 3);
        assert_eq!(take_up(&[0, 0, 0], &[0]), 3);
        assert_eq!(take_up(&[1, 0], &[]), 1);
        assert_eq!(take_up(&[1, 0], &[0]), 0);
        assert_eq!(take_up(&[0, 1, 0], &[]), 1);
        assert_eq!(take_up(&[0, 0], &[1]), 0);
        assert_eq!(take_up(&[], &[]), 0);
    }

    #[test]
    fn outcomes_read_back() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
    }
}
