//! Which messages a result covers. A pure machine, fed with frames.
//!
//! A result covers what it names and, for a CLI that does not name anything, what was started and
//! is not covered yet. Nothing is covered by having been sent.

use domain::MessageSeq;
use domain::inbound::Inbound;

use super::frames::TurnResult;

/// A message that the CLI has, or is about to get.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) message: Inbound,
    pub(crate) uuid: String,
    started: bool,
}

/// Messages that no result has covered yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    open: Vec<Open>,
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

    /// Gives an open message another name, under which the CLI has not seen it yet.
    pub(crate) fn rename(&mut self, index: usize, uuid: String) {
        (self.open[index].uuid, self.open[index].started) = (uuid, false);
    }

    /// A turn works on a line from now on; returns its message.
    pub(crate) fn on_started(&mut self, uuid: &str) -> Option<MessageSeq> {
        let open = self.open.iter_mut().find(|it| it.uuid == uuid)?;
        open.started = true;
        Some(open.message.seq)
    }

    /// The CLI is done with a line. Returns which one it is if it let go of it without a turn: it has to
    /// be sent again under another name.
    pub(crate) fn on_ended(&self, uuid: &str) -> Option<usize> {
        self.open.iter().position(|it| it.uuid == uuid && !it.started)
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
    use super::super::tests as sample;
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
                Some(Frame::Started(uuid)) => {
                    lifecycle.on_started(&uuid);
                }
                Some(Frame::Ended(uuid)) => assert_eq!(lifecycle.on_ended(&uuid), None, "{line}"),
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
        let Some(Frame::Ended(ended)) = Frame::parse(recording.trim().as_bytes()) else {
            panic!("no command");
        };
        assert_eq!(lifecycle.on_ended(&ended), Some(0));
        lifecycle.rename(0, "other".to_owned());
        assert_eq!(lifecycle.on_ended(&ended), None);
    }
}
