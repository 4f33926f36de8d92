//! One connected account: the loop, the back-off and the cursor around its adapter.
//!
//! Messages  [`ChannelMessage`].
//! Parent    [`crate::channels::ChannelSupervisor`], one-for-one.
//! Fails     never by itself: a platform that is down is waited for.
//!
//! Invariants
//! - Events are settled and the cursor moves only after every engaged session committed.
//! - [`ChannelActor`] is the only place in the program that talks to a platform, and what it sends
//!   is a [`ClaimedPart`], which the outbox mints with a commit.
//! - A slow platform delays nobody: each part is sent in a task of its own.

mod pump;

use std::sync::Arc;
use std::time::Duration;

use channel::{
    Account, ChannelError, Connection, DeliverError, FetchError, Part, Registration, Sink,
};
use domain::delivery::Attempt;
use domain::message::Address;
use domain::time::backoff;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{ClaimedPart, PartKind};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::channels::{AccountKey, Fetch};
use crate::host::Host;
use crate::sessions::child::chain;
use crate::stops::Pass;

const RECONNECT_BASE: Duration = Duration::from_millis(500);
const RECONNECT_MAX: Duration = Duration::from_secs(60);
/// What only a person can mend is tried again seldom: somebody may have mended it over there.
const RECONNECT_UNWANTED: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
pub struct ChannelActor;

#[derive(Debug)]
pub enum ChannelMessage {
    Connect,
    Connected(Result<Connection, ChannelError>),
    /// Receiving ended.
    Lost(ChannelError),
    Deliver {
        part: ClaimedPart,
        platform_key: String,
        /// `None` for what the host says by itself.
        pass: Option<Box<Pass>>,
        reply: RpcReplyPort<Attempt>,
    },
    Working(Address),
    Draft {
        to: Address,
        target: String,
        text: String,
    },
    Fetch {
        fetch: Fetch,
        reply: RpcReplyPort<Result<(), FetchError>>,
    },
    OpenDirect {
        handle: String,
        reply: RpcReplyPort<Result<String, DeliverError>>,
    },
    /// The credential may be another one: if there is trouble, try again now.
    Renew,
    /// Why it is not connected; `None` when it is.
    Trouble(RpcReplyPort<Option<String>>),
}

#[derive(Debug)]
pub struct ChannelArgs {
    pub host: Arc<Host>,
    pub registration: &'static Registration,
    pub account: AccountKey,
}

#[derive(Debug)]
pub struct ChannelState {
    args: ChannelArgs,
    sink: Option<Arc<dyn Sink>>,
    /// Connects, then receives.
    pump: JoinSet<()>,
    sending: JoinSet<()>,
    failures: u32,
    trouble: Option<String>,
}

impl Actor for ChannelActor {
    type Msg = ChannelMessage;
    type State = ChannelState;
    type Arguments = ChannelArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<ChannelMessage>,
        args: ChannelArgs,
    ) -> Result<ChannelState, ActorProcessingErr> {
        myself.cast(ChannelMessage::Connect)?;
        Ok(ChannelState {
            args,
            sink: None,
            pump: JoinSet::new(),
            sending: JoinSet::new(),
            failures: 0,
            trouble: Some("it is connecting".into()),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ChannelMessage>,
        message: ChannelMessage,
        state: &mut ChannelState,
    ) -> Result<(), ActorProcessingErr> {
        while state.sending.try_join_next().is_some() {}
        match message {
            ChannelMessage::Connect => state.connect(&myself),
            ChannelMessage::Connected(Ok(connection)) => state.receive(&myself, connection),
            ChannelMessage::Connected(Err(err)) | ChannelMessage::Lost(err) => {
                state.reconnect(&myself, &err);
            }
            ChannelMessage::Deliver { part, platform_key, pass, reply } => {
                state.deliver(part, platform_key, pass, reply);
            }
            ChannelMessage::Working(chat) => {
                if let Some(sink) = state.sink.clone() {
                    state.sending.spawn(async move { sink.working(&chat).await });
                }
            }
            ChannelMessage::Draft { to, target, text } => {
                if let Some(sink) = state.sink.clone() {
                    state.sending.spawn(async move { sink.draft(&to, &target, &text).await });
                }
            }
            ChannelMessage::Fetch { fetch, reply } => state.fetch(fetch, reply),
            ChannelMessage::OpenDirect { handle, reply } => match state.sink.clone() {
                Some(sink) => {
                    state.sending.spawn(async move {
                        let _ = reply.send(sink.open_direct(&handle).await);
                    });
                }
                None => drop(reply.send(Err(DeliverError::Unreachable("not connected".into())))),
            },
            ChannelMessage::Renew => {
                if state.trouble.is_some() && state.sink.is_none() {
                    state.pump.abort_all();
                    state.connect(&myself);
                }
            }
            ChannelMessage::Trouble(reply) => drop(reply.send(state.trouble.clone())),
        }
        Ok(())
    }
}

impl ChannelState {
    fn connect(&mut self, myself: &ActorRef<ChannelMessage>) {
        if self.sink.is_some() {
            return; // Two timers; the first one was right.
        }
        let (host, adapter) = (Arc::clone(&self.args.host), self.args.registration.adapter);
        let (key, myself) = (self.args.account.clone(), myself.clone());
        self.pump.spawn(async move {
            let opened = host.credentials.of_account(key.channel, &key.name).await;
            let connected = match opened {
                Ok(credential) => {
                    let run_dir = host.layout.run();
                    let account = Account { name: key.name, run_dir, credential, urls: key.urls };
                    adapter.connect(&account).await
                }
                Err(cause) => Err(ChannelError::Unauthorized(cause)),
            };
            let _ = myself.cast(ChannelMessage::Connected(connected));
        });
    }

    fn receive(&mut self, myself: &ActorRef<ChannelMessage>, connection: Connection) {
        info!(channel = self.args.registration.name, "connected");
        (self.failures, self.trouble) = (0, None);
        self.sink = Some(connection.sink);
        let pump = pump::Pump {
            host: Arc::clone(&self.args.host),
            channel: self.args.registration.name,
            account: self.args.account.name.clone(),
            owner_only: self.args.registration.caps.owner_only,
            source: connection.source,
        };
        let myself = myself.clone();
        self.pump.spawn(async move {
            let _ = myself.cast(ChannelMessage::Lost(pump.run().await));
        });
    }

    fn reconnect(&mut self, myself: &ActorRef<ChannelMessage>, err: &ChannelError) {
        warn!(channel = self.args.registration.name, why = chain(err), "not connected");
        self.sink = None;
        self.trouble = Some(chain(err));
        self.failures = self.failures.saturating_add(1);
        let after = match err {
            ChannelError::Unreachable(_) => backoff(RECONNECT_BASE, RECONNECT_MAX, self.failures),
            ChannelError::Unauthorized(_) | ChannelError::Misconfigured(_) => RECONNECT_UNWANTED,
        };
        myself.send_after(after, || ChannelMessage::Connect);
    }

    fn fetch(&mut self, fetch: Fetch, reply: RpcReplyPort<Result<(), FetchError>>) {
        let Some(sink) = self.sink.clone() else {
            drop(reply.send(Err(FetchError::Unreachable("not connected".into()))));
            return;
        };
        let within = self.args.host.policy.fetch_max;
        self.sending.spawn(async move {
            let fetched = timeout(within, write_file(&*sink, &fetch)).await;
            let late = || FetchError::Unreachable("it took too long".into());
            let _ = reply.send(fetched.unwrap_or_else(|_| Err(late())));
        });
    }

    fn deliver(
        &mut self,
        claimed: ClaimedPart,
        key: String,
        pass: Option<Box<Pass>>,
        reply: RpcReplyPort<Attempt>,
    ) {
        let Some(sink) = self.sink.clone() else {
            drop(reply.send(Attempt::Unreachable));
            return;
        };
        let within = self.args.host.policy.deliver_max;
        let host = Arc::clone(&self.args.host);
        self.sending.spawn(async move {
            let part = Part {
                to: claimed.to().clone(),
                key,
                content: claimed.content().clone(),
                reply_to: claimed.reply_to().to_owned(),
                also: claimed.also().to_vec(),
                last: claimed.kind() != PartKind::Interim,
                repeat: claimed.is_repeat(),
            };
            // The last moment in which it can be kept back.
            if !pass.is_none_or(|it| host.stops.lets(&it)) {
                drop(reply.send(Attempt::Unreachable));
                return;
            }
            let attempt = match timeout(within, sink.deliver(&part)).await {
                Ok(Ok(platform_id)) => Attempt::Delivered { platform_id },
                Ok(Err(err)) => attempt(&err),
                Err(_) => Attempt::Unknown,
            };
            let _ = reply.send(attempt);
        });
    }
}

async fn write_file(sink: &dyn Sink, fetch: &Fetch) -> Result<(), FetchError> {
    let mut file = tokio::fs::File::create(&fetch.into).await.map_err(FetchError::Write)?;
    sink.fetch(&fetch.source, fetch.bytes_max, &mut file).await?;
    file.sync_all().await.map_err(FetchError::Write)
}

fn attempt(err: &DeliverError) -> Attempt {
    match err {
        DeliverError::Unreachable(_) => Attempt::Unreachable,
        DeliverError::Throttled { after } => Attempt::Throttled { after: *after },
        DeliverError::Refused(_) => Attempt::Refused { why: chain(err) },
        DeliverError::Unknown(_) => Attempt::Unknown,
    }
}
