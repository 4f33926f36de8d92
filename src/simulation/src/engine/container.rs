//! A container in memory: a task that runs the real runner, or what went wrong with its start.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agent_runner::{Config, Connect};
use domain::Incarnation;
use domain::agent::Provider;
use domain::time::Clock;
use sandbox::{Observed, Spec};
use store::RunnerStore;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::hostile::Hostile;
use super::link::Links;
use super::{FakeEngine, StartFault};
use crate::crash::Crash;
use crate::rng::Rng;

#[derive(Debug)]
pub(super) struct Container {
    pub(super) incarnation: Incarnation,
    fingerprint: String,
    /// In the timeline.
    pub(super) number: usize,
    pub(super) crash: Arc<Crash>,
    /// Holds the exit code once it ended.
    pub(super) ended: watch::Receiver<Option<i64>>,
    ends: Arc<watch::Sender<Option<i64>>>,
    _task: JoinSet<()>,
    kill: watch::Sender<bool>,
    frozen: watch::Sender<bool>,
    starved: bool,
}

/// Ends with an exit code.
type Program = Pin<Box<dyn Future<Output = i64> + Send>>;

impl Container {
    pub(super) fn is_running(&self) -> bool {
        self.ended.borrow().is_none()
    }

    pub(super) fn kill(&self) {
        self.kill.send_replace(true);
    }

    /// Tells the waiter of its end. It goes on.
    pub(super) fn pretend_end(&self) {
        self.ends.send_replace(Some(137));
    }

    pub(super) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    pub(super) fn observed(&self) -> Observed {
        let (incarnation, fingerprint) = (self.incarnation, self.fingerprint.clone());
        match *self.ended.borrow() {
            None => Observed::Running { incarnation, fingerprint },
            Some(code) => Observed::Exited { incarnation, code, out_of_memory: self.starved },
        }
    }
}

impl FakeEngine {
    pub(super) fn run(&self, spec: &Spec, fault: Option<StartFault>, asked: Instant) -> Container {
        let (ends, ended) = watch::channel(None);
        let ends = Arc::new(ends);
        let tell = Arc::clone(&ends);
        let (kill, mut killed) = watch::channel(false);
        let (frozen, mut freezes) = watch::channel(false);
        let crash = Crash::at(std::mem::take(&mut self.lock().next_runner_crash));
        let who = format!("runner {}.{}", spec.session, spec.incarnation);
        crash.attach(Arc::clone(&self.env), who);
        let program = self.program(spec, &crash);
        let dies = Arc::clone(&crash);
        let timeline = Arc::clone(&self.timeline);
        let number = timeline.start(spec.session, asked);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let code = match fault {
                Some(StartFault::ExitsAtOnce) => 1,
                Some(StartFault::OutOfMemory) => {
                    // It has started to handle what waits by then.
                    let _ = tokio::time::timeout(Duration::from_secs(5), program).await;
                    137
                }
                Some(StartFault::Deaf) => {
                    let _ = killed.wait_for(|it| *it).await;
                    137
                }
                Some(StartFault::ImageMissing | StartFault::Panics) | None => {
                    let code = tokio::select! {
                        biased;
                        _ = killed.wait_for(|it| *it) => Some(137),
                        // Frozen, it does nothing and does not end.
                        _ = freezes.wait_for(|it| *it) => None,
                        () = dies.struck() => Some(137),
                        code = program => Some(code),
                    };
                    if code.is_none() {
                        let _ = killed.wait_for(|it| *it).await;
                    }
                    code.unwrap_or(137)
                }
            };
            timeline.end(number);
            tell.send_replace(Some(code));
        });
        let (incarnation, fingerprint) = (spec.incarnation, spec.fingerprint.clone());
        let starved = fault == Some(StartFault::OutOfMemory);
        Container {
            incarnation,
            fingerprint,
            number,
            crash,
            ended,
            ends,
            _task: task,
            kill,
            frozen,
            starved,
        }
    }

    /// What runs in it.
    fn program(&self, spec: &Spec, crash: &Arc<Crash>) -> Program {
        let hostile = self.lock().hostile.filter(|it| it.0 == spec.session);
        let (clock, notifications) = (Arc::clone(&self.clock), self.notifications);
        let (spec, links, crash) = (spec.clone(), self.links.clone(), Arc::clone(crash));
        let Some((_, seed)) = hostile else {
            return Box::pin(runner(&spec, clock, crash, &links, notifications));
        };
        let incarnation = u64::try_from(spec.incarnation.0).unwrap_or(0);
        let hostile = Hostile {
            mounts: spec.mounts.clone(),
            incarnation: spec.incarnation,
            rng: Rng::new(seed.wrapping_mul(1_000).wrapping_add(incarnation)),
            link: links.connect(spec.mounts.link.clone()),
        };
        Box::pin(hostile.run(move || {
            runner(&spec, Arc::clone(&clock), Arc::clone(&crash), &links, notifications)
        }))
    }
}

fn runner(
    spec: &Spec,
    clock: Arc<dyn Clock>,
    crash: Arc<Crash>,
    links: &Links,
    notifications: bool,
) -> impl Future<Output = i64> + use<> {
    let provider = spec.env.get("NANOCLAW_PROVIDER").and_then(|it| Provider::parse(it));
    let mounts = spec.mounts.clone();
    let config = Config {
        received_dir: mounts.inbound.clone(),
        inbound_dir: mounts.inbound,
        outbound_dir: mounts.outbound,
        workspace: mounts.workspace,
        home: mounts.home,
        notifications,
        ..Config::new(spec.incarnation, provider.unwrap_or(Provider::Demo))
    };
    let (inbound, outbound) = (config.inbound_dir.clone(), config.outbound_dir.clone());
    let store = RunnerStore::shared(inbound, outbound, spec.incarnation, crash);
    let connect: Arc<dyn Connect> = Arc::new(links.connect(spec.mounts.link.clone()));
    let run = agent_runner::run_until(config, store, clock, connect, std::future::pending());
    async move { if run.await.is_ok() { 0 } else { 70 } }
}
