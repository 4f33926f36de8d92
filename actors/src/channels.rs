//! Supervises every [`ChannelActor`]: one per account that an adapter in this program connects.
//!
//! Messages  [`ChannelsMessage`]; parts are passed on to the account that they go to.
//! Strategy  one-for-one. A channel that fails is started again after a back-off, for ever: there is
//!           no state to be had by giving up, and the others live on.

use std::sync::Arc;
use std::time::Duration;

use channel::{Account, Registration};
use domain::delivery::Attempt;
use domain::message::Address;
use domain::restart::{RestartBudget, Verdict};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use store::ClaimedPart;
use tracing::warn;

use crate::admin::protocol::ChannelStatus;
use crate::channel::{ChannelActor, ChannelArgs, ChannelMessage};
use crate::host::Host;

/// The one account per channel that exists so far.
const ACCOUNT: &str = "local";

#[derive(Debug)]
pub struct ChannelSupervisor;

#[derive(Debug)]
pub enum ChannelsMessage {
    /// Send a part. Only the outbox can mint one, so nothing is sent that is not committed.
    Deliver { part: ClaimedPart, platform_key: String, reply: RpcReplyPort<Attempt> },
    /// Show in a chat that an answer is being worked on.
    Working(Address),
    /// The back-off of a failed child is over.
    Respawn(usize),
    /// What each channel does now.
    List(RpcReplyPort<Vec<ChannelListed>>),
}

/// One line of [`ChannelsMessage::List`].
#[derive(Clone, Debug)]
pub struct ChannelListed {
    pub name: &'static str,
    pub account: &'static str,
    pub actor: Option<ActorRef<ChannelMessage>>,
}

impl ChannelListed {
    /// Asks the channel itself.
    pub async fn status(&self, within: Duration) -> ChannelStatus {
        let mut status = ChannelStatus {
            name: self.name.into(),
            account: self.account.into(),
            connected: false,
            why: Some("it is being restarted".into()),
        };
        if let Some(actor) = &self.actor
            && let Ok(ractor::rpc::CallResult::Success(why)) =
                actor.call(ChannelMessage::Trouble, Some(within)).await
        {
            (status.connected, status.why) = (why.is_none(), why);
        }
        status
    }
}

#[derive(Debug)]
pub struct ChannelsState {
    host: Arc<Host>,
    children: Vec<Child>,
}

#[derive(Debug)]
struct Child {
    registration: &'static Registration,
    budget: RestartBudget,
    actor: Option<ActorRef<ChannelMessage>>,
}

impl Child {
    fn is(&self, id: ActorId) -> bool {
        self.actor.as_ref().is_some_and(|it| it.get_id() == id)
    }
}

impl Actor for ChannelSupervisor {
    type Msg = ChannelsMessage;
    type State = ChannelsState;
    type Arguments = (Arc<Host>, Vec<&'static Registration>);

    async fn pre_start(
        &self,
        myself: ActorRef<ChannelsMessage>,
        (host, registrations): (Arc<Host>, Vec<&'static Registration>),
    ) -> Result<ChannelsState, ActorProcessingErr> {
        let child =
            |registration| Child { registration, budget: RestartBudget::default(), actor: None };
        let children: Vec<Child> = registrations.into_iter().map(child).collect();
        for index in 0..children.len() {
            myself.cast(ChannelsMessage::Respawn(index))?;
        }
        Ok(ChannelsState { host, children })
    }

    async fn handle(
        &self,
        myself: ActorRef<ChannelsMessage>,
        message: ChannelsMessage,
        state: &mut ChannelsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ChannelsMessage::Deliver { part, platform_key, reply } => match state.find(part.to()) {
                Some(actor) => {
                    // A dropped reply is an unknown outcome, which is what it is.
                    let _ = actor.cast(ChannelMessage::Deliver { part, platform_key, reply });
                }
                None => drop(reply.send(Attempt::Unreachable)),
            },
            ChannelsMessage::Working(chat) => {
                if let Some(actor) = state.find(&chat) {
                    let _ = actor.cast(ChannelMessage::Working(chat));
                }
            }
            ChannelsMessage::Respawn(index) => state.respawn(&myself, index).await?,
            ChannelsMessage::List(reply) => {
                let listed = state.children.iter().map(|it| ChannelListed {
                    name: it.registration.name,
                    account: ACCOUNT,
                    actor: it.actor.clone(),
                });
                let _ = reply.send(listed.collect());
            }
        }
        Ok(())
    }

    /// Overridden because the default stops the supervisor when any child exits.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ChannelsMessage>,
        event: SupervisionEvent,
        state: &mut ChannelsState,
    ) -> Result<(), ActorProcessingErr> {
        let cell = match event {
            SupervisionEvent::ActorFailed(cell, err) => {
                warn!(error = &*err as &dyn std::error::Error, "a channel failed");
                cell
            }
            SupervisionEvent::ActorTerminated(cell, ..) => cell,
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        let now = state.host.clock.now();
        let limits = state.host.policy.restarts;
        let found = state.children.iter_mut().enumerate().find(|it| it.1.is(cell.get_id()));
        if let Some((index, child)) = found {
            child.actor = None;
            let after = match child.budget.record(limits, now) {
                Verdict::Restart { after } => after,
                Verdict::GiveUp => limits.backoff_max,
            };
            myself.send_after(after, move || ChannelsMessage::Respawn(index));
        }
        Ok(())
    }
}

impl ChannelsState {
    fn find(&self, to: &Address) -> Option<&ActorRef<ChannelMessage>> {
        let child = self.children.iter().find(|it| it.registration.name == to.channel)?;
        child.actor.as_ref().filter(|_| to.account == ACCOUNT)
    }

    async fn respawn(
        &mut self,
        myself: &ActorRef<ChannelsMessage>,
        index: usize,
    ) -> Result<(), ActorProcessingErr> {
        let host = Arc::clone(&self.host);
        let Some(child) = self.children.get_mut(index).filter(|it| it.actor.is_none()) else {
            return Ok(());
        };
        let account = Account { name: ACCOUNT.into(), run_dir: host.layout.run() };
        let args = ChannelArgs { host, registration: child.registration, account };
        let (actor, _) = Actor::spawn_linked(None, ChannelActor, args, myself.get_cell()).await?;
        child.actor = Some(actor);
        Ok(())
    }
}
