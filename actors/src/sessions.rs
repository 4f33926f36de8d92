//! Supervises every [`SessionActor`]: starts on demand, restarts on failure, parks one that flaps.
//!
//! Messages  [`SessionsMessage`].
//! Strategy  one-for-one, dynamic. A child that fails is started again after a back-off; one that
//!           spends its [`RestartBudget`], or whose files need somebody to act, is parked for a
//!           while and reported. Its siblings do not notice.
//!
//! Invariants
//! - At most one incarnation of a session lives at a time.
//! - A child that ends while its session has something to do is started again: hints that it has not seen
//!   are lost with it, and what they are about is in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::SessionId;
use domain::plain::chain;
use domain::restart::RestartBudget;
use domain::time::Timestamp;
use engine::container::{list_work, remove_container};
use engine::host::{Policy, Wake};
use engine::{retention, stops};
use futures_util::future::join_all;
use ractor::{ActorId, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{CentralStore, SessionRow};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{error, info, warn};

use crate::actor::{Behavior, Done, End, spawn_below};
use crate::peers::LiveHost;
use crate::session::{SessionActor, SessionArgs, SessionError, SessionMessage};

#[derive(Debug)]
pub enum SessionsMessage {
    /// For this session, which gets an actor if it has none.
    To(SessionRow, Box<SessionMessage>),
    Sweep,
    /// The back-off of a failed child is over.
    Respawn(SessionId),
    /// Every session that has a child, or is parked.
    List(RpcReplyPort<Vec<Listed>>),
}

#[derive(Clone, Debug)]
pub struct Listed {
    pub row: SessionRow,
    /// `None` while it is parked or about to be restarted.
    pub actor: Option<ActorRef<SessionMessage>>,
    /// Why it is out of service.
    pub parked: Option<String>,
}

#[derive(Debug)]
pub struct SessionSupervisor {
    host: Arc<LiveHost>,
    myself: ActorRef<SessionsMessage>,
    children: BTreeMap<SessionId, Child>,
    sweep: JoinSet<()>,
    told: JoinSet<()>,
}

#[derive(Debug)]
struct Child {
    row: SessionRow,
    phase: Phase,
    budget: RestartBudget,
    /// The container of a parked session is being ended; nobody starts another meanwhile.
    removal: Option<AbortHandle>,
}

#[derive(Debug)]
enum Phase {
    Live(ActorRef<SessionMessage>),
    Restarting { after: Duration },
    Parked { until: Timestamp, why: String },
}

impl Behavior for SessionSupervisor {
    type Msg = SessionsMessage;
    type Args = Arc<LiveHost>;

    async fn start(host: Arc<LiveHost>, myself: ActorRef<SessionsMessage>) -> Done<Self> {
        let (children, sweep, told) = (BTreeMap::new(), JoinSet::new(), JoinSet::new());
        Ok(Self { host, myself, children, sweep, told })
    }

    async fn handle(&mut self, message: SessionsMessage) -> Done {
        match message {
            SessionsMessage::To(row, message) => self.hand_over(row, *message).await?,
            SessionsMessage::Sweep => self.sweep(),
            SessionsMessage::Respawn(id) => self.respawn(id).await?,
            SessionsMessage::List(reply) => {
                let _ = reply.send(self.children.values().map(Child::listed).collect());
            }
        }
        Ok(())
    }

    async fn child_ended(&mut self, actor: ActorId, end: End) -> Done {
        let (policy, now) = (self.host.policy, self.host.clock.now());
        let is_ended = |it: &ActorRef<SessionMessage>| it.get_id() == actor;
        let found = self.children.values_mut().find(|it| it.actor().is_some_and(is_ended));
        let Some(child) = found else { return Ok(()) };
        let id = child.row.id;
        let Err(err) = end else {
            self.children.remove(&id);
            self.start_if_awake(id);
            return Ok(());
        };
        warn!(session = %id, why = chain(&*err), "a session failed");
        match child.failed(err, &policy, now) {
            Phase::Parked { until, why } => {
                self.host.wake(Wake::DueAt(*until));
                let why = why.clone();
                self.tell_parked(id, why);
                self.end_container(id);
            }
            Phase::Restarting { after } => {
                self.myself.send_after(*after, move || SessionsMessage::Respawn(id));
            }
            Phase::Live(_) => {}
        }
        Ok(())
    }
}

impl SessionSupervisor {
    /// Tells the chats of a parked session, in a task: no message of another session waits for it.
    fn tell_parked(&mut self, id: SessionId, why: String) {
        while self.told.try_join_next().is_some() {}
        let host = Arc::clone(&self.host);
        self.told.spawn(async move {
            let now = host.clock.now();
            let tell = move |central: &mut CentralStore| central.rows(id).tell_parked(&why, now);
            if let Err(err) = host.central.write("a notice", tell).await {
                warn!(why = chain(&err), "told by the next message");
            }
        });
    }

    /// Starts a session again that has something to do, unless the tree stops its children.
    fn start_if_awake(&mut self, id: SessionId) {
        while self.told.try_join_next().is_some() {}
        let (host, myself) = (Arc::clone(&self.host), self.myself.clone());
        if host.peers.is_stopping() {
            return;
        }
        self.told.spawn(async move {
            match host.central.read(move |central| central.awake_session(id)).await {
                Ok(Some(row)) => {
                    let _ = myself.cast(SessionsMessage::To(row, Box::new(SessionMessage::Sweep)));
                }
                Ok(None) => {}
                Err(err) => warn!(session = %id, why = chain(&err), "left for the next sweep"),
            }
        });
    }

    /// Ends the container of a parked session, in a task: nobody watches it, and others wait for its slot.
    /// It is looked for with every sweep.
    fn end_container(&mut self, id: SessionId) {
        let Some(child) = self.children.get_mut(&id).filter(|it| !it.is_removing()) else { return };
        let host = Arc::clone(&self.host);
        child.removal = Some(self.told.spawn(async move { remove_container(&host, id).await }));
    }

    /// Gives a message to the session's child, which is started if needed. The chats of a parked session
    /// are told the reason.
    async fn hand_over(&mut self, row: SessionRow, message: SessionMessage) -> Done {
        let id = row.id;
        let child = self.children.entry(id).or_insert_with(|| Child::new(row));
        child.unpark(self.host.clock.now(), self.host.policy.session.park_for);
        if matches!(child.phase, Phase::Restarting { after } if after.is_zero()) {
            self.respawn(id).await?;
        }
        let Some(child) = self.children.get(&id) else { return Ok(()) };
        // One that is being restarted looks when it starts.
        if let Some(actor) = child.actor() {
            // Fails only when it just died; its successor looks anyway.
            let _ = actor.cast(message);
        } else if let Some(why) = child.parked().map(str::to_owned) {
            self.tell_parked(id, why);
            if matches!(message, SessionMessage::Sweep) {
                self.end_container(id);
            }
        }
        Ok(())
    }

    async fn respawn(&mut self, id: SessionId) -> Done {
        let Some(child) = self.children.get_mut(&id) else { return Ok(()) };
        if !matches!(child.phase, Phase::Restarting { .. }) {
            return Ok(());
        }
        let args = SessionArgs { row: child.row.clone(), host: Arc::clone(&self.host) };
        let actor = spawn_below::<SessionActor>(args, self.myself.get_cell()).await?;
        child.phase = Phase::Live(actor);
        Ok(())
    }

    /// Live children look again; sessions that may have work but no child get one; containers that
    /// belong to nobody are removed. Costs what is awake, not what exists.
    fn sweep(&mut self) {
        for actor in self.children.values().filter_map(Child::actor) {
            let _ = actor.cast(SessionMessage::Sweep);
        }
        while self.sweep.try_join_next().is_some() {}
        if !self.sweep.is_empty() {
            return; // The last one still waits for the engine.
        }
        let (host, myself) = (Arc::clone(&self.host), self.myself.clone());
        let live: Vec<SessionId> =
            self.children.values().filter(|it| it.is_live()).map(|it| it.row.id).collect();
        self.sweep.spawn(async move {
            match stops::reread(&host).await {
                Ok(false) => {}
                Ok(true) => drop(myself.cast(SessionsMessage::Sweep)),
                Err(err) => warn!(why = chain(&err), "left for the next sweep"),
            }
            let (rows, orphans) = list_work(&host, &live).await;
            for row in rows {
                let _ = myself.cast(SessionsMessage::To(row, Box::new(SessionMessage::Sweep)));
            }
            for session in &orphans {
                info!(%session, "removing a container that belongs to no session");
            }
            join_all(orphans.into_iter().map(|it| remove_container(&host, it))).await;
            if let Some(row) = retention::sweep(&host).await {
                let _ = myself.cast(SessionsMessage::To(row, Box::new(SessionMessage::Prune)));
            }
        });
    }
}

impl Child {
    fn new(row: SessionRow) -> Self {
        let phase = Phase::Restarting { after: Duration::ZERO };
        let budget = RestartBudget::default();
        Self { row, phase, budget, removal: None }
    }

    fn actor(&self) -> Option<&ActorRef<SessionMessage>> {
        match &self.phase {
            Phase::Live(actor) => Some(actor),
            Phase::Restarting { .. } | Phase::Parked { .. } => None,
        }
    }

    fn is_live(&self) -> bool {
        self.actor().is_some()
    }

    /// Decides what follows from a failure.
    fn failed(&mut self, err: ActorProcessingErr, policy: &Policy, now: Timestamp) -> &Phase {
        let needs_somebody =
            err.downcast_ref::<SessionError>().is_some_and(SessionError::is_permanent);
        self.phase = match self.budget.record(policy.restarts_max, now) {
            Some(after) if !needs_somebody => Phase::Restarting { after },
            Some(_) | None => {
                let why = format!("this conversation is out of service: {}", chain(&*err));
                error!(session = %self.row.id, why, "parked");
                Phase::Parked { until: now + policy.session.park_for, why }
            }
        };
        &self.phase
    }

    /// Gives a parked session another chance once its time is over.
    fn unpark(&mut self, now: Timestamp, park_for: Duration) {
        if let Phase::Parked { until, .. } = &self.phase
            && until.is_due(now, park_for)
            && !self.is_removing()
        {
            self.budget = RestartBudget::default();
            self.phase = Phase::Restarting { after: Duration::ZERO };
        }
    }

    fn is_removing(&self) -> bool {
        self.removal.as_ref().is_some_and(|it| !it.is_finished())
    }

    /// Why it is out of service.
    fn parked(&self) -> Option<&str> {
        match &self.phase {
            Phase::Parked { why, .. } => Some(why),
            Phase::Live(_) | Phase::Restarting { .. } => None,
        }
    }

    fn listed(&self) -> Listed {
        let parked = self.parked().map(str::to_owned);
        Listed { row: self.row.clone(), actor: self.actor().cloned(), parked }
    }
}
