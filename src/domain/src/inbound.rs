//! Messages as the runner reads them, and which of those that wait may share a turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::MessageSeq;
use crate::message::{Address, Body, FileKind, InboundKind, lateness};
use crate::task::TaskRun;
use crate::time::Timestamp;

/// Context messages that are shown with one message; older ones are only counted.
pub const CONTEXT_MESSAGES_MAX: usize = 50;
/// Of edits, deletions and reactions, which are beside these, so that they push no words out.
pub const CONTEXT_CHANGES_MAX: usize = 10;
/// And how long they may be together.
pub const CONTEXT_BYTES_MAX: usize = 32 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    pub seq: MessageSeq,
    /// Never [`InboundKind::Context`].
    pub kind: InboundKind,
    pub from: Address,
    pub body: Body,
    /// The sender's handle, such as `telegram:4711`. Unlike a name nobody can choose it.
    pub sender_id: String,
    /// See [`crate::people::Access::as_str`]; empty where nobody sent it or that was not kept.
    pub sender_role: String,
    pub received_at: Timestamp,
    /// How many incarnations died with this message in hand.
    pub tries: u32,
    /// The name of the time zone that counts for its sender; empty where none is known.
    pub zone: String,
    pub files: Vec<FileIn>,
    pub context_messages: ContextMessages,
    /// The task that sent it; `None` when a person wrote it.
    pub task: Option<TaskRun>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIn {
    pub kind: FileKind,
    /// What its sender called it; may be empty.
    pub name: String,
    pub mime: String,
    /// It is one of the message that is quoted.
    #[serde(default)]
    pub is_quoted: bool,
    pub location: FileLocation,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileLocation {
    Here(String),
    Failed(String),
}

/// What was said in the chats of a session before a message, and was not for the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextMessages {
    pub messages: Vec<Inbound>,
    pub left_out: u32,
}

impl Inbound {
    pub fn at(&self) -> Timestamp {
        self.body.sent_at.unwrap_or(self.received_at)
    }

    pub fn lateness(&self) -> Option<Duration> {
        lateness(self.body.sent_at?, self.received_at)
    }

    /// Whether it needs a turn of its own. A retried message runs alone, so a poison message can't
    /// take others down; a command is not for the middle of a turn. What a task says goes to its own
    /// chat, and may be nothing at all.
    pub fn runs_alone(&self) -> bool {
        0 < self.tries || self.kind == InboundKind::Command || self.task.is_some()
    }
}

/// How many of the messages that are due, oldest first, may be claimed now. Each message is its address
/// and whether it runs alone.
///
/// A turn has one reply, so all its messages have one address: thread and account included. The oldest
/// message of another address ends what may join, so that it comes next and a busy chat can't starve
/// it.
pub fn claimable(due: &[(&Address, bool)], claimed: &[(&Address, bool)]) -> usize {
    let Some((address, _)) = claimed.iter().chain(due).next() else { return 0 };
    if claimed.iter().any(|(of, alone)| *alone || of != address) {
        return 0;
    }
    match due.iter().position(|(of, alone)| *alone || of != address) {
        Some(0) if claimed.is_empty() => 1,
        Some(before) => before,
        None => due.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(name: &str) -> Address {
        let (channel, account, chat) = ("discord".into(), "bot".into(), "c".into());
        Address { channel, account, chat, thread: Some(name.into()) }
    }

    #[test]
    fn what_runs_alone_shares_no_turn() {
        let here = thread("zoe");
        let all = |alone: &[bool]| alone.iter().map(|it| (&here, *it)).collect::<Vec<_>>();
        for (due, claimed, count) in [
            (&[false, false, false][..], &[][..], 3),
            (&[false, false, false], &[false], 3),
            (&[true, false], &[], 1),
            (&[true, true], &[], 1),
            (&[true, false], &[false], 0),
            (&[false, true, false], &[], 1),
            (&[false, false], &[true], 0),
            (&[], &[], 0),
            (&[], &[false], 0),
        ] {
            assert_eq!(claimable(&all(due), &all(claimed)), count, "{due:?} {claimed:?}");
        }
    }

    #[test]
    fn a_turn_has_one_address_and_the_oldest_other_one_comes_next() {
        let [zoe, ann, bob] = ["zoe", "ann", "bob"].map(thread);
        let other_account = Address { account: "bot2".into(), ..zoe.clone() };
        let joins = |due: &[&Address], claimed: &[&Address]| {
            let due: Vec<_> = due.iter().map(|it| (*it, false)).collect();
            let claimed: Vec<_> = claimed.iter().map(|it| (*it, false)).collect();
            claimable(&due, &claimed)
        };
        assert_eq!(joins(&[&zoe, &ann, &bob], &[]), 1);
        assert_eq!(joins(&[&zoe, &zoe, &ann, &zoe], &[]), 2);
        assert_eq!(joins(&[&zoe, &other_account], &[]), 1);
        assert_eq!(joins(&[&zoe, &zoe], &[&zoe]), 2);
        assert_eq!(joins(&[&ann], &[&zoe]), 0);
        // Zoe goes on writing, but ann has waited longer.
        assert_eq!(joins(&[&ann, &zoe], &[&zoe]), 0);
        assert_eq!(joins(&[&zoe, &ann, &zoe], &[&zoe]), 1);
        // An older runner may have claimed both.
        assert_eq!(joins(&[&zoe], &[&zoe, &ann]), 0);
    }
}
