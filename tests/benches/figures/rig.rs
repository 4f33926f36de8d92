//! A host in this process, over a real disk, with a channel whose ends are here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::peers::{LiveHost, Peers};
use actors::tree::{RootArgs, RootMessage, RootSupervisor};
use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, Caps, Cause, ChannelError, Connection, Cursor, DeliverError, Event,
    Me, Part, Registration, Sink, Source, Verdict,
};
use domain::AgentName;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use domain::message::{Address, Author, Body, Incoming};
use domain::outgoing::TextLimit;
use domain::time::{Clock, SystemClock};
use engine::container_slots::ContainerSlots;
use engine::host::{ConnectedCaps, Credentials, Hints, Host, Opened, Policy, settings};
use engine::stops::StopGate;
use ractor::{Actor, ActorRef};
use sandbox::Sandbox;
use store::layout::Layout;
use store::{CentralStore, NoGate};
use tokio::sync::{Mutex, mpsc};
use vault::{Caller, Duplex, Egress};

pub(crate) const CHANNEL: &str = "bench";
/// Events of one poll.
const PAGE: usize = 64;

/// A running host and both ends of its channel.
pub(crate) struct Rig {
    pub(crate) host: Arc<LiveHost>,
    pub(crate) post: mpsc::UnboundedSender<Incoming>,
    pub(crate) settled: mpsc::UnboundedReceiver<usize>,
    pub(crate) delivered: mpsc::UnboundedReceiver<Part>,
    root: ActorRef<RootMessage>,
}

impl Rig {
    pub(crate) async fn start(
        home: &Path,
        sandbox: Arc<dyn Sandbox>,
        image: &str,
        user: Option<(u32, u32)>,
    ) -> Self {
        let owner_only = Caps { owner_only: true, ..Caps::plain(TextLimit::chars(4_000)) };
        Self::start_with(home, sandbox, image, user, owner_only).await
    }

    pub(crate) async fn start_with(
        home: &Path,
        sandbox: Arc<dyn Sandbox>,
        image: &str,
        user: Option<(u32, u32)>,
        caps: Caps,
    ) -> Self {
        let layout = Layout::new(home);
        let central = CentralStore::open(&layout.central()).unwrap();
        central.set_setting(settings::IMAGE, image).unwrap();
        let agent = AgentGroup::new(AgentName::parse(DEFAULT_AGENT).unwrap());
        central.add_agent(&agent).unwrap();
        drop(central);
        let path = layout.central();
        let (post, posts) = mpsc::unbounded_channel();
        let (settle, settled) = mpsc::unbounded_channel();
        let (deliver, delivered) = mpsc::unbounded_channel();
        let ends = Ends { caps, posts: Mutex::new(Some(posts)), settle, deliver };
        let adapter: &'static dyn Adapter = Box::leak(Box::new(ends));
        let registration: &'static Registration =
            Box::leak(Box::new(Registration { name: CHANNEL, needs: &[], caps, adapter }));
        let peers = Peers::default();
        let host = Host {
            layout,
            clock: Arc::new(SystemClock),
            started_at: SystemClock.now(),
            central: peers.central(path, Arc::new(NoGate)),
            gate: Arc::new(NoGate),
            sandbox,
            egress: Arc::new(NoEgress),
            caps: ConnectedCaps::new(&[registration], Vec::new()),
            registrations: vec![registration],
            credentials: Arc::new(NoCredentials),
            container_slots: ContainerSlots::new(10),
            stops: StopGate::default(),
            policy: Policy::default(),
            container_user: user,
            actors: Arc::new(peers.clone()),
            hints: Hints::default(),
            door: Default::default(),
        };
        let host = LiveHost::new(host, peers);
        let args = RootArgs { host: Arc::clone(&host), admin: false };
        let (root, _) = Actor::spawn(None, RootSupervisor::default(), args).await.unwrap();
        Self { host, post, settled, delivered, root }
    }

    pub(crate) async fn stop(self) {
        let _ = self
            .root
            .call(|reply| RootMessage::Shutdown(Some(reply)), Some(Duration::from_secs(20)))
            .await;
    }
}

pub(crate) fn incoming(chat: &str, n: usize) -> Incoming {
    Incoming {
        from: Address {
            channel: CHANNEL.into(),
            account: "local".into(),
            chat: chat.into(),
            thread: None,
        },
        platform_id: format!("{chat}-{n}"),
        body: Body::new(
            Author::new("ann", "Ann"),
            format!("message {n}, about as long as people write in a chat, more or less"),
        ),
        ..Incoming::default()
    }
}

#[derive(Debug)]
struct Ends {
    caps: Caps,
    posts: Mutex<Option<mpsc::UnboundedReceiver<Incoming>>>,
    settle: mpsc::UnboundedSender<usize>,
    deliver: mpsc::UnboundedSender<Part>,
}

#[async_trait]
impl Adapter for Ends {
    async fn connect(&self, _account: &Account) -> Result<Connection, ChannelError> {
        let posts = self.posts.lock().await.take().unwrap();
        let source = BenchSource { posts, settle: self.settle.clone() };
        let sink = Arc::new(BenchSink(self.deliver.clone()));
        Ok(Connection { me: Me::default(), caps: self.caps, source: Box::new(source), sink })
    }
}

#[derive(Debug)]
struct BenchSource {
    posts: mpsc::UnboundedReceiver<Incoming>,
    settle: mpsc::UnboundedSender<usize>,
}

#[async_trait]
impl Source for BenchSource {
    async fn receive(&mut self, _after: &Cursor) -> Result<Batch, ChannelError> {
        // Everything that is there, up to a page, as a platform's poll returns it.
        let mut posts = Vec::new();
        if self.posts.recv_many(&mut posts, PAGE).await == 0 {
            return std::future::pending().await;
        }
        let events = posts.into_iter().map(Event::Message).collect();
        Ok(Batch { events, cursor: Cursor::default() })
    }

    fn gap(&mut self) -> Option<channel::Gap> {
        None
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        assert!(!verdicts.iter().any(|it| matches!(it, Verdict::Refused(_))), "{verdicts:?}");
        let _ = self.settle.send(verdicts.len());
        Ok(())
    }
}

#[derive(Debug)]
struct BenchSink(mpsc::UnboundedSender<Part>);

#[async_trait]
impl Sink for BenchSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let _ = self.0.send(part.clone());
        Ok(part.key.clone())
    }

    async fn working(&self, _chat: &Address) {}
}

#[derive(Debug)]
struct NoEgress;

#[async_trait]
impl Egress for NoEgress {
    async fn serve(&self, _caller: Caller, _stream: Box<dyn Duplex>) {}
}

/// Nobody needs one here.
#[derive(Debug)]
struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn of_account(
        &self,
        _channel: &'static str,
        _name: &str,
        _urls: &BTreeMap<String, String>,
    ) -> Result<Opened, Cause> {
        Ok(Opened::fixed(BTreeMap::new()))
    }
}
