//! Supervises every [`ChannelActor`]: one per account that an adapter in this program connects.
//! Accounts are rows of the central database; a channel that needs none has one all the same.
//!
//! Messages  [`ChannelsMessage`]; requests are passed on to the account that they are for, hints to all.
//! Strategy  one-for-one. A channel that fails is started again after a back-off, for ever: there is
//!           no state to be had by giving up, and the others live on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use channel::Registration;
use domain::message::Address;
use domain::plain::chain;
use domain::restart::{BACKOFF_MAX, RestartBudget};
use domain::time::Timestamp;
use engine::host::LOCAL;
use engine::protocol::ChannelStatus;
use ractor::rpc::CallResult;
use ractor::{ActorId, ActorRef, RpcReplyPort};
use store::AccountRow;
use tokio::task::JoinSet;
use tracing::warn;

use crate::actor::{Behavior, Done, End, Hint, spawn_below};
use crate::channel::{ChannelActor, ChannelArgs, ChannelMessage};
use crate::peers::LiveHost;

/// Wait before accounts that could not be read are read again.
const READ_AGAIN: Duration = Duration::from_secs(5);

#[expect(clippy::large_enum_variant, reason = "most are for one account, and few wait")]
#[derive(Debug)]
pub enum ChannelsMessage {
    /// The outbox changed: look at the lanes.
    Parts,
    /// For the account of a chat. Where that is not connected, the message is dropped, and with it the
    /// port of a call, so that its caller hears at once.
    To(Address, ChannelMessage),
    /// Accounts or their credentials changed.
    Reload,
    Accounts(Vec<AccountKey>),
    /// The back-off of a failed child is over.
    Respawn(AccountKey),
    List(RpcReplyPort<Vec<ChannelListed>>),
}

#[derive(Clone, Debug)]
pub struct Fetch {
    pub source: String,
    pub into: PathBuf,
    pub bytes_max: u64,
    /// How long it may take.
    pub within: Duration,
}

/// An account by its channel and name, with what else its adapter has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey {
    pub channel: &'static str,
    pub name: String,
    pub urls: BTreeMap<String, String>,
    /// When it was given what it has. With another one it is connected again at once.
    pub renewed_at: Timestamp,
}

impl AccountKey {
    fn is(&self, other: &Self) -> bool {
        self.channel == other.channel && self.name == other.name
    }

    /// The channel and the name.
    pub(crate) fn names(&self) -> (&'static str, String) {
        (self.channel, self.name.clone())
    }
}

#[derive(Clone, Debug)]
pub struct ChannelListed {
    pub key: AccountKey,
    pub actor: Option<ActorRef<ChannelMessage>>,
}

impl ChannelListed {
    pub async fn status(&self, within: Duration) -> ChannelStatus {
        if let Some(actor) = &self.actor
            && let Ok(CallResult::Success(status)) =
                actor.call(ChannelMessage::Status, Some(within)).await
        {
            return status;
        }
        ChannelStatus {
            name: self.key.channel.into(),
            account: self.key.name.clone(),
            why: Some("it is being restarted".into()),
            ..ChannelStatus::default()
        }
    }
}

#[derive(Debug)]
pub struct ChannelSupervisor {
    host: Arc<LiveHost>,
    myself: ActorRef<ChannelsMessage>,
    children: Vec<Child>,
    reading: JoinSet<()>,
}

#[derive(Debug)]
struct Child {
    registration: &'static Registration,
    key: AccountKey,
    budget: RestartBudget,
    actor: Option<ActorRef<ChannelMessage>>,
    hint: Hint,
}

impl Behavior for ChannelSupervisor {
    type Msg = ChannelsMessage;
    type Args = Arc<LiveHost>;

    async fn start(host: Arc<LiveHost>, myself: ActorRef<ChannelsMessage>) -> Done<Self> {
        host.peers.outbox.clear();
        // What needs no account is there at once, whatever the database does.
        let local: Vec<AccountKey> = host
            .registrations
            .iter()
            .filter(|it| !it.needs_account())
            .map(|registration| AccountKey {
                channel: registration.name,
                name: LOCAL.into(),
                urls: BTreeMap::new(),
                renewed_at: Timestamp(0),
            })
            .collect();
        myself.cast(ChannelsMessage::Accounts(local))?;
        myself.cast(ChannelsMessage::Reload)?;
        Ok(Self { host, myself, children: Vec::new(), reading: JoinSet::new() })
    }

    async fn handle(&mut self, message: ChannelsMessage) -> Done {
        match message {
            ChannelsMessage::Parts => {
                self.host.peers.outbox.clear();
                for child in &self.children {
                    if let Some(actor) = &child.actor {
                        child.hint.send(|| actor.cast(ChannelMessage::Parts).is_ok());
                    }
                }
            }
            ChannelsMessage::To(chat, message) => {
                if let Some(actor) = self.find(&chat) {
                    let _ = actor.cast(message);
                }
            }
            ChannelsMessage::Reload => self.read_accounts(),
            ChannelsMessage::Accounts(accounts) => self.take_accounts(accounts).await?,
            ChannelsMessage::Respawn(key) => self.respawn(&key).await?,
            ChannelsMessage::List(reply) => {
                let listed =
                    |it: &Child| ChannelListed { key: it.key.clone(), actor: it.actor.clone() };
                let _ = reply.send(self.children.iter().map(listed).collect());
            }
        }
        Ok(())
    }

    async fn child_ended(&mut self, ended: ActorId, end: End) -> Done {
        if let Err(err) = end {
            warn!(why = chain(&*err), "a channel failed");
        }
        if self.host.peers.is_stopping() {
            return Ok(()); // The tree stops its children one after the other.
        }
        let restarts_max = self.host.policy.restarts_max;
        let is_ended = |actor: &ActorRef<ChannelMessage>| actor.get_id() == ended;
        let mut children = self.children.iter_mut();
        if let Some(child) = children.find(|it| it.actor.as_ref().is_some_and(is_ended)) {
            child.actor = None;
            let key = child.key.clone();
            let after = child.budget.record(restarts_max, self.host.clock.now());
            self.myself
                .send_after(after.unwrap_or(BACKOFF_MAX), move || ChannelsMessage::Respawn(key));
        }
        Ok(())
    }
}

impl ChannelSupervisor {
    fn find(&self, to: &Address) -> Option<&ActorRef<ChannelMessage>> {
        let of = |it: &&Child| it.key.channel == to.channel && it.key.name == to.account;
        self.children.iter().find(of)?.actor.as_ref()
    }

    fn read_accounts(&mut self) {
        while self.reading.try_join_next().is_some() {}
        let (host, myself) = (Arc::clone(&self.host), self.myself.clone());
        self.reading.spawn(async move {
            let read = async {
                host.set_door().await?;
                host.central.read(|central| central.accounts()).await
            };
            let rows = match read.await {
                Ok(rows) => rows,
                Err(err) => {
                    warn!(why = chain(&err), "the accounts cannot be read yet");
                    myself.send_after(READ_AGAIN, || ChannelsMessage::Reload);
                    return;
                }
            };
            let keys = rows.into_iter().filter_map(|row| {
                // An adapter that is not in this program: `nanoclaw channels list` says so.
                let channel = host.registration(&row.channel)?.name;
                let AccountRow { name, urls, renewed_at, .. } = row;
                Some(AccountKey { channel, name, urls, renewed_at })
            });
            let _ = myself.cast(ChannelsMessage::Accounts(keys.collect()));
        });
    }

    /// Starts what is new, ends what is gone, and has the others connect again if they were given something
    /// else.
    async fn take_accounts(&mut self, accounts: Vec<AccountKey>) -> Done {
        self.children.retain(|child| {
            let stays =
                !child.registration.needs_account() || accounts.iter().any(|it| it.is(&child.key));
            if !stays {
                self.host.door.of(child.key.channel, &child.key.name).forget();
            }
            if let Some(actor) = child.actor.as_ref().filter(|_| !stays) {
                actor.stop(None);
            }
            stays
        });
        for key in accounts {
            if let Some(child) = self.children.iter_mut().find(|it| it.key.is(&key)) {
                child.key = key;
                if let Some(actor) = &child.actor {
                    let _ = actor.cast(ChannelMessage::Renew(child.key.clone()));
                }
            } else if let Some(registration) = self.host.registration(key.channel) {
                let (budget, hint, actor) = (RestartBudget::default(), Hint::default(), None);
                self.children.push(Child { registration, key: key.clone(), budget, actor, hint });
                self.respawn(&key).await?;
            }
        }
        Ok(())
    }

    async fn respawn(&mut self, key: &AccountKey) -> Done {
        let host = Arc::clone(&self.host);
        let found = self.children.iter_mut().find(|it| it.key.is(key) && it.actor.is_none());
        let Some(child) = found.filter(|_| !self.host.peers.is_stopping()) else { return Ok(()) };
        child.hint = Hint::default();
        let (registration, hint) = (child.registration, child.hint.clone());
        let args = ChannelArgs { host, hint, registration, account: child.key.clone() };
        child.actor = Some(spawn_below::<ChannelActor>(args, self.myself.get_cell()).await?);
        Ok(())
    }
}
