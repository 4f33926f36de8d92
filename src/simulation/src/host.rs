//! A whole host in one process: real actors, real SQLite files, the real runner; a fake platform
//! and a fake engine, which outlive it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::peers::{LiveHost, Peers};
use actors::tree::{Role, RootArgs, RootMessage, RootSupervisor};
use async_trait::async_trait;
use channel::door::{self, Door, Settings as DoorSettings};
use channel::{Cause, Registration, SecretString};
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use domain::message::Outcome;
use domain::time::{Clock, Timestamp};
use domain::{AgentName, SessionId};
use engine::container_slots::ContainerSlots;
use engine::host::{ConnectedCaps, Credentials, Hints, Host, Opened, Policy, settings};
use engine::stops::StopGate;
use ractor::{Actor, ActorCell, ActorRef, call};
use store::CentralStore;
use store::layout::Layout;
use tokio::time::sleep;
use vault::{Caller, Duplex, Egress};

use crate::clock::TestClock;
use crate::crash::Crash;
use crate::engine::FakeEngine;
use crate::env::SimulationEnv;
use crate::mutation::Mutation;
use crate::platform::FakePlatform;

/// Everything outside the host, and its disk.
#[derive(Debug)]
pub struct World {
    pub clock: Arc<TestClock>,
    pub platform: Arc<FakePlatform>,
    pub engine: Arc<FakeEngine>,
    pub policy: Policy,
    pub containers_max: usize,
    /// Adapters beside the platform in memory, and what all their accounts have for a credential.
    pub others: Vec<&'static Registration>,
    pub credential: SecretString,
    /// What stands in the place of that credential.
    pub credentials: Option<Arc<dyn Credentials>>,
    /// What happened so far.
    pub env: Arc<SimulationEnv>,
    dir: tempfile::TempDir,
}

/// One life of the host.
#[derive(Debug)]
pub struct TestHost {
    pub root: ActorRef<RootMessage>,
    pub crash: Arc<Crash>,
    pub host: Arc<LiveHost>,
}

impl World {
    pub fn new() -> Self {
        Self::with_notifications(true)
    }

    /// `false` leaves everything to the slow polls.
    pub fn with_notifications(notifications: bool) -> Self {
        Self::broken(notifications, None)
    }

    /// With something that breaks a law.
    pub fn broken(notifications: bool, mutation: Option<Mutation>) -> Self {
        let env = SimulationEnv::new(mutation);
        let clock = Arc::new(TestClock::default());
        let engine = FakeEngine::new(Arc::clone(&clock) as _, notifications, Arc::clone(&env));
        // Memory, not a disk: thousands of runs would wear it for nothing.
        let shm = PathBuf::from("/dev/shm");
        let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
        Self {
            clock,
            engine,
            platform: FakePlatform::new(),
            policy: Policy::default(),
            containers_max: 10,
            others: vec![],
            credential: SecretString::from("any"),
            credentials: None,
            env,
            dir: dir.unwrap(),
        }
    }

    /// With another platform than the terminal's double.
    pub fn on(platform: Arc<FakePlatform>) -> Self {
        let mut world = Self::new();
        world.platform = platform;
        world
    }

    pub fn layout(&self) -> Layout {
        Layout::new(self.dir.path())
    }

    /// Starts the host, to be stopped at the given point.
    pub async fn start(&self, crash: Arc<Crash>) -> TestHost {
        crash.attach(Arc::clone(&self.env), "host".into());
        self.engine.belong_to(Arc::clone(&crash));
        let mut registrations = vec![self.platform.registration(Arc::clone(&crash))];
        registrations.extend(&self.others);
        let central = self.install();
        let host = self.host(&crash, registrations, &central);
        drop(central);
        let args = RootArgs { host: Arc::clone(&host), admin: false };
        let (root, _) = Actor::spawn(None, RootSupervisor::default(), args).await.unwrap();
        TestHost { root, crash, host }
    }

    fn host(
        &self,
        crash: &Arc<Crash>,
        registrations: Vec<&'static Registration>,
        central: &CentralStore,
    ) -> Arc<LiveHost> {
        let peers = Peers::default();
        let host = Host {
            layout: self.layout(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            started_at: self.clock.now(),
            central: peers.central(self.layout().central(), Arc::clone(crash) as _),
            gate: Arc::clone(crash) as _,
            sandbox: Arc::clone(&self.engine) as _,
            egress: Arc::new(NoEgress),
            caps: ConnectedCaps::new(&registrations, central.caps_of_accounts().unwrap()),
            registrations,
            credentials: self
                .credentials
                .clone()
                .unwrap_or_else(|| Arc::new(OneCredential(self.credential.clone()))),
            container_slots: ContainerSlots::new(self.containers_max),
            stops: StopGate::new(central.stops().unwrap()),
            policy: self.policy,
            container_user: None,
            actors: Arc::new(peers.clone()),
            hints: Hints::default(),
            door: Door::new(DoorSettings::default(), Arc::clone(&self.clock) as _),
        };
        LiveHost::new(host, peers)
    }

    /// What set-up leaves behind: an image and the first agent.
    fn install(&self) -> CentralStore {
        let path = self.layout().central();
        let central = CentralStore::open(&path).unwrap();
        central.set_setting(settings::IMAGE, "fake-image").unwrap();
        // Each host of a test has a door of its own.
        central.set_setting(door::SETTING, r#"{"listen": "127.0.0.1:0"}"#).unwrap();
        // Drawn at random elsewhere; a seed must replay.
        central.set_setting(store::CARD_KEY, "open-barley").unwrap();
        self.add_agent_to(&central, DEFAULT_AGENT);
        central
    }

    fn add_agent_to(&self, central: &CentralStore, name: &str) {
        let agent = AgentGroup::new(AgentName::parse(name).unwrap());
        central.add_agent(&agent).unwrap();
    }

    /// The outcomes of all messages of a session: `(platform id, outcome)`.
    pub fn outcomes(&self, session: SessionId) -> Vec<(String, Option<Outcome>)> {
        CentralStore::open(&self.layout().central()).unwrap().rows(session).outcomes().unwrap()
    }

    /// Every session there is.
    pub fn sessions(&self) -> Vec<SessionId> {
        let central = CentralStore::open(&self.layout().central()).unwrap();
        central.sessions().unwrap().into_iter().map(|it| it.id).collect()
    }

    /// Every outcome of every session.
    pub fn all_outcomes(&self) -> Vec<(String, Option<Outcome>)> {
        let central = CentralStore::open(&self.layout().central()).unwrap();
        let sessions = central.sessions().unwrap().into_iter();
        sessions.flat_map(|it| central.rows(it.id).outcomes().unwrap()).collect()
    }

    /// Lets simulated time pass; every timer in between fires, in order.
    pub async fn pass(&self, duration: Duration) {
        sleep(duration).await;
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Drop for World {
    /// Registrations are leaked and hold the platform; what it knows would stay, run after run.
    fn drop(&mut self) {
        self.platform.forget();
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// `kill -9`: everything of this life is gone, nothing is finished.
    pub async fn kill(self) {
        kill_tree(&self.root.get_cell());
        // Aborted tasks are dropped when the runtime gets to them.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    /// SIGTERM.
    pub async fn shut_down(&self) {
        call!(self.root, |reply| RootMessage::Shutdown(Some(reply))).unwrap();
    }

    /// The last incarnation of a child of the root, where its siblings find it.
    pub fn child(&self, role: Role) -> Option<ActorCell> {
        let peers = &self.host.peers;
        match role {
            Role::Sessions => peers.sessions.get().map(|it| it.get_cell()),
            Role::Router => peers.router.get().map(|it| it.get_cell()),
            Role::Channels => peers.channels.get().map(|it| it.get_cell()),
            Role::Sweep => peers.sweep.get().map(|it| it.get_cell()),
            Role::Admin => None,
        }
    }
}

fn kill_tree(cell: &ActorCell) {
    let mut children = cell.get_children();
    // They come out of a map, and who dies first frees what others see.
    children.sort_by_key(|it| it.get_id().pid());
    cell.kill();
    children.iter().for_each(kill_tree);
}

#[derive(Debug)]
struct OneCredential(SecretString);

#[async_trait]
impl Credentials for OneCredential {
    async fn of_account(
        &self,
        _channel: &'static str,
        _name: &str,
        _urls: &BTreeMap<String, String>,
    ) -> Result<Opened, Cause> {
        let values = ["token", "secret"].map(|it| (it.to_owned(), self.0.clone()));
        Ok(Opened::fixed(values.into()))
    }
}

/// The demo needs no model.
#[derive(Debug)]
struct NoEgress;

#[async_trait]
impl Egress for NoEgress {
    async fn serve(&self, _caller: Caller, _stream: Box<dyn Duplex>) {}
}
