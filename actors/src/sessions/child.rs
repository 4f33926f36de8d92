//! What the supervisor knows of one session.

use std::time::Duration;

use domain::plain::chain;
use domain::restart::RestartBudget;
use domain::time::Timestamp;
use engine::host::Policy;
use ractor::{ActorId, ActorProcessingErr, ActorRef};
use store::SessionRow;
use tokio::task::AbortHandle;
use tracing::error;

use super::Listed;
use crate::session::{SessionError, SessionMessage};

#[derive(Debug)]
pub(super) struct Child {
    pub(super) row: SessionRow,
    phase: Phase,
    budget: RestartBudget,
    /// The container of a parked session is being ended; nobody starts another meanwhile.
    pub(super) removal: Option<AbortHandle>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Live(ActorRef<SessionMessage>),
    Restarting { after: Duration },
    Parked { until: Timestamp, why: String },
}

impl Child {
    pub(super) fn new(row: SessionRow) -> Self {
        let phase = Phase::Restarting { after: Duration::ZERO };
        let budget = RestartBudget::default();
        Self { row, phase, budget, removal: None }
    }

    pub(super) fn is(&self, id: ActorId) -> bool {
        match &self.phase {
            Phase::Live(actor) => actor.get_id() == id,
            Phase::Restarting { .. } | Phase::Parked { .. } => false,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    /// Nobody lives, and nobody waits for a back-off.
    pub(super) fn wants_start(&self) -> bool {
        matches!(self.phase, Phase::Restarting { after } if after.is_zero())
    }

    pub(super) fn may_start(&self) -> bool {
        matches!(self.phase, Phase::Restarting { .. })
    }

    pub(super) fn started(&mut self, actor: ActorRef<SessionMessage>) {
        self.phase = Phase::Live(actor);
    }

    /// What a child that is being restarted would look for is in the database, and it looks when it starts.
    /// Returns why nobody will look for a while, if the session is parked.
    pub(super) fn hand_over(&self, message: SessionMessage) -> Option<String> {
        match &self.phase {
            Phase::Live(actor) => {
                // Fails only when it just died; its successor looks anyway.
                let _ = actor.cast(message);
                None
            }
            Phase::Parked { why, .. } => Some(why.clone()),
            Phase::Restarting { .. } => None,
        }
    }

    /// Decides what follows from a failure.
    pub(super) fn failed(
        &mut self,
        err: ActorProcessingErr,
        policy: &Policy,
        now: Timestamp,
    ) -> &Phase {
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
    pub(super) fn unpark(&mut self, now: Timestamp, park_for: Duration) {
        if let Phase::Parked { until, .. } = &self.phase
            && until.is_due(now, park_for)
            && !self.is_removing()
        {
            self.budget = RestartBudget::default();
            self.phase = Phase::Restarting { after: Duration::ZERO };
        }
    }

    pub(super) fn is_removing(&self) -> bool {
        self.removal.as_ref().is_some_and(|it| !it.is_finished())
    }

    pub(super) fn listed(&self) -> Listed {
        let (actor, parked) = match &self.phase {
            Phase::Live(actor) => (Some(actor.clone()), None),
            Phase::Parked { why, .. } => (None, Some(why.clone())),
            Phase::Restarting { .. } => (None, None),
        };
        Listed { row: self.row.clone(), actor, parked }
    }
}
