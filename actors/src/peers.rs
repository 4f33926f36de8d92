//! Where the actors of one host find each other, and how services reach them.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use channel::DeliverError;
use domain::message::Address;
use engine::host::{Actors, Host, Wake};
use store::{Announce, CentralStore, Db};

use crate::actor::{ActorHandle, Hint};
use crate::channel::{ChannelMessage, OPEN_MAX};
use crate::channels::ChannelsMessage;
use crate::router::RouterMessage;
use crate::session::SessionMessage;
use crate::sessions::SessionsMessage;
use crate::sweep::SweepMessage;
use crate::tree::RootMessage;

#[derive(Debug)]
pub struct LiveHost {
    pub host: Arc<Host>,
    pub peers: Peers,
}

impl LiveHost {
    /// `host` has the same `peers` as its actors.
    pub fn new(host: Host, peers: Peers) -> Arc<Self> {
        Arc::new(Self { host: Arc::new(host), peers })
    }
}

impl Deref for LiveHost {
    type Target = Arc<Host>;

    fn deref(&self) -> &Arc<Host> {
        &self.host
    }
}

/// Where the actors find each other, across restarts.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    pub sessions: ActorHandle<SessionsMessage>,
    pub channels: ActorHandle<ChannelsMessage>,
    pub router: ActorHandle<RouterMessage>,
    pub root: ActorHandle<RootMessage>,
    pub sweep: ActorHandle<SweepMessage>,
    pub(crate) outbox: Hint,
    stopping: Arc<AtomicBool>,
}

impl Peers {
    /// From now on nothing that ends is started again.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked for the end. A root that ends without it has given up, and its process
    /// must end with an error.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn outbox_changed(&self) {
        if let Some(channels) = self.channels.get() {
            self.outbox.send(|| channels.cast(ChannelsMessage::Parts).is_ok());
        }
    }

    /// The central database, whose every change of the outbox the channels hear of.
    pub fn central(&self, path: PathBuf, gate: Arc<dyn store::Gate>) -> Db<CentralStore> {
        let peers = self.clone();
        let announce: Announce = Arc::new(move || peers.outbox_changed());
        Db::new(gate, move || Ok(CentralStore::open(&path)?.announcing(Arc::clone(&announce))))
    }
}

#[async_trait]
impl Actors for Peers {
    fn wake(&self, wake: Wake) {
        match wake {
            Wake::Session(row, from) => {
                let woken = Box::new(SessionMessage::Woken { from });
                self.sessions.cast(SessionsMessage::To(row, woken));
            }
            Wake::TurnEnded(row) => {
                self.sessions.cast(SessionsMessage::To(row, Box::new(SessionMessage::Sweep)));
            }
            Wake::Sessions => self.sessions.cast(SessionsMessage::Sweep),
            Wake::Outbox => self.outbox_changed(),
            Wake::Everything => self.sweep.cast(SweepMessage::Now),
            Wake::DueAt(at) => self.sweep.cast(SweepMessage::DueAt(at)),
        }
    }

    async fn open_direct(
        &self,
        account: Address,
        handle: String,
    ) -> Option<Result<String, DeliverError>> {
        let ask =
            |reply| ChannelsMessage::To(account, ChannelMessage::OpenDirect { handle, reply });
        self.channels.call_within(OPEN_MAX, ask).await
    }
}
