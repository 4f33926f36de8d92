//! Work that goes on after the turn that began it, and which message began it. A pure machine, fed
//! with frames.
//!
//! The CLI runs sub-agents and commands in the background, ends the turn meanwhile, and takes a turn of
//! its own once one has ended. What it says then belongs where the work was asked for, whatever was
//! talked about since.

use std::collections::BTreeSet;

use domain::MessageSeq;

use super::frames::{BackgroundTask, TurnResult};

/// Ended tasks that are remembered; a turn may have reported several.
const ENDED_MAX: usize = 64;

#[derive(Debug)]
struct Task {
    id: String,
    run: String,
    begun_by: Option<MessageSeq>,
    is_running: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Background {
    /// Oldest first.
    tasks: Vec<Task>,
    /// One has ended, and nothing was said of that yet.
    is_report_due: bool,
    /// Whether the CLI takes a turn of its own right now.
    pub(crate) is_reporting: bool,
}

impl Background {
    /// Takes in what runs now; what is new was begun by the turn of `current`.
    pub(crate) fn on_change(&mut self, running: Vec<BackgroundTask>, current: Option<MessageSeq>) {
        for task in &mut self.tasks {
            task.is_running = running.iter().any(|it| it.id == task.id);
        }
        for BackgroundTask { id, run } in running {
            if !self.tasks.iter().any(|it| it.id == id) {
                self.tasks.push(Task { id, run, begun_by: current, is_running: true });
            }
        }
        let ended = self.tasks.iter().filter(|it| !it.is_running).count();
        let surplus = ended.saturating_sub(ENDED_MAX);
        self.tasks.extract_if(.., |it| !it.is_running).take(surplus).for_each(drop);
    }

    pub(crate) fn on_ended(&mut self, id: &str) {
        if let Some(at) = self.tasks.iter().position(|it| it.id == id) {
            // The last one that ended is the one that is reported first.
            let mut task = self.tasks.remove(at);
            task.is_running = false;
            self.tasks.push(task);
            self.is_report_due = true;
        }
    }

    /// A turn begins; returns the message that it belongs to if that is a report. The turn of a message
    /// has `started` before this.
    pub(crate) fn on_turn(&mut self, has_started: bool) -> Option<MessageSeq> {
        if has_started {
            // The model is told of what ended in that turn.
            self.is_report_due = false;
            return None;
        }
        // Whatever else a CLI may begin, messages wait for the end of a report alone.
        self.is_reporting = !self.tasks.is_empty();
        self.tasks.iter().rfind(|it| !it.is_running)?.begun_by
    }

    /// A turn has ended; returns the message whose work it reported.
    pub(crate) fn on_result(&mut self, result: &TurnResult) -> Option<MessageSeq> {
        self.is_reporting = false;
        if !result.is_aside {
            return None;
        }
        self.is_report_due = false;
        let named = self.tasks.iter().position(|it| !it.run.is_empty() && it.run == result.run);
        let at = named.or_else(|| self.tasks.iter().rposition(|it| !it.is_running))?;
        let begun_by = self.tasks[at].begun_by;
        if !self.tasks[at].is_running {
            self.tasks.remove(at);
        }
        begun_by
    }

    /// Whether something runs or is still to be reported.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_reporting || self.is_report_due || self.tasks.iter().any(|it| it.is_running)
    }

    /// The CLI is gone and all of it with it; returns the messages whose work is lost, each once.
    pub(crate) fn on_cli_end(&mut self) -> Vec<MessageSeq> {
        let is_unreported = self.is_reporting || self.is_report_due;
        let lost = std::mem::take(self).tasks.into_iter();
        let lost = lost.filter(|it| it.is_running || is_unreported);
        let messages: BTreeSet<_> = lost.filter_map(|it| it.begun_by).collect();
        messages.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::Frame;
    use super::*;

    const RECORDING: &str = include_str!("../../tests/fixtures/background_task.jsonl");
    const ASKED: MessageSeq = MessageSeq(2);
    const LATER: MessageSeq = MessageSeq(4);

    fn running(ids: &[&str]) -> Vec<BackgroundTask> {
        ids.iter().map(|id| BackgroundTask { id: (*id).into(), run: format!("run-{id}") }).collect()
    }

    fn report(run: &str) -> TurnResult {
        TurnResult { is_aside: true, run: run.into(), ..TurnResult::default() }
    }

    #[test]
    fn a_recorded_task_is_busy_from_its_start_to_its_report() {
        let mut background = Background::default();
        let (mut busy, mut reported, mut in_turn) = (Vec::new(), Vec::new(), true);
        for line in RECORDING.lines() {
            match Frame::parse(line.as_bytes()) {
                Some(Frame::Init(_)) => {
                    let belongs_to = background.on_turn(in_turn);
                    assert_eq!(belongs_to, (!in_turn).then_some(ASKED));
                }
                Some(Frame::Background(running)) => background.on_change(running, Some(ASKED)),
                Some(Frame::BackgroundEnded(id)) => background.on_ended(&id),
                Some(Frame::Result(result)) => {
                    in_turn = false;
                    reported.push(background.on_result(&result));
                }
                _ => continue,
            }
            busy.push(background.is_busy());
        }
        // Init, begun, the end of its turn, ended, gone, init, reported.
        assert_eq!(busy, [false, true, true, true, true, true, false]);
        assert_eq!(reported, [None, Some(ASKED)]);
    }

    #[test]
    fn a_report_belongs_to_the_message_whose_turn_began_the_work() {
        let mut background = Background::default();
        background.on_change(running(&["a"]), Some(ASKED));
        background.on_change(running(&["a", "b"]), Some(LATER));
        background.on_ended("b");
        assert_eq!(background.on_turn(false), Some(LATER));
        assert!(background.is_reporting);
        assert_eq!(background.on_result(&report("run-b")), Some(LATER));
        assert!(!background.is_reporting && background.is_busy());
        background.on_ended("a");
        background.on_change(vec![], Some(LATER));
        assert_eq!(background.on_turn(false), Some(ASKED));
        // A CLI that names no run.
        assert_eq!(background.on_result(&report("")), Some(ASKED));
        assert!(!background.is_busy());
        assert_eq!(background.on_result(&report("")), None);
    }

    #[test]
    fn what_ends_during_a_turn_is_told_in_it() {
        let mut background = Background::default();
        background.on_change(running(&["a"]), Some(ASKED));
        background.on_ended("a");
        background.on_change(vec![], Some(ASKED));
        assert_eq!(background.on_turn(true), None);
        assert_eq!(background.on_result(&TurnResult::default()), None);
        assert!(!background.is_busy());
        // The foreground has tasks, too, and a CLI may begin a turn for who knows what.
        let mut other = Background::default();
        other.on_ended("unknown");
        assert_eq!(other.on_turn(false), None);
        assert!(!other.is_busy() && !other.is_reporting);
    }

    #[test]
    fn work_that_a_cli_takes_along_is_lost_once() {
        let mut background = Background::default();
        background.on_change(running(&["a", "b", "c"]), Some(ASKED));
        background.on_change(running(&["b", "c"]), None);
        assert_eq!(background.on_cli_end(), [ASKED]);
        assert_eq!((background.on_cli_end(), background.is_busy()), (vec![], false));
    }

    #[test]
    fn ended_work_does_not_pile_up() {
        let mut background = Background::default();
        for n in 0..200 {
            background.on_change(running(&[&n.to_string()]), Some(ASKED));
        }
        background.on_change(vec![], None);
        assert!(background.tasks.len() <= ENDED_MAX + 1);
    }
}
