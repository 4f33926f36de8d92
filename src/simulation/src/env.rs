//! What all lives of a run share: the trace of what happened, and what is broken on purpose.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::StoreError;
use tokio::time::Instant;

use crate::mutation::Mutation;

/// How a read fails without anything being wrong with what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault {
    /// Others use the database.
    Busy,
    /// The disk gave no answer.
    Io,
}

impl From<ReadFault> for StoreError {
    fn from(fault: ReadFault) -> Self {
        let code = match fault {
            ReadFault::Busy => rusqlite::ffi::SQLITE_BUSY,
            ReadFault::Io => rusqlite::ffi::SQLITE_IOERR_READ,
        };
        let source = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        Self::Query { op: "a read", source }
    }
}

/// Shared by the host, the runners, the platform and the script of one run.
#[derive(Debug)]
pub struct SimulationEnv {
    started: Instant,
    /// `None` for a run that is too long to keep what happened.
    lines: Option<Mutex<Vec<String>>>,
    mutation: Option<Mutation>,
    /// Until when no write succeeds.
    full_until: Mutex<Option<Instant>>,
    /// So many of the next writes succeed and say that they did not.
    uncertain: AtomicU64,
    /// So many of the next reads fail like this.
    reads: Mutex<Option<(ReadFault, u64)>>,
}

impl SimulationEnv {
    /// Needs a runtime, whose clock it reads.
    pub fn new(mutation: Option<Mutation>) -> Arc<Self> {
        Arc::new(Self::of(Some(Mutex::default()), mutation))
    }

    /// Keeps no trace.
    pub fn without_trace() -> Arc<Self> {
        Arc::new(Self::of(None, None))
    }

    fn of(lines: Option<Mutex<Vec<String>>>, mutation: Option<Mutation>) -> Self {
        Self {
            started: Instant::now(),
            lines,
            mutation,
            full_until: Mutex::default(),
            uncertain: AtomicU64::default(),
            reads: Mutex::default(),
        }
    }

    /// From now on for so long, the disk of host and runners is full.
    pub fn fill_disk(&self, duration: Duration) {
        *self.full_until.lock().unwrap() = Some(Instant::now() + duration);
    }

    /// The next writes succeed, and who ordered them hears of an error.
    pub fn make_commits_uncertain(&self, count: u64) {
        self.uncertain.store(count, Ordering::SeqCst);
    }

    pub(crate) fn leaves_uncertain(&self, op: &str) -> bool {
        let less = |it: u64| it.checked_sub(1);
        let is_left = self.uncertain.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
        if is_left {
            self.note(format_args!("{op} took effect and nobody hears of it"));
        }
        is_left
    }

    /// The next reads fail.
    pub fn fail_reads(&self, fault: ReadFault, count: u64) {
        *self.reads.lock().unwrap() = Some((fault, count));
    }

    pub(crate) fn read(&self) -> Result<(), ReadFault> {
        let mut reads = self.reads.lock().unwrap();
        match reads.take() {
            None | Some((_, 0)) => Ok(()),
            Some((fault, count)) => {
                *reads = Some((fault, count - 1));
                drop(reads);
                self.note(format_args!("a read fails: {fault:?}"));
                Err(fault)
            }
        }
    }

    /// Whether no write succeeds right now.
    pub fn disk_is_full(&self) -> bool {
        self.full_until.lock().unwrap().is_some_and(|it| Instant::now() < it)
    }

    pub(crate) fn keeps_trace(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds a line to the trace, with the seconds since the start.
    pub fn note(&self, what: impl fmt::Display) {
        let Some(lines) = &self.lines else { return };
        let seconds = self.started.elapsed().as_secs_f64();
        lines.lock().unwrap().push(format!("{seconds:9.3} {what}"));
    }

    /// Everything so far, in order.
    pub fn trace(&self) -> Vec<String> {
        self.lines.as_ref().map(|it| it.lock().unwrap().clone()).unwrap_or_default()
    }

    /// When a line that ends like this was noted last, up to an instant.
    pub fn last(&self, ending: &str, until: Instant) -> Option<Instant> {
        let at = |line: &String| {
            let (seconds, what) = line.trim_start().split_once(' ')?;
            let after = Duration::from_secs_f64(seconds.parse().ok()?);
            what.ends_with(ending).then(|| self.started + after)
        };
        self.trace().iter().rev().filter_map(at).find(|it| *it <= until)
    }

    /// Whether this is broken on purpose.
    pub fn breaks(&self, what: Mutation) -> bool {
        self.mutation == Some(what)
    }

    /// Whether a write of this name is turned away: now, as every other, or for ever.
    pub fn refuses(&self, op: &str) -> bool {
        self.disk_is_full() || self.mutation.and_then(Mutation::refused) == Some(op)
    }
}
