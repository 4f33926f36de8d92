//! The supervision tree, in start order.
//!
//! ```text
//! RootSupervisor           one-for-one within a budget, then the process exits
//! ├── SessionSupervisor    one-for-one, dynamic; parks what flaps
//! │   └── SessionActor     one per conversation that has something to do
//! ├── RouterActor          whom a message is for
//! ├── ChannelSupervisor    one-for-one; backs off, never gives up
//! │   └── ChannelActor     one per connected account
//! ├── SweepActor           a tick per period, and at the earliest due instant; tasks and approvals
//! └── AdminActor           the unix socket of the command line
//! ```
//!
//! One-for-one, because no child holds a reference to another: they meet through
//! [`crate::actor_handle::ActorHandle`]s, and everything worth keeping is on disk. When the budget is spent the
//! root fails, and with it the process, for the service manager to start it again.

use std::sync::Arc;
use std::time::Duration;

use domain::restart::RestartBudget;
use domain::words;
use engine::host::Wake;
use engine::protocol::ActorStatus;
use ractor::{
    Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr, SupervisionEvent,
};
use strum::{EnumString, IntoStaticStr, VariantArray};
use tracing::{error, info};

use crate::actor_handle::ActorHandle;
use crate::admin::AdminActor;
use crate::channels::ChannelSupervisor;
use crate::peers::LiveHost;
use crate::router::RouterActor;
use crate::sessions::SessionSupervisor;
use crate::sweep::SweepActor;

/// How long a child may take to finish what it is doing before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct RootSupervisor;

#[derive(Debug)]
pub enum RootMessage {
    /// The back-off of a failed child is over.
    Respawn(Role),
    Actors(RpcReplyPort<Vec<ActorStatus>>),
    /// Stops the tree in reverse start order, replies, and stops the root.
    Shutdown(Option<RpcReplyPort<()>>),
}

/// The children of the root, in start order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Role {
    Sessions,
    Router,
    Channels,
    Sweep,
    Admin,
}

words!(Role);

#[derive(Clone, Debug)]
pub struct RootArgs {
    pub host: Arc<LiveHost>,
    /// `false` runs without the command line's socket, as simulations do.
    pub admin: bool,
}

#[derive(Debug)]
pub struct RootState {
    args: RootArgs,
    budget: RestartBudget,
    children: Vec<Child>,
}

#[derive(Debug)]
struct Child {
    role: Role,
    cell: Option<ActorCell>,
    restarts: u64,
}

impl Actor for RootSupervisor {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = RootArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMessage>,
        args: RootArgs,
    ) -> Result<RootState, ActorProcessingErr> {
        args.host.peers.root.fill(myself.clone());
        let mut children = Vec::new();
        for role in Role::ALL {
            if role != Role::Admin || args.admin {
                let cell = Some(start(role, &args, &myself).await?);
                children.push(Child { role, cell, restarts: 0 });
            }
        }
        Ok(RootState { args, budget: RestartBudget::default(), children })
    }

    async fn handle(
        &self,
        myself: ActorRef<RootMessage>,
        message: RootMessage,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMessage::Respawn(role) => {
                let found = state.children.iter_mut().find(|it| it.role == role);
                if let Some(child) = found.filter(|it| it.cell.is_none()) {
                    child.cell = Some(start(role, &state.args, &myself).await?);
                    child.restarts += 1;
                    // What the dead one was about to do is found by looking.
                    state.args.host.wake(Wake::Everything);
                }
            }
            RootMessage::Actors(reply) => {
                let status = state.children.iter().map(|child| ActorStatus {
                    name: child.role.as_str().into(),
                    running: child.cell.is_some(),
                    restarts: child.restarts,
                });
                let _ = reply.send(status.collect());
            }
            RootMessage::Shutdown(reply) => {
                info!("shutting down");
                state.args.host.peers.stop();
                state.stop().await;
                if let Some(reply) = reply {
                    let _ = reply.send(());
                }
                myself.stop(Some("shutdown".into()));
            }
        }
        Ok(())
    }

    /// Overridden because the default stops the root when any child exits.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMessage>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, why) = match event {
            SupervisionEvent::ActorFailed(cell, err) => (cell, Some(err.to_string())),
            SupervisionEvent::ActorTerminated(cell, _, reason) => (cell, reason),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        let is_it =
            |it: &&mut Child| it.cell.as_ref().is_some_and(|it| it.get_id() == cell.get_id());
        let Some(child) = state.children.iter_mut().find(is_it) else {
            return Ok(()); // An earlier incarnation, or one that `stop` ended.
        };
        child.cell = None;
        let role = child.role;
        error!(child = role.as_str(), why, "a child of the root is gone");
        let host = &state.args.host;
        match state.budget.record(host.policy.restarts_max, host.clock.now()) {
            Some(after) => {
                myself.send_after(after, move || RootMessage::Respawn(role));
                Ok(())
            }
            None => Err("the tree failed too often".into()),
        }
    }
}

impl RootState {
    /// Explicit, because `stop` on a parent kills its children without their `post_stop`.
    async fn stop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let Some(cell) = child.cell.take() else { continue };
            cell.stop_children_and_wait(None, Some(STOP_TIMEOUT)).await;
            if cell.stop_and_wait(None, Some(STOP_TIMEOUT)).await.is_err() {
                cell.kill();
            }
        }
    }
}

async fn start(
    role: Role,
    args: &RootArgs,
    root: &ActorRef<RootMessage>,
) -> Result<ActorCell, SpawnErr> {
    let (host, peers) = (&args.host, &args.host.peers);
    match role {
        Role::Sessions => start_known(SessionSupervisor, host, root, &peers.sessions).await,
        Role::Router => start_known(RouterActor, host, root, &peers.router).await,
        Role::Channels => start_known(ChannelSupervisor, host, root, &peers.channels).await,
        Role::Sweep => start_known(SweepActor, host, root, &peers.sweep).await,
        Role::Admin => start_known(AdminActor, host, root, &ActorHandle::default()).await,
    }
}

/// Starts an actor that its siblings find by this handle.
async fn start_known<A: Actor<Arguments = Arc<LiveHost>>>(
    actor: A,
    host: &Arc<LiveHost>,
    root: &ActorRef<RootMessage>,
    handle: &ActorHandle<A::Msg>,
) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, actor, Arc::clone(host), root.get_cell()).await?;
    handle.fill(actor.clone());
    Ok(actor.get_cell())
}
