//! Messages as the runner reads them, and how many of those that wait it takes up at a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::MessageSeq;
use crate::message::{Address, ChatInfo, FileKind, InboundKind, Quote, lateness};
use crate::task::Errand;
use crate::time::Timestamp;

/// Overheard messages that are shown with one message; older ones are only counted.
pub const OVERHEARD_MAX: usize = 50;
/// And how long they may be together.
pub const OVERHEARD_BYTES_MAX: usize = 32 * 1024;

/// An accepted message as the runner reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    pub seq: MessageSeq,
    /// Never [`InboundKind::Context`].
    pub kind: InboundKind,
    pub from: Address,
    pub chat: ChatInfo,
    pub sender_name: String,
    pub text: String,
    pub quote: Option<Quote>,
    pub received_at: Timestamp,
    /// When the platform says that it was sent.
    pub sent_at: Option<Timestamp>,
    /// How many incarnations died with this message in hand.
    pub tries: u32,
    /// The name of the time zone that counts for its sender; empty where none is known.
    pub zone: String,
    pub files: Vec<FileIn>,
    pub overheard: Overheard,
    /// The task that sent it; `None` when a person wrote it.
    pub task: Option<Errand>,
}

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIn {
    pub kind: FileKind,
    /// What its sender called it; may be empty.
    pub name: String,
    /// May be empty.
    pub mime: String,
    pub place: Place,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Its path within the folder of the inbound database.
    Here(String),
    /// Why it is not here.
    Failed(String),
}

/// What was said in the chats of a session before a message, and was not for the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overheard {
    /// The oldest first.
    pub messages: Vec<Inbound>,
    /// How many more there were before those.
    pub left_out: u32,
}

impl Inbound {
    /// When it was sent, as far as that is known.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.sent_at.unwrap_or(self.received_at)
    }

    /// How late it arrived, if it did; see [`lateness`].
    #[must_use]
    pub fn lateness(&self) -> Option<Duration> {
        lateness(self.sent_at?, self.received_at)
    }

    /// Whether it must be taken up alone. If one that an incarnation died with kills the next one
    /// too, no other message shares its fate; and a command is not for the middle of a turn. What a
    /// task says goes to its own chat, and may be nothing at all.
    #[must_use]
    pub fn goes_alone(&self) -> bool {
        0 < self.tries || self.kind == InboundKind::Command || self.task.is_some()
    }
}

/// How many of the messages that are due, oldest first, may be taken up now. `due` and `in_hand` say
/// which of them go alone.
#[must_use]
pub fn take_up(due: &[bool], in_hand: &[bool]) -> usize {
    if in_hand.contains(&true) {
        return 0;
    }
    match due.iter().position(|&alone| alone) {
        Some(0) if in_hand.is_empty() => 1,
        Some(before) => before,
        None => due.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_alone_is_taken_up_alone() {
        assert_eq!(take_up(&[false, false, false], &[]), 3);
        assert_eq!(take_up(&[false, false, false], &[false]), 3);
        assert_eq!(take_up(&[true, false], &[]), 1);
        assert_eq!(take_up(&[true, true], &[]), 1);
        assert_eq!(take_up(&[true, false], &[false]), 0);
        assert_eq!(take_up(&[false, true, false], &[]), 1);
        assert_eq!(take_up(&[false, false], &[true]), 0);
        assert_eq!(take_up(&[], &[]), 0);
    }
}
