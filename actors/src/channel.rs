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

use channel::{Account, ChannelError, Connection, DeliverError, Part, Registration, Sink};
use domain::delivery::Attempt;
use domain::message::Address;
use domain::time::backoff;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{ClaimedPart, PartKind};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::host::Host;
use crate::sessions::child::chain;

const RECONNECT_BASE: Duration = Duration::from_millis(500);
const RECONNECT_MAX: Duration = Duration::from_secs(60);

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
        reply: RpcReplyPort<Attempt>,
    },
    Working(Address),
    /// Why it is not connected; `None` when it is.
    Trouble(RpcReplyPort<Option<String>>),
}

#[derive(Debug)]
pub struct ChannelArgs {
    pub host: Arc<Host>,
    pub registration: &'static Registration,
    pub account: Account,
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
            ChannelMessage::Deliver { part, platform_key, reply } => {
                state.deliver(part, platform_key, reply);
            }
            ChannelMessage::Working(chat) => {
                if let Some(sink) = state.sink.clone() {
                    state.sending.spawn(async move { sink.working(&chat).await });
                }
            }
            ChannelMessage::Trouble(reply) => drop(reply.send(state.trouble.clone())),
        }
        Ok(())
    }
}

impl ChannelState {
    fn connect(&mut self, myself: &ActorRef<ChannelMessage>) {
        let (adapter, account) = (self.args.registration.adapter, self.args.account.clone());
        let myself = myself.clone();
        self.pump.spawn(async move {
            let _ = myself.cast(ChannelMessage::Connected(adapter.connect(&account).await));
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
        let after = backoff(RECONNECT_BASE, RECONNECT_MAX, self.failures);
        myself.send_after(after, || ChannelMessage::Connect);
    }

    fn deliver(&mut self, claimed: ClaimedPart, key: String, reply: RpcReplyPort<Attempt>) {
        let Some(sink) = self.sink.clone() else {
            drop(reply.send(Attempt::Unreachable));
            return;
        };
        let within = self.args.host.policy.deliver_max;
        self.sending.spawn(async move {
            let part = Part {
                to: claimed.to().clone(),
                key,
                text: claimed.text().to_owned(),
                reply_to: claimed.reply_to().to_owned(),
                also: claimed.also().to_vec(),
                last: claimed.kind() != PartKind::Interim,
                repeat: claimed.is_repeat(),
            };
            let attempt = match timeout(within, sink.deliver(&part)).await {
                Ok(Ok(platform_id)) => Attempt::Delivered { platform_id },
                Ok(Err(err)) => attempt(&err),
                Err(_) => Attempt::Unknown,
            };
            let _ = reply.send(attempt);
        });
    }
}

fn attempt(err: &DeliverError) -> Attempt {
    match err {
        DeliverError::Unreachable(_) => Attempt::Unreachable,
        DeliverError::Throttled { after } => Attempt::Throttled { after: *after },
        DeliverError::Refused(_) => Attempt::Refused { why: chain(err) },
        DeliverError::Unknown(_) => Attempt::Unknown,
    }
}
