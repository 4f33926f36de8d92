//! The course of a turn: which messages its result covers, and what its answer reads like so far. Pure
//! machines, fed with frames.
//!
//! A result covers what it names and, for a CLI that does not name anything, what was started and
//! is not covered yet. Nothing is covered by having been sent.

use domain::MessageSeq;
use domain::inbound::Inbound;
use domain::link::DRAFT_BYTES_MAX;

use super::frames::TurnResult;

/// A message that the CLI has, or is about to get.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) message: Inbound,
    /// The name of its line; `None` before it was sent.
    pub(crate) uuid: Option<String>,
    started: bool,
}

/// Messages that no result has covered yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    open: Vec<Open>,
}

impl Lifecycle {
    pub(crate) fn add(&mut self, message: Inbound) {
        self.open.push(Open { message, uuid: None, started: false });
    }

    /// Whether a turn works on a message, and not on something of its own.
    pub(crate) fn has_started(&self) -> bool {
        self.open.iter().any(|it| it.started)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What is to be sent.
    pub(crate) fn waiting(&mut self) -> impl Iterator<Item = &mut Open> {
        self.open.iter_mut().filter(|it| it.uuid.is_none())
    }

    /// A CLI begins, and has seen nothing of it.
    pub(crate) fn on_cli_start(&mut self) {
        for open in &mut self.open {
            (open.uuid, open.started) = (None, false);
        }
    }

    /// A turn works on a line from now on; returns its message.
    pub(crate) fn on_started(&mut self, uuid: &str) -> Option<MessageSeq> {
        let open = self.open.iter_mut().find(|it| it.uuid.as_deref() == Some(uuid))?;
        open.started = true;
        Some(open.message.seq)
    }

    /// The CLI is done with a line. Returns whether it let go of it without a turn: then it waits again, to
    /// be sent under another name.
    pub(crate) fn on_ended(&mut self, uuid: &str) -> bool {
        let is_dropped = |it: &&mut Open| it.uuid.as_deref() == Some(uuid) && !it.started;
        self.open.iter_mut().find(is_dropped).map(|it| it.uuid = None).is_some()
    }

    /// Takes out what a result covers, oldest first.
    pub(crate) fn on_result(&mut self, result: &TurnResult) -> Vec<MessageSeq> {
        self.take(|it| it.started || it.uuid.as_ref().is_some_and(|it| result.covers.contains(it)))
    }

    /// Takes out everything: no result will come any more.
    pub(crate) fn give_up(&mut self) -> Vec<MessageSeq> {
        self.take(|_| true)
    }

    fn take(&mut self, covered: impl Fn(&Open) -> bool) -> Vec<MessageSeq> {
        let taken = self.open.extract_if(.., |it| covered(it));
        let mut seqs: Vec<_> = taken.map(|it| it.message.seq).collect();
        seqs.sort_unstable();
        seqs
    }
}

/// What an answer in the making reads like. The model may speak several times in a turn, with tools in between;
/// only what it says last is the answer, so each time starts over.
#[derive(Debug, Default)]
pub(super) struct DraftText {
    text: String,
    is_over: bool,
}

impl DraftText {
    /// What was said before a tool stays to be seen until there is something new.
    pub(super) fn begin(&mut self) {
        self.is_over = true;
    }

    /// Returns the whole text if it changed.
    pub(super) fn add(&mut self, more: &str) -> Option<&str> {
        if std::mem::take(&mut self.is_over) {
            self.text.clear();
        }
        // No reader sees more of it.
        if DRAFT_BYTES_MAX < self.text.len() {
            return None;
        }
        self.text.push_str(more);
        (!self.text.trim().is_empty()).then_some(self.text.as_str())
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
            lifecycle.add(message);
            lifecycle.waiting().next().unwrap().uuid = Some(uuid(n));
        }
        let mut results = vec![];
        for line in recording.lines() {
            match Frame::parse(line.as_bytes()) {
                Some(Frame::Started(uuid)) => {
                    lifecycle.on_started(&uuid);
                }
                Some(Frame::Ended(uuid)) => assert!(!lifecycle.on_ended(&uuid), "{line}"),
                Some(Frame::Result(result)) => {
                    let seqs = lifecycle.on_result(&result);
                    results.push(seqs.into_iter().map(|it| it.0).collect());
                }
                _ => {}
            }
        }
        assert!(lifecycle.is_empty(), "{lifecycle:?}");
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
        lifecycle.add(message);
        lifecycle.waiting().next().unwrap().uuid = Some(uuid(1));
        let recording = include_str!("../../tests/fixtures/reused_uuid.jsonl");
        let Some(Frame::Ended(ended)) = Frame::parse(recording.trim().as_bytes()) else {
            panic!("no command");
        };
        assert!(lifecycle.on_ended(&ended));
        lifecycle.waiting().next().unwrap().uuid = Some("other".to_owned());
        assert!(!lifecycle.on_ended(&ended));
    }

    #[test]
    fn each_time_the_model_speaks_starts_over() {
        let mut draft = DraftText::default();
        draft.begin();
        assert_eq!(draft.add("\n"), None);
        assert_eq!(draft.add("let me "), Some("\nlet me "));
        assert_eq!(draft.add("see"), Some("\nlet me see"));
        draft.begin();
        assert_eq!(draft.add("done"), Some("done"));
        let long = "x".repeat(DRAFT_BYTES_MAX);
        assert!(draft.add(&long).is_some_and(|it| DRAFT_BYTES_MAX < it.len()));
        assert_eq!(draft.add("y"), None);
    }
}
