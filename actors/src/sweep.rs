//! Every period, and at the earliest instant that somebody asked for, has everything looked at
//! that may have something to do. Decides nothing.
//!
//! Tasks, open questions and dead letters are looked at beside the mailbox, each once at a time.
//!
//! Messages  [`SweepMessage`]. Losing one costs at most a period.
//! Parent    [`crate::tree::RootSupervisor`].
//! Fails     when one of these looks panicked, or the database is unusable.

use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use engine::host::Wake;
use engine::{approvals, tasks};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use store::StoreError;
use tokio::task::JoinSet;

use crate::actor_handle::Timer;
use crate::peers::LiveHost;

#[derive(Debug)]
pub struct SweepActor;

#[derive(Debug)]
pub enum SweepMessage {
    /// The period is over.
    Tick,
    /// Look now; nothing is due for certain.
    Now,
    /// Something will be due at this instant.
    DueAt(Timestamp),
}

#[derive(Debug)]
pub struct SweepState {
    host: Arc<LiveHost>,
    /// The earliest instant that was asked for, and its timer.
    due: Option<(Timestamp, Timer<SweepMessage>)>,
    looking: JoinSet<StoreError>,
}

impl Actor for SweepActor {
    type Msg = SweepMessage;
    type State = SweepState;
    type Arguments = Arc<LiveHost>;

    async fn pre_start(
        &self,
        myself: ActorRef<SweepMessage>,
        host: Arc<LiveHost>,
    ) -> Result<SweepState, ActorProcessingErr> {
        myself.cast(SweepMessage::Tick)?;
        let mut looking = JoinSet::new();
        looking.spawn(tasks::keep_looking(Arc::clone(&host.host)));
        looking.spawn(approvals::keep_looking(Arc::clone(&host.host)));
        Ok(SweepState { host, due: None, looking })
    }

    async fn handle(
        &self,
        myself: ActorRef<SweepMessage>,
        message: SweepMessage,
        state: &mut SweepState,
    ) -> Result<(), ActorProcessingErr> {
        let now = state.host.clock.now();
        match message {
            SweepMessage::Tick => {
                if let Some(ended) = state.looking.try_join_next() {
                    return Err(ended?.into());
                }
                state.look();
                // Re-armed after the work, so ticks never pile up behind a slow sweep.
                myself.send_after(state.host.policy.sweep_period, || SweepMessage::Tick);
            }
            SweepMessage::Now => {
                state.due.take_if(|it| it.0 <= now);
                state.look();
            }
            SweepMessage::DueAt(at) => {
                if state.due.as_ref().is_none_or(|it| at < it.0 || it.1.is_over()) {
                    let wait = at.since(now).max(Duration::from_millis(1));
                    let timer = myself.send_after(wait, || SweepMessage::Now);
                    state.due = Some((at, Timer(timer)));
                }
            }
        }
        Ok(())
    }
}

impl SweepState {
    /// Makes every actor look that may have something to do.
    fn look(&self) {
        self.host.wake(Wake::Sessions);
        self.host.wake_approvals();
        self.host.wake(Wake::Outbox);
        self.host.wake_tasks();
    }
}
