//! A container engine in memory. Its containers are tasks that run the real runner over the real
//! files of a session; they outlive the host, as containers do.

mod container;
mod hostile;
mod link;
mod timeline;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use agent_runner::Connect;
use async_trait::async_trait;
use domain::link::Header;
use domain::time::Clock;
use domain::{Incarnation, SessionId};
use sandbox::{Carrier, Mounts, Observed, Sandbox, SandboxError, Spec};
use tokio::time::{Instant, sleep};

use self::container::Container;
pub use self::hostile::MARK as HOSTILE_MARK;
pub use self::link::LinkFault;
use self::link::Links;
pub use self::timeline::Timeline;
use crate::crash::Crash;
use crate::env::SimulationEnv;

/// How often a call that hangs looks whether it still does.
const HANG_TICK: Duration = Duration::from_secs(1);

/// What goes wrong with a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFault {
    ImageMissing,
    /// It starts and ends at once.
    ExitsAtOnce,
    /// It starts and then does nothing.
    Deaf,
    /// It starts and runs out of memory.
    OutOfMemory,
    /// The call panics.
    Panics,
}

#[derive(Debug)]
pub struct FakeEngine {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    links: Links,
    /// Which containers ran when.
    timeline: Arc<Timeline>,
    /// Whether runners keep a notify stream.
    notifications: bool,
    env: Arc<SimulationEnv>,
    /// Shared by each start and stop that is under way.
    work: Arc<()>,
}

#[derive(Debug)]
struct Inner {
    reachable: bool,
    hanging: Option<SessionId>,
    start_takes: Duration,
    stop_takes: Duration,
    start_faults: Vec<StartFault>,
    containers: BTreeMap<SessionId, Container>,
    /// Where the runner of the next container stops; 0 for never.
    next_runner_crash: u64,
    /// The session whose runners are in hostile hands, and the seed of what they do.
    hostile: Option<(SessionId, u64)>,
    /// Containers that go on and that the engine knows nothing of.
    zombies: Vec<Container>,
    /// Passed by the runners of all containers.
    runner_points: u64,
    /// The host's.
    crash: Option<Arc<Crash>>,
    log: Vec<String>,
}

impl FakeEngine {
    pub fn new(clock: Arc<dyn Clock>, notifications: bool, env: Arc<SimulationEnv>) -> Arc<Self> {
        let inner = Inner {
            reachable: true,
            hanging: None,
            start_takes: Duration::from_millis(150),
            stop_takes: Duration::ZERO,
            start_faults: vec![],
            containers: BTreeMap::new(),
            next_runner_crash: 0,
            hostile: None,
            zombies: vec![],
            runner_points: 0,
            crash: None,
            log: vec![],
        };
        let (inner, links) = (Mutex::new(inner), Links::default());
        Arc::new(Self {
            clock,
            inner,
            links,
            timeline: Arc::default(),
            notifications,
            env,
            work: Arc::default(),
        })
    }

    /// Docker stops or comes back. Containers go on.
    pub fn set_reachable(&self, reachable: bool) {
        self.lock().reachable = reachable;
    }

    pub fn slow_down(&self, start_takes: Duration) {
        self.lock().start_takes = start_takes;
    }

    /// Whether a start or a stop takes its time. A shutdown would cut it, and what it leaves is pruned by
    /// the next host.
    pub fn is_at_work(&self) -> bool {
        1 < Arc::strong_count(&self.work)
    }

    /// From now on.
    pub fn slow_down_stops(&self, stop_takes: Duration) {
        self.lock().stop_takes = stop_takes;
    }

    pub fn fail_next_starts(&self, faults: &[StartFault]) {
        self.lock().start_faults.extend(faults);
    }

    /// The runner of the next container dies at its point `at`.
    pub fn crash_next_runner(&self, at: u64) {
        self.lock().next_runner_crash = at;
    }

    /// From now on, the runners of this session are in hostile hands.
    pub fn set_hostile(&self, session: SessionId, seed: u64) {
        self.lock().hostile = Some((session, seed));
    }

    /// Says that all containers are gone. They go on all the same, and nobody hears of it.
    pub fn lose_track(&self) {
        let mut inner = self.lock();
        for (_, container) in std::mem::take(&mut inner.containers) {
            if container.is_running() {
                self.timeline.end(container.number);
                container.pretend_end();
            }
            inner.zombies.push(container);
        }
    }

    /// Which containers ran when.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Points that the runners passed so far.
    pub fn runner_points(&self) -> u64 {
        let inner = self.lock();
        inner.runner_points + inner.containers.values().map(|it| it.crash.passed()).sum::<u64>()
    }

    /// Every stream between hosts and runners breaks.
    pub fn break_links(&self) {
        self.links.break_all();
    }

    /// What host or runner write next meets this.
    pub fn spoil_link(&self, fault: LinkFault) {
        self.links.spoil_next(fault);
    }

    /// From now on no call about this container is answered.
    pub fn hang(&self, session: SessionId) {
        self.lock().hanging = Some(session);
    }

    /// No longer; a waiting caller hears that there is no answer. Returns whether one hung.
    pub fn lift(&self) -> bool {
        self.lock().hanging.take().is_some()
    }

    async fn answers(&self, session: SessionId) -> Result<(), SandboxError> {
        let hangs = || self.lock().hanging == Some(session);
        if !hangs() {
            return Ok(());
        }
        while hangs() {
            sleep(HANG_TICK).await;
        }
        Err(SandboxError::Unreachable("no answer".into()))
    }

    /// A stream as any program in a container can open it.
    pub async fn open_notify_stream(&self, link: PathBuf) -> Box<dyn agent_runner::Stream> {
        self.links.connect(link).open(Header::Notify).await.unwrap()
    }

    /// `docker kill`.
    pub fn kill(&self, session: SessionId) {
        if let Some(container) = self.lock().containers.get(&session) {
            container.kill();
        }
    }

    pub fn is_running(&self, session: SessionId) -> bool {
        let inner = self.lock();
        inner.containers.get(&session).is_some_and(Container::is_running)
    }

    /// Of its container, if there is one.
    pub fn incarnation(&self, session: SessionId) -> Option<Incarnation> {
        self.lock().containers.get(&session).map(|it| it.incarnation)
    }

    /// Starts and stops, in order.
    pub fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    pub(crate) fn belong_to(&self, crash: Arc<Crash>) {
        self.lock().crash = Some(crash);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Every call passes here: a point of the host, and the engine may be down.
    async fn called(&self, op: &'static str) -> Result<(), SandboxError> {
        let crash = self.lock().crash.clone();
        if let Some(crash) = crash {
            crash.pass(op).await;
        }
        match self.lock().reachable {
            true => Ok(()),
            false => Err(SandboxError::Unreachable("the engine is down".into())),
        }
    }

    fn remove(&self, session: SessionId, how: &str) {
        let mut inner = self.lock();
        if let Some(container) = inner.containers.remove(&session) {
            self.timeline.end(container.number);
            inner.log.push(format!("{how} {session}"));
            inner.runner_points += container.crash.passed();
        }
    }
}

#[async_trait]
impl Sandbox for FakeEngine {
    async fn inspect(&self, session: SessionId) -> Result<Observed, SandboxError> {
        self.called("inspect").await?;
        self.answers(session).await?;
        let inner = self.lock();
        Ok(inner.containers.get(&session).map_or(Observed::Absent, Container::observed))
    }

    async fn start(&self, spec: &Spec) -> Result<(), SandboxError> {
        self.called("before start").await?;
        self.answers(spec.session).await?;
        let (takes, fault) = {
            let mut inner = self.lock();
            inner.log.push(format!("start {}", spec.session));
            let fault = (!inner.start_faults.is_empty()).then(|| inner.start_faults.remove(0));
            (inner.start_takes, fault)
        };
        assert_ne!(fault, Some(StartFault::Panics), "asked for by the test");
        let asked = Instant::now();
        let _work = Arc::clone(&self.work);
        sleep(takes).await;
        if fault == Some(StartFault::ImageMissing) {
            return Err(SandboxError::ImageMissing(spec.image.clone()));
        }
        let container = self.run(spec, fault, asked);
        let old = self.lock().containers.insert(spec.session, container);
        // Real engines refuse a second container of the same name.
        assert!(old.is_none_or(|it| !it.is_running()), "two containers for one session");
        self.called("after start").await
    }

    async fn open_up(&self, _spec: &Spec) -> Result<(), SandboxError> {
        // Everything here has the host's own user.
        self.called("open up").await
    }

    async fn stop(&self, session: SessionId) -> Result<(), SandboxError> {
        self.called("before stop").await?;
        self.answers(session).await?;
        let takes = self.lock().stop_takes;
        let _work = Arc::clone(&self.work);
        if !takes.is_zero() {
            sleep(takes).await;
        }
        self.remove(session, "stop");
        self.called("after stop").await
    }

    async fn freeze(&self, session: SessionId) -> Result<(), SandboxError> {
        self.called("before freeze").await?;
        self.answers(session).await?;
        if let Some(container) = self.lock().containers.get(&session) {
            // Nothing of it runs any more, and it is still there.
            container.freeze();
            self.timeline.end(container.number);
        }
        self.called("after freeze").await
    }

    async fn kill(&self, session: SessionId) -> Result<(), SandboxError> {
        self.called("before kill").await?;
        self.answers(session).await?;
        self.remove(session, "kill");
        self.called("after kill").await
    }

    async fn exited(&self, session: SessionId) -> Result<(), SandboxError> {
        let ended = self.lock().containers.get(&session).map(|it| it.ended.clone());
        if let Some(mut ended) = ended {
            // An error means that it was removed.
            let _ = ended.wait_for(Option::is_some).await;
        }
        Ok(())
    }

    async fn tail(&self, _session: SessionId) -> Result<String, SandboxError> {
        self.called("tail").await?;
        Ok("the runner's last words".into())
    }

    async fn list(&self) -> Result<Vec<SessionId>, SandboxError> {
        self.called("list").await?;
        Ok(self.lock().containers.keys().copied().collect())
    }

    async fn link(&self, mounts: &Mounts) -> Result<Box<dyn Carrier>, SandboxError> {
        self.called("link").await?;
        Ok(self.links.carrier(mounts.link.clone()))
    }
}
