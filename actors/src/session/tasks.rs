//! Slots of tasks: taken in like messages, and reported to the central database when they have ended.

use domain::message::Outcome;
use store::{CentralStore, SessionStore, StoreError, TaskEnd, TaskMessage};
use tracing::info;

use super::SessionError;
use super::state::SessionState;
use crate::reception::ReceptionMessage;
use crate::sweep::SweepMessage;

/// Why a slot that somebody stopped has no result.
const SET_ASIDE: &str = "it was stopped";

impl SessionState {
    pub(super) async fn store_task(&mut self, task: TaskMessage) -> Result<(), SessionError> {
        let now = self.now();
        let insert = move |it: &mut SessionStore| it.inbound.insert_task(&task, now);
        self.store.write("a task's message", insert).await?;
        Ok(())
    }

    /// Writes down how slots ended where their tasks are; then it is done here. Doing it again keeps
    /// the first word.
    pub(super) async fn report_tasks(&mut self) -> Result<(), SessionError> {
        let ends = self.store.read(|it| it.inbound.task_ends()).await?;
        let now = self.now();
        let told = ends.clone();
        let end = move |it: &mut CentralStore| -> Result<(), StoreError> {
            told.iter().try_for_each(|end| conclude(it, end, now))
        };
        self.host().central.write("the ends of tasks", end).await?;
        for it in &ends {
            info!(fire = %it.key, outcome = it.outcome.as_str(), "a task's slot has ended");
        }
        self.store.write("reported ends", move |it| it.inbound.reported(&ends)).await?;
        let peers = &self.host().peers;
        // What follows from a failure may be told, and a slot may have waited for this one.
        peers.reception.cast(ReceptionMessage::Look);
        peers.sweep.cast(SweepMessage::Tasks);
        Ok(())
    }
}

fn conclude(
    central: &mut CentralStore,
    end: &TaskEnd,
    now: domain::time::Timestamp,
) -> Result<(), StoreError> {
    match end.outcome {
        Outcome::Declined => central.excuse_fire(end.key, SET_ASIDE, now),
        Outcome::Answered | Outcome::Silent | Outcome::Failed => {
            let ok = end.outcome != Outcome::Failed;
            central.record_result(end.key, ok, &end.result, end.cost, now)
        }
    }
    .map(drop)
}
