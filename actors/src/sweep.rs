//! Every period, and at the earliest instant that somebody asked for, has everything looked at
//! that may have something to do. Decides nothing.
//!
//! Tasks have a timer of their own, set to the next slot of all: a slot that comes costs what it costs,
//! and no look at everything else. They are looked at beside the mailbox, once at a time.
//!
//! Messages  [`SweepMessage`]. Losing one costs at most a period.
//! Parent    [`crate::tree::RootSupervisor`].

use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinSet;

use crate::host::Host;
use crate::reception::ReceptionMessage;
use crate::sessions::SessionsMessage;
use crate::slot::Timer;
use crate::tasks;

/// A slot is never late for a timer that is early by a fraction of a millisecond.
const SLOT_WAIT_MIN: Duration = Duration::from_millis(1);
/// Timers are not for years.
const SLOT_WAIT_MAX: Duration = Duration::from_hours(24);

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
    /// A task may be due, or was changed.
    Tasks,
    /// From itself: the look at the tasks is over; the next slot comes then.
    TasksLooked(Option<Timestamp>),
}

#[derive(Debug)]
pub struct SweepState {
    host: Arc<Host>,
    /// The earliest instant that was asked for, and its timer.
    due: Option<(Timestamp, Timer<SweepMessage>)>,
    /// For the next slot of any task.
    next_slot: Option<Timer<SweepMessage>>,
    /// The look at the tasks, and whether something asked for another one meanwhile.
    looking: JoinSet<()>,
    again: bool,
}

impl Actor for SweepActor {
    type Msg = SweepMessage;
    type State = SweepState;
    type Arguments = Arc<Host>;

    async fn pre_start(
        &self,
        myself: ActorRef<SweepMessage>,
        host: Arc<Host>,
    ) -> Result<SweepState, ActorProcessingErr> {
        myself.cast(SweepMessage::Tick)?;
        Ok(SweepState { host, due: None, next_slot: None, looking: JoinSet::new(), again: false })
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
                look(&state.host);
                state.look_at_tasks(&myself);
                // Re-armed after the work, so ticks never pile up behind a slow sweep.
                myself.send_after(state.host.policy.sweep_period, || SweepMessage::Tick);
            }
            SweepMessage::Now => {
                state.due.take_if(|it| it.0 <= now);
                look(&state.host);
                state.look_at_tasks(&myself);
            }
            SweepMessage::Tasks => state.look_at_tasks(&myself),
            SweepMessage::TasksLooked(next) => state.tasks_looked(&myself, next).await,
            SweepMessage::DueAt(at) => {
                if state.due.as_ref().is_none_or(|it| at < it.0 || it.1.is_finished()) {
                    let wait = at.since(now).max(Duration::from_millis(1));
                    let timer = myself.send_after(wait, || SweepMessage::Now);
                    if let Some((_, old)) = state.due.replace((at, timer)) {
                        old.abort();
                    }
                }
            }
        }
        Ok(())
    }
}

impl SweepState {
    fn look_at_tasks(&mut self, myself: &ActorRef<SweepMessage>) {
        // One that panicked says nothing when it ends.
        while self.looking.try_join_next().is_some() {}
        if !self.looking.is_empty() {
            self.again = true;
            return;
        }
        self.again = false;
        let (host, myself) = (Arc::clone(&self.host), myself.clone());
        self.looking.spawn(async move {
            let next = tasks::look(&host).await;
            let _ = myself.cast(SweepMessage::TasksLooked(next));
        });
    }

    async fn tasks_looked(&mut self, myself: &ActorRef<SweepMessage>, next: Option<Timestamp>) {
        while self.looking.join_next().await.is_some() {}
        if let Some(old) = self.next_slot.take() {
            old.abort();
        }
        if let Some(at) = next {
            let wait = at.since(self.host.clock.now()).clamp(SLOT_WAIT_MIN, SLOT_WAIT_MAX);
            self.next_slot = Some(myself.send_after(wait, || SweepMessage::Tasks));
        }
        if self.again {
            self.look_at_tasks(myself);
        }
    }
}

/// Whoever may have something to do looks.
fn look(host: &Host) {
    host.peers.sessions.cast(SessionsMessage::Sweep);
    host.peers.reception.cast(ReceptionMessage::Look);
}
