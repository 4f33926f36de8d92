//! A host over a given directory, with a fake engine and without points to stop at: for long runs and
//! for looking at copies. Time is the paused clock, as in [`crate::host`].

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::peers::{LiveHost, Peers};
use actors::tree::{RootArgs, RootMessage, RootSupervisor};
use async_trait::async_trait;
use channel::{Cause, Registration};
use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT, Provider};
use domain::time::Clock;
use engine::container_slots::ContainerSlots;
use engine::host::{ConnectedCaps, Credentials, Hints, Host, Opened, Policy, settings};
use engine::stops::StopGate;
use ractor::{Actor, ActorRef, call};
use store::layout::Layout;
use store::{CentralStore, Gate, StoreError};
use vault::{Caller, Duplex, Egress};

use crate::clock::TestClock;
use crate::engine::FakeEngine;

/// What a minimal host runs on.
#[derive(Clone, Debug)]
pub struct MinimalHost {
    pub layout: Layout,
    pub clock: Arc<TestClock>,
    pub engine: Arc<FakeEngine>,
    pub registration: &'static Registration,
    pub containers_max: usize,
}

impl MinimalHost {
    /// Makes the first agent if there is none, and lets all of them play the demo.
    ///
    /// # Errors
    /// When the central database cannot be used.
    pub fn install(&self) -> Result<(), StoreError> {
        let central = CentralStore::open(&self.layout.central())?;
        central.set_setting(settings::IMAGE, "fake-image")?;
        if central.agents()?.is_empty()
            && let Ok(name) = AgentName::parse(DEFAULT_AGENT)
        {
            central.add_agent(&AgentGroup::new(name))?;
        }
        for agent in central.agents()? {
            let demo = Some(Provider::Demo);
            central.set_agent(&AgentGroup { provider: demo, image: None, ..agent })?;
        }
        Ok(())
    }

    /// Starts a host.
    pub async fn start(&self) -> (Arc<LiveHost>, ActorRef<RootMessage>) {
        let peers = Peers::default();
        let gate: Arc<dyn Gate> = Arc::new(Inline);
        let host = Host {
            layout: self.layout.clone(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            started_at: self.clock.now(),
            central: peers.central(self.layout.central(), Arc::clone(&gate)),
            gate,
            sandbox: Arc::clone(&self.engine) as _,
            egress: Arc::new(Nothing),
            caps: ConnectedCaps::new(&[self.registration], Vec::new()),
            registrations: vec![self.registration],
            credentials: Arc::new(Nothing),
            container_slots: ContainerSlots::new(self.containers_max),
            policy: Policy::default(),
            stops: StopGate::new(
                CentralStore::open(&self.layout.central()).unwrap().stops().unwrap(),
            ),
            container_user: None,
            actors: Arc::new(peers.clone()),
            hints: Hints::default(),
            door: Default::default(),
        };
        let host = LiveHost::new(host, peers);
        let args = RootArgs { host: Arc::clone(&host), admin: false };
        let (root, _) = Actor::spawn(None, RootSupervisor::default(), args).await.unwrap();
        (host, root)
    }
}

/// SIGTERM.
pub async fn shut_down(root: &ActorRef<RootMessage>) {
    let _ = call!(root, |reply| RootMessage::Shutdown(Some(reply)));
}

/// Runs on a runtime of its own, whose clock is paused.
pub fn on_paused_clock<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .enable_io()
        .start_paused(true)
        .build()
        .unwrap();
    let out = runtime.block_on(run);
    runtime.shutdown_background();
    out
}

/// Always open, and on the calling thread, so that the paused clock does not run ahead.
#[derive(Debug)]
struct Inline;

impl Gate for Inline {
    fn runs_inline(&self) -> bool {
        true
    }
}

/// The demo needs no model, and the double no credential.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Egress for Nothing {
    async fn serve(&self, _caller: Caller, _stream: Box<dyn Duplex>) {}
}

#[async_trait]
impl Credentials for Nothing {
    async fn of_account(
        &self,
        _channel: &'static str,
        _name: &str,
        _urls: &BTreeMap<String, String>,
    ) -> Result<Opened, Cause> {
        Ok(Opened::fixed(BTreeMap::new()))
    }
}
