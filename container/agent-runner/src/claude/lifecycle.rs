//! Which messages a result covers. A pure machine, fed with frames.
//!
//! A result covers what it names and, for a CLI that does not name anything, what was started and
//! is not covered yet. Nothing is covered by having been sent.

use domain::MessageSeq;
use domain::inbound::Inbound;

use super::frames::{CommandState, TurnResult};

/// A message that the CLI has, or is about to get.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) message: Inbound,
    /// Names the line to the CLI.
    pub(crate) uuid: String,
    started: bool,
}

/// Messages that no result has covered yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    open: Vec<Open>,
}

/// What a change of state of a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// A turn works on it from now on.
    Started(MessageSeq),
    /// The CLI let go of it without a turn; send it again under another name.
    Dropped(MessageSeq),
}

impl Lifecycle {
    pub(crate) fn add(&mut self, message: Inbound, uuid: String) {
        self.open.push(Open { message, uuid, started: false });
    }

    /// Whether a turn works on a message, and not on something of its own.
    pub(crate) fn has_started(&self) -> bool {
        self.open.iter().any(|it| it.started)
    }

    pub(crate) fn open(&self) -> &[Open] {
        &self.open
    }

    /// Gives a line a new name, under which it was not seen yet.
    pub(crate) fn rename(&mut self, seq: MessageSeq, uuid: String) -> Option<&Inbound> {
        let open = self.open.iter_mut().find(|it| it.message.seq == seq)?;
        open.uuid = uuid;
        open.started = false;
        Some(&open.message)
    }

    pub(crate) fn on_command(&mut self, uuid: &str, state: CommandState) -> Change {
        let Some(open) = self.open.iter_mut().find(|it| it.uuid == uuid) else {
            return Change::Nothing;
        };
        match state {
            CommandState::Started => {
                open.started = true;
                Change::Started(open.message.seq)
            }
            CommandState::Completed | CommandState::Cancelled if !open.started => {
                Change::Dropped(open.message.seq)
            }
            CommandState::Completed
            | CommandState::Cancelled
            | CommandState::Queued
            | CommandState::Unknown => Change::Nothing,
        }
    }

    /// Takes out what a result covers, oldest first.
    pub(crate) fn on_result(&mut self, result: &TurnResult) -> Vec<MessageSeq> {
        self.take(|it| it.started || result.covers.contains(&it.uuid))
    }

    /// Takes out everything: no result will come any more.
    pub(crate) fn give_up(&mut self) -> Vec<MessageSeq> {
        self.take(|_| true)
    }

    fn take(&mut self, covered: impl Fn(&Open) -> bool) -> Vec<MessageSeq> {
        let (taken, open) = std::mem::take(&mut self.open).into_iter().partition(covered);
        self.open = open;
        let mut seqs: Vec<MessageSeq> = taken.into_iter().map(|it: Open| it.message.seq).collect();
        seqs.sort_unstable();
        seqs
    }
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;

    use super::super::frames::Frame;
    use super::super::sample;
    use super::*;

    /// The name under which the recordings sent their n-th line.
    fn uuid(n: i64) -> String {
        format!("00000000-0000-4000-8000-{n:012}")
    }

    /// Feeds a recording whose n-th line was message n, and returns what each result covered.
    fn covered(messages: i64, recording: &str) -> Vec<Vec<i64>> {
        let mut lifecycle = Lifecycle::default();
        for n in 1..=messages {
            let message = sample::message(n, "Ann", "hello", Timestamp(0));
            lifecycle.add(message, uuid(n));
        }
        let mut results = vec![];
        for line in recording.lines() {
            match Frame::parse(line.as_bytes()) {
                Some(Frame::Command { uuid, state }) => {
                    let change = lifecycle.on_command(&uuid, state);
                    assert!(!matches!(change, Change::Dropped(_)), "{line}");
                }
                Some(Frame::Result(result)) => {
                    let seqs = lifecycle.on_result(&result);
                    results.push(seqs.into_iter().map(|it| it.0).collect());
                }
                _ => {}
            }
        }
        assert!(lifecycle.open().is_empty(), "{:?}", lifecycle.open());
        results
    }

    const FOLLOW_UPS: &str = include_str!("../../tests/fixtures/follow_ups.jsonl");

    #[test]
    fn follow_ups_are_covered_by_the_turn_that_took_them() {
        // 2 and 3 came while the model spoke: merged into the next turn. 5 came during a tool call
        // of 4: joined it.
        assert_eq!(covered(5, FOLLOW_UPS), [vec![1], vec![2, 3], vec![4, 5]]);
    }

    #[test]
    fn a_result_that_names_nothing_covers_what_was_started() {
        let unnamed = FOLLOW_UPS.replace("user_message_uuids", "elsewhere");
        assert_eq!(covered(5, &unnamed), [vec![1], vec![2, 3], vec![4, 5]]);
    }

    #[test]
    fn a_failed_turn_covers_its_message() {
        let recording = include_str!("../../tests/fixtures/api_error_401.jsonl");
        assert_eq!(covered(1, recording), [vec![1]]);
    }

    #[test]
    fn a_turn_that_a_background_task_started_covers_nothing() {
        let recording = include_str!("../../tests/fixtures/background_task.jsonl");
        assert_eq!(covered(1, recording), [vec![1], vec![]]);
    }

    #[test]
    fn a_name_that_was_used_before_is_noticed() {
        let mut lifecycle = Lifecycle::default();
        let message = sample::message(2, "Ann", "x", Timestamp(0));
        lifecycle.add(message, uuid(1));
        let recording = include_str!("../../tests/fixtures/reused_uuid.jsonl");
        let Some(Frame::Command { uuid, state }) = Frame::parse(recording.trim().as_bytes()) else {
            panic!("no command");
        };
        assert_eq!(lifecycle.on_command(&uuid, state), Change::Dropped(MessageSeq(2)));
        assert!(lifecycle.rename(MessageSeq(2), "other".to_owned()).is_some());
    }
}
