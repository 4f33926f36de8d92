//! A stand-in for Discord on loopback: its HTTP API and its gateway, as far as bots use them, with a
//! server of one channel, a thread in it, and people who write.
//!
//! Invariants
//! - Nothing outlives the value: dropping it closes both sockets and every connection.
//! - A client that we did not write understands it: `channels/discord/foreign.rs`.
//! - It lives by its own time, five seconds between any two things, whatever the clock says; only the
//!   three seconds to answer a press and limits of requests are real ones.

mod double;
mod gateway;
mod http;
mod messages;
pub(crate) mod multipart;
mod people;
mod render;
mod routes;
mod sessions;
mod shown;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::sessions::Order;
use self::world::{TEXT, World};
use crate::conformance::Fault;

/// A token that the double takes.
pub const TOKEN: &str = "MTA5.double.s3cr3t-bot-token";
/// Far above what a loaded machine takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The double. Share it by reference or in an [`Arc`].
#[derive(Debug)]
pub struct FakeDiscord {
    state: Arc<State>,
    /// The channel of the server.
    general: u64,
    thread: u64,
    _serving: JoinSet<()>,
}

/// What the connections share.
#[derive(Debug)]
struct State {
    world: Mutex<World>,
    changed: Notify,
    api: SocketAddr,
    gateway: SocketAddr,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With or without the word before it, as clients differ.
    fn is_token(&self, text: &str) -> bool {
        text.strip_prefix("Bot ").unwrap_or(text) == TOKEN
    }

    fn gateway_url(&self) -> String {
        format!("ws://{}", self.gateway)
    }
}

impl FakeDiscord {
    /// Listens on two free ports of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut world = World::new();
        let general = world.add_channel(TEXT, "general", None);
        let thread = world.add_thread(general, "talk");
        for (id, name) in [("4242", "Ann"), ("4343", "Bob")] {
            world.people.insert(id.into(), name.into());
        }
        world.direct("4242");
        let state = Arc::new(State {
            world: Mutex::new(world),
            changed: Notify::new(),
            api: http.local_addr().unwrap(),
            gateway: gateway.local_addr().unwrap(),
        });
        let mut serving = JoinSet::new();
        serving.spawn(http::accept(http, Arc::clone(&state)));
        serving.spawn(gateway::accept(gateway, Arc::clone(&state)));
        Self { state, general, thread, _serving: serving }
    }

    /// What stands before the version in addresses of the API.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.state.api)
    }

    /// What stands in for Discord's hosts of files.
    #[must_use]
    pub fn cdn_url(&self) -> String {
        format!("http://{}", self.state.api)
    }

    #[must_use]
    pub fn gateway_url(&self) -> String {
        self.state.gateway_url()
    }

    /// The portal's switch for the content of messages is off from now on.
    pub fn content_is_off(&self) {
        self.state.lock().sessions.content_is_off = true;
    }

    /// No session can be resumed any more; connections stay.
    pub fn forget_sessions(&self) {
        self.state.lock().sessions.all.clear();
    }

    /// Discord asks every connection to begin again (opcode 7), or ends its session (opcode 9).
    pub fn ask_to_reconnect(&self, resumable: bool) {
        let mut world = self.state.lock();
        let frame = if resumable { r#"{"op":7,"d":null}"# } else { r#"{"op":9,"d":false}"# };
        world.sessions.order(&Order::Send(frame.into()));
    }

    /// Discord closes every connection with this code.
    pub fn close(&self, code: u16) {
        self.state.lock().sessions.order(&Order::Close(code, "closed by a test"));
    }

    /// What the nonces of messages were is forgotten, as after some minutes.
    pub fn forget_nonces(&self) {
        self.state.lock().messages.values_mut().for_each(|it| it.nonce = None);
    }

    /// The next request that reads meets this fault.
    pub fn fail_read(&self, fault: Fault) {
        self.state.lock().read_faults.push_back(fault);
    }

    /// Faults that nothing has met yet are taken back.
    pub fn calm_down(&self) {
        let mut world = self.state.lock();
        world.faults.clear();
        world.read_faults.clear();
    }

    /// From now on nonces are forgotten at once.
    pub fn keep_no_nonces(&self) {
        self.state.lock().keeps_no_nonces = true;
    }

    /// Events of this type are told to nobody, as those of a server that is out of order; an empty
    /// name ends that.
    pub fn withhold(&self, event: &str) {
        self.state.lock().sessions.withheld = Some(event.to_owned());
    }

    /// From now on a channel takes so many requests of one kind a second.
    pub fn limit(&self, per_second: u16) {
        self.state.lock().limits.per_second = per_second;
    }

    /// How many requests came in spite of a limit.
    #[must_use]
    pub fn limits_exceeded(&self) -> usize {
        self.state.lock().limits.exceeded
    }

    /// Sessions that started over, and those that went on.
    #[must_use]
    pub fn sessions(&self) -> (usize, usize) {
        let world = self.state.lock();
        (world.sessions.begun, world.sessions.resumed)
    }

    /// Whom messages of the bot notified.
    #[must_use]
    pub fn notified(&self) -> Vec<String> {
        self.state.lock().notified.clone()
    }

    /// Presses that were answered in time, and all of them.
    #[must_use]
    pub fn presses(&self) -> (usize, usize) {
        let world = self.state.lock();
        let answered = world.interactions.values().filter(|it| it.answered).count();
        (answered, world.interactions.len())
    }

    /// Method and path of every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().requests.clone()
    }

    /// Returns once it holds.
    ///
    /// # Panics
    /// When that takes longer than 30 seconds.
    pub async fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let enough = async {
            loop {
                let changed = self.state.changed.notified();
                tokio::pin!(changed);
                // Registered before the look, so that a change in between is not missed.
                changed.as_mut().enable();
                if holds(self) {
                    break;
                }
                changed.await;
            }
        };
        if timeout(PATIENCE, enough).await.is_err() {
            panic!("the double waited for {what}");
        }
    }
}
