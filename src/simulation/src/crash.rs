//! Stops a program at a chosen point.
//!
//! Every durable write and every outside call of a program passes here twice: before it happens and
//! after it happened but before anybody hears of it. A [`Crash`] lets a number of points pass, and
//! then nothing any more: every caller waits for ever, as after `kill -9`, until the driver has
//! thrown the program away.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use store::{Gate, StoreError};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::env::SimulationEnv;
use crate::rng::Rng;

/// About what a slow disk or engine takes, and more than anything that only computes.
pub(crate) const JITTER_MS: u64 = 40;

/// One life of one program.
#[derive(Debug)]
pub struct Crash {
    passed: AtomicU64,
    /// The point that is not passed, counted from 1; 0 for never, or as long as `named` is not there.
    at: AtomicU64,
    /// The name of that point, and how often it is still to be reached.
    named: Option<(String, AtomicU64)>,
    struck: Notify,
    /// The next write of this name fails as on a full disk.
    full: Mutex<Option<&'static str>>,
    /// The next write of this name never ends.
    hangs: Mutex<Option<&'static str>>,
    trace: Mutex<Vec<String>>,
    /// How long each point takes, in simulated time.
    jitter: Option<Mutex<Rng>>,
    /// Where its points are noted, and whose they are.
    env: OnceLock<(Arc<SimulationEnv>, String)>,
}

impl Crash {
    pub fn at(point: u64) -> Arc<Self> {
        Self::with_jitter(point, 0)
    }

    /// Every point takes up to [`JITTER_MS`], by a seed; 0 for no time at all.
    pub fn with_jitter(point: u64, seed: u64) -> Arc<Self> {
        Arc::new(Self::new(point, seed))
    }

    /// Stops where the point of this name is reached for the `nth` time, counted from 1.
    pub fn at_name(name: &str, nth: u64) -> Arc<Self> {
        Arc::new(Self { named: Some((name.into(), AtomicU64::new(nth))), ..Self::new(0, 0) })
    }

    fn new(point: u64, seed: u64) -> Self {
        Self {
            passed: AtomicU64::new(0),
            at: AtomicU64::new(point),
            named: None,
            struck: Notify::new(),
            full: Mutex::default(),
            hangs: Mutex::default(),
            trace: Mutex::default(),
            jitter: (seed != 0).then(|| Mutex::new(Rng::new(seed))),
            env: OnceLock::new(),
        }
    }

    pub fn never() -> Arc<Self> {
        Self::at(0)
    }

    /// Points passed so far.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Whether the program stands still.
    pub fn has_struck(&self) -> bool {
        let at = self.at.load(Ordering::SeqCst);
        at != 0 && at <= self.passed()
    }

    /// Returns once the program stands still.
    pub async fn struck(&self) {
        let waits = self.struck.notified();
        if !self.has_struck() {
            waits.await;
        }
    }

    /// The points of this life, in order.
    pub fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().clone()
    }

    /// Makes the next write `op` fail as on a full disk.
    pub fn disk_full_at(&self, op: &'static str) {
        *self.full.lock().unwrap() = Some(op);
    }

    /// Makes the next write `op` hang for ever, as on a network disk that is gone. Others go on.
    pub fn hang_at(&self, op: &'static str) {
        *self.hangs.lock().unwrap() = Some(op);
    }

    /// What was to hang and does not yet, never will.
    pub fn hang_no_more(&self) {
        *self.hangs.lock().unwrap() = None;
    }

    /// Whether the write that was to hang hangs.
    pub fn hangs(&self) -> bool {
        self.hangs.lock().unwrap().is_none()
    }

    /// From now on its points are part of a run's trace.
    pub(crate) fn attach(&self, env: Arc<SimulationEnv>, who: String) {
        // A second life has a crash of its own.
        let _ = self.env.set((env, who));
    }

    pub(crate) fn env(&self) -> Option<&Arc<SimulationEnv>> {
        self.env.get().map(|it| &it.0)
    }

    /// Passes a point, or never returns.
    pub async fn pass(&self, name: &str) {
        let wait = self.jitter.as_ref().map(|it| it.lock().unwrap().below(JITTER_MS));
        if let Some(ms) = wait {
            sleep(Duration::from_millis(ms)).await;
        }
        if self.has_struck() {
            pending::<()>().await;
        }
        let count = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        let env = self.env.get();
        if env.is_none_or(|it| it.0.keeps_trace()) {
            self.trace.lock().unwrap().push(format!("{count} {name}"));
        }
        if let Some((env, who)) = env {
            env.note(format_args!("{who} {count} {name}"));
        }
        if let Some((_, left)) = self.named.as_ref().filter(|it| it.0 == name)
            && left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            self.at.store(count, Ordering::SeqCst);
        }
        if count == self.at.load(Ordering::SeqCst) {
            self.struck.notify_waiters();
            self.struck.notify_one();
            pending::<()>().await;
        }
    }
}

#[async_trait]
impl Gate for Crash {
    async fn before(&self, op: &'static str) -> Result<(), StoreError> {
        self.pass(&format!("before {op}")).await;
        let hangs = self.hangs.lock().unwrap().take_if(|it| *it == op).is_some();
        if hangs {
            pending::<()>().await;
        }
        let fails = self.full.lock().unwrap().take_if(|it| *it == op).is_some();
        let refused = self.env().is_some_and(|it| it.refuses(op));
        if fails || refused { Err(StoreError::Full { op, source: None }) } else { Ok(()) }
    }

    async fn after(&self, op: &'static str) {
        self.pass(&format!("after {op}")).await;
    }

    fn hears_of(&self, op: &'static str) -> Result<(), StoreError> {
        match self.env().is_some_and(|it| it.leaves_uncertain(op)) {
            true => Err(StoreError::Lost { op }),
            false => Ok(()),
        }
    }

    fn before_read(&self) -> Result<(), StoreError> {
        self.env().map_or(Ok(()), |it| it.read().map_err(StoreError::from))
    }

    fn runs_inline(&self) -> bool {
        true
    }
}
