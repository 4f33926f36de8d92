//! Which containers ran when, for laws about it.

use std::sync::Mutex;

use domain::SessionId;
use tokio::time::Instant;

/// Every run of a container, in the order of their starts, and every start of the host.
#[derive(Debug, Default)]
pub struct Timeline(Mutex<Vec<Run>>, Mutex<Vec<Instant>>);

/// From its start until it ended, was frozen or removed.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub session: SessionId,
    /// When the engine was told to start it.
    pub asked: Instant,
    pub from: Instant,
    pub until: Option<Instant>,
}

impl Timeline {
    /// Returns its number.
    pub(super) fn start(&self, session: SessionId, asked: Instant) -> usize {
        let mut runs = self.0.lock().unwrap();
        runs.push(Run { session, asked, from: Instant::now(), until: None });
        runs.len() - 1
    }

    pub(super) fn end(&self, number: usize) {
        if let Some(run) = self.0.lock().unwrap().get_mut(number) {
            run.until.get_or_insert_with(Instant::now);
        }
    }

    /// The host starts.
    pub(crate) fn begin_life(&self) {
        self.1.lock().unwrap().push(Instant::now());
    }

    pub fn lives(&self) -> Vec<Instant> {
        self.1.lock().unwrap().clone()
    }

    pub fn runs(&self) -> Vec<Run> {
        self.0.lock().unwrap().clone()
    }

    /// The most that ran at one instant.
    pub fn most(&self) -> usize {
        let runs = self.runs();
        let at = |when: Instant| {
            let runs_then = |it: &&Run| it.from <= when && it.until.is_none_or(|end| when < end);
            runs.iter().filter(runs_then).count()
        };
        runs.iter().map(|it| at(it.from)).max().unwrap_or(0)
    }
}
