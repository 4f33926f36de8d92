//! Which containers ran when, for laws about it.

use std::sync::Mutex;

use domain::SessionId;
use tokio::time::Instant;

/// Every run of a container, in the order of their starts.
#[derive(Debug, Default)]
pub struct Timeline(Mutex<Vec<Run>>);

/// From its start until it ended, was frozen or removed.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub session: SessionId,
    pub from: Instant,
    pub until: Option<Instant>,
}

impl Timeline {
    pub(super) fn start(&self, session: SessionId) {
        self.end(session);
        let run = Run { session, from: Instant::now(), until: None };
        self.0.lock().unwrap().push(run);
    }

    pub(super) fn end(&self, session: SessionId) {
        let mut runs = self.0.lock().unwrap();
        let open = runs.iter_mut().rev().find(|it| it.session == session);
        if let Some(run) = open {
            run.until.get_or_insert_with(Instant::now);
        }
    }

    #[must_use]
    pub fn runs(&self) -> Vec<Run> {
        self.0.lock().unwrap().clone()
    }

    /// The most that ran at one instant.
    #[must_use]
    pub fn most(&self) -> usize {
        let runs = self.runs();
        let at = |when: Instant| {
            let runs_then = |it: &&Run| it.from <= when && it.until.is_none_or(|end| when < end);
            runs.iter().filter(runs_then).count()
        };
        runs.iter().map(|it| at(it.from)).max().unwrap_or(0)
    }
}
