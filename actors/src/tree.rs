//! The root of the supervision tree; `ARCHITECTURE.md` has a picture of it.
//!
//! One-for-one, because no child holds a reference to another: they meet through
//! [`crate::actor::ActorHandle`]s, and everything worth keeping is on disk. When the budget is spent the
//! root fails, and with it the process, for the service manager to start it again.

use std::sync::Arc;
use std::time::Duration;

use domain::restart::RestartBudget;
use domain::words;
use engine::host::Wake;
use engine::protocol::ActorStatus;
use ractor::{ActorCell, ActorId, ActorRef, RpcReplyPort, SpawnErr};
use strum::{EnumString, IntoStaticStr, VariantArray};
use tracing::{error, info};

use crate::actor::{ActorHandle, Behavior, Done, End, Of, spawn_below};
use crate::admin::AdminActor;
use crate::channels::ChannelSupervisor;
use crate::peers::LiveHost;
use crate::router::RouterActor;
use crate::sessions::SessionSupervisor;
use crate::sweep::SweepActor;

/// How long a child may take to finish what it is doing before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

pub type RootSupervisor = Of<RootState>;

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
    myself: ActorRef<RootMessage>,
    budget: RestartBudget,
    children: Vec<Child>,
}

#[derive(Debug)]
struct Child {
    role: Role,
    cell: Option<ActorCell>,
    restarts: u64,
}

impl Behavior for RootState {
    type Msg = RootMessage;
    type Args = RootArgs;

    async fn start(args: RootArgs, myself: ActorRef<RootMessage>) -> Done<Self> {
        args.host.peers.root.fill(myself.clone());
        let mut children = Vec::new();
        for role in Role::ALL {
            if role != Role::Admin || args.admin {
                let cell = Some(start(role, &args, &myself).await?);
                children.push(Child { role, cell, restarts: 0 });
            }
        }
        Ok(Self { args, myself, budget: RestartBudget::default(), children })
    }

    async fn handle(&mut self, message: RootMessage) -> Done {
        match message {
            RootMessage::Respawn(role) => {
                let found = self.children.iter_mut().find(|it| it.role == role);
                if let Some(child) = found.filter(|it| it.cell.is_none()) {
                    child.cell = Some(start(role, &self.args, &self.myself).await?);
                    child.restarts += 1;
                    // What the dead one was about to do is found by looking.
                    self.args.host.wake(Wake::Everything);
                }
            }
            RootMessage::Actors(reply) => {
                let status = self.children.iter().map(|child| ActorStatus {
                    name: child.role.as_str().into(),
                    running: child.cell.is_some(),
                    restarts: child.restarts,
                });
                let _ = reply.send(status.collect());
            }
            RootMessage::Shutdown(reply) => {
                info!("shutting down");
                self.args.host.peers.stop();
                self.end_children().await;
                if let Some(reply) = reply {
                    let _ = reply.send(());
                }
                self.myself.stop(Some("shutdown".into()));
            }
        }
        Ok(())
    }

    async fn child_ended(&mut self, ended: ActorId, end: End) -> Done {
        let is_it = |it: &&mut Child| it.cell.as_ref().is_some_and(|it| it.get_id() == ended);
        let Some(child) = self.children.iter_mut().find(is_it) else {
            return Ok(()); // An earlier incarnation, or one that `end_children` ended.
        };
        child.cell = None;
        let (role, why) = (child.role, end.unwrap_or_else(|err| Some(err.to_string())));
        error!(child = role.as_str(), why, "a child of the root is gone");
        let host = &self.args.host;
        match self.budget.record(host.policy.restarts_max, host.clock.now()) {
            Some(after) => {
                self.myself.send_after(after, move || RootMessage::Respawn(role));
                Ok(())
            }
            None => Err("the tree failed too often".into()),
        }
    }
}

impl RootState {
    /// Explicit, because `stop` on a parent kills its children without their `post_stop`.
    async fn end_children(&mut self) {
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
        Role::Sessions => start_known::<SessionSupervisor>(host, root, &peers.sessions).await,
        Role::Router => start_known::<RouterActor>(host, root, &peers.router).await,
        Role::Channels => start_known::<ChannelSupervisor>(host, root, &peers.channels).await,
        Role::Sweep => start_known::<SweepActor>(host, root, &peers.sweep).await,
        Role::Admin => start_known::<AdminActor>(host, root, &ActorHandle::default()).await,
    }
}

/// Starts an actor that its siblings find by this handle.
async fn start_known<A: Behavior<Args = Arc<LiveHost>>>(
    host: &Arc<LiveHost>,
    root: &ActorRef<RootMessage>,
    handle: &ActorHandle<A::Msg>,
) -> Result<ActorCell, SpawnErr> {
    let actor = spawn_below::<A>(Arc::clone(host), root.get_cell()).await?;
    handle.fill(actor.clone());
    Ok(actor.get_cell())
}
