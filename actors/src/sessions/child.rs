//! What the supervisor knows of one session.

use std::time::Duration;

use domain::plain::chain;
use domain::restart::RestartBudget;
use domain::time::Timestamp;
use ractor::{ActorId, ActorProcessingErr, ActorRef};
use store::SessionRow;
use tokio::task::AbortHandle;
use tracing::error;

use super::Listed;
use crate::host::Policy;
use crate::session::{SessionError, SessionMessage};

/// Hints that wait for a child that is being restarted.
const QUEUE_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Child {
    pub(super) row: SessionRow,
    phase: Phase,
    budget: RestartBudget,
    /// Messages handed to the live actor; it may only rest when it has seen them all.
    handed: u64,
    queue: Vec<SessionMessage>,
    /// The container of a parked session is being ended; nobody starts another meanwhile.
    pub(super) removal: Option<AbortHandle>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Live(ActorRef<SessionMessage>),
    /// Told to stop, not gone yet.
    Ending(ActorRef<SessionMessage>),
    Restarting {
        after: Duration,
    },
    Parked {
        until: Timestamp,
        why: String,
    },
}

impl Child {
    pub(super) fn new(row: SessionRow) -> Self {
        let phase = Phase::Restarting { after: Duration::ZERO };
        let budget = RestartBudget::default();
        Self { row, phase, budget, handed: 0, queue: Vec::new(), removal: None }
    }

    pub(super) fn is(&self, id: ActorId) -> bool {
        match &self.phase {
            Phase::Live(actor) | Phase::Ending(actor) => actor.get_id() == id,
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
        self.handed = 0;
        for message in std::mem::take(&mut self.queue) {
            let _ = self.hand_over(message);
        }
    }

    /// Hints coalesce: while no actor lives, one that was not delivered is as good as many. Returns why
    /// nobody will look for a while, if the session is parked.
    pub(super) fn hand_over(&mut self, message: SessionMessage) -> Option<String> {
        match &self.phase {
            Phase::Live(actor) => {
                self.handed += 1;
                // Fails only when it just died; its successor looks anyway.
                let _ = actor.cast(message);
            }
            Phase::Parked { why, .. } => return Some(why.clone()),
            Phase::Ending(_) | Phase::Restarting { .. } if self.queue.len() < QUEUE_MAX => {
                self.queue.push(message);
            }
            // What it would look for is in the database.
            Phase::Ending(_) | Phase::Restarting { .. } => {}
        }
        None
    }

    /// Stops the child unless something was handed to it that it has not seen.
    pub(super) fn let_rest(&mut self, seen: u64) {
        if let Phase::Live(actor) = &self.phase
            && seen == self.handed
        {
            actor.stop(None);
            self.phase = Phase::Ending(actor.clone());
        }
    }

    /// It ended in peace: whether it starts again, because somebody asked for it.
    pub(super) fn ended(&mut self) -> bool {
        self.phase = Phase::Restarting { after: Duration::ZERO };
        !self.queue.is_empty()
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
                self.queue.clear();
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
            Phase::Ending(_) | Phase::Restarting { .. } => (None, None),
        };
        Listed { row: self.row.clone(), actor, parked }
    }
}
