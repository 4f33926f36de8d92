//! Supervises every [`SessionActor`]: starts on demand, restarts on failure, parks one that flaps.
//!
//! Messages  [`SessionsMessage`].
//! Strategy  one-for-one, dynamic. A child that fails is started again after a back-off; one that
//!           spends its [`RestartBudget`], or whose files need somebody to act, is parked for a
//!           while and reported. Its siblings do not notice.
//! Children  unnamed, because ractor names are process-global and tests run in one process.
//!
//! Invariants
//! - At most one incarnation of a session lives at a time.
//! - A child that ends while its session has something to do is started again: hints that it has not seen
//!   are lost with it, and what they are about is in the database.

pub(crate) mod child;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::SessionId;
use domain::plain::chain;
use engine::container::{list_work, remove_container};
use engine::host::Wake;
use engine::{retention, stops};
use futures_util::future::join_all;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use store::{CentralStore, SessionRow};
use tokio::task::JoinSet;
use tracing::{info, warn};

use self::child::{Child, Phase};
use crate::peers::LiveHost;
use crate::session::{SessionActor, SessionArgs, SessionMessage};

#[derive(Debug)]
pub struct SessionSupervisor;

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
pub struct SessionsState {
    host: Arc<LiveHost>,
    children: BTreeMap<SessionId, Child>,
    sweep: JoinSet<()>,
    told: JoinSet<()>,
}

impl Actor for SessionSupervisor {
    type Msg = SessionsMessage;
    type State = SessionsState;
    type Arguments = Arc<LiveHost>;

    async fn pre_start(
        &self,
        _myself: ActorRef<SessionsMessage>,
        host: Arc<LiveHost>,
    ) -> Result<SessionsState, ActorProcessingErr> {
        let (sweep, told) = (JoinSet::new(), JoinSet::new());
        Ok(SessionsState { host, children: BTreeMap::new(), sweep, told })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionsMessage>,
        message: SessionsMessage,
        state: &mut SessionsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionsMessage::To(row, message) => state.hand_over(&myself, row, *message).await?,
            SessionsMessage::Sweep => state.sweep(&myself),
            SessionsMessage::Respawn(id) => state.respawn(&myself, id).await?,
            SessionsMessage::List(reply) => {
                let _ = reply.send(state.children.values().map(Child::listed).collect());
            }
        }
        Ok(())
    }

    /// Overridden because the default stops the supervisor when any child exits.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SessionsMessage>,
        event: SupervisionEvent,
        state: &mut SessionsState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, err) => {
                let (policy, now) = (state.host.policy, state.host.clock.now());
                let found = state.children.values_mut().find(|it| it.is(cell.get_id()));
                let Some(child) = found else { return Ok(()) };
                let id = child.row.id;
                warn!(session = %id, why = chain(&*err), "a session failed");
                match child.failed(err, &policy, now) {
                    Phase::Parked { until, why } => {
                        state.host.wake(Wake::DueAt(*until));
                        let why = why.clone();
                        state.tell_parked(id, why);
                        state.end_container(id);
                    }
                    Phase::Restarting { after } => {
                        myself.send_after(*after, move || SessionsMessage::Respawn(id));
                    }
                    Phase::Live(_) => {}
                }
            }
            SupervisionEvent::ActorTerminated(cell, ..) => {
                let found = state.children.values().find(|it| it.is(cell.get_id()));
                let Some(id) = found.map(|it| it.row.id) else { return Ok(()) };
                state.children.remove(&id);
                state.start_if_awake(&myself, id);
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => (),
        }
        Ok(())
    }
}

impl SessionsState {
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
    fn start_if_awake(&mut self, myself: &ActorRef<SessionsMessage>, id: SessionId) {
        while self.told.try_join_next().is_some() {}
        let (host, myself) = (Arc::clone(&self.host), myself.clone());
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
    async fn hand_over(
        &mut self,
        myself: &ActorRef<SessionsMessage>,
        row: SessionRow,
        message: SessionMessage,
    ) -> Result<(), ActorProcessingErr> {
        let id = row.id;
        let child = self.children.entry(id).or_insert_with(|| Child::new(row));
        child.unpark(self.host.clock.now(), self.host.policy.session.park_for);
        if child.wants_start() {
            self.respawn(myself, id).await?;
        }
        let is_sweep = matches!(message, SessionMessage::Sweep);
        let child = self.children.get(&id);
        if let Some(why) = child.and_then(|it| it.hand_over(message)) {
            self.tell_parked(id, why);
            if is_sweep {
                self.end_container(id);
            }
        }
        Ok(())
    }

    async fn respawn(
        &mut self,
        myself: &ActorRef<SessionsMessage>,
        id: SessionId,
    ) -> Result<(), ActorProcessingErr> {
        let Some(child) = self.children.get_mut(&id).filter(|it| it.may_start()) else {
            return Ok(());
        };
        let (row, host) = (child.row.clone(), Arc::clone(&self.host));
        let args = SessionArgs { row, host };
        let (actor, _) = Actor::spawn_linked(None, SessionActor, args, myself.get_cell()).await?;
        child.started(actor);
        Ok(())
    }

    /// Live children look again; sessions that may have work but no child get one; containers that
    /// belong to nobody are removed. Costs what is awake, not what exists.
    fn sweep(&mut self, myself: &ActorRef<SessionsMessage>) {
        for child in self.children.values() {
            if child.is_live() {
                let _ = child.hand_over(SessionMessage::Sweep);
            }
        }
        while self.sweep.try_join_next().is_some() {}
        if !self.sweep.is_empty() {
            return; // The last one still waits for the engine.
        }
        let (host, myself) = (Arc::clone(&self.host), myself.clone());
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
