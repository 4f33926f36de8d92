//! Every period, and at the earliest instant that somebody asked for, has everything looked at
//! that may have something to do. Decides nothing.
//!
//! Tasks have a timer of their own, set to the next slot of all: a slot that comes costs what it costs,
//! and no look at everything else. They are looked at beside the mailbox, once at a time.
//!
//! Messages  [`SweepMessage`]. Losing one costs at most a period.
//! Parent    [`crate::tree::RootSupervisor`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use store::Handover;
use tokio::task::{AbortHandle, JoinSet};

use crate::actor_handle::Timer;
use crate::approvals::ApprovalMessage;
use crate::channels::ChannelsMessage;
use crate::host::Host;
use crate::sessions::SessionsMessage;
use crate::tasks::handover::Lane;
use crate::tasks::{self, Looked};

/// A slot is never late for a timer that is early by a fraction of a millisecond.
const SLOT_WAIT_MIN: Duration = Duration::from_millis(1);
/// Lanes of slots at the same time; a bound on what wedged sessions can hold.
const LANES_MAX: usize = 64;
/// Wait before slots that did not arrive are brought again.
const HAND_OVER_AGAIN: Duration = Duration::from_secs(5);
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
    /// From itself: the look at the tasks is over.
    TasksLooked(Looked),
    /// From itself: handovers of a lane have ended; whether all slots arrived.
    HandedOver(Lane, bool),
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
    /// Slots on their way to sessions, by lane.
    handing: JoinSet<()>,
    lanes: BTreeMap<Lane, AbortHandle>,
    /// A lane was busy when something came for it.
    left_over: bool,
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
        Ok(SweepState {
            host,
            due: None,
            next_slot: None,
            looking: JoinSet::new(),
            again: false,
            handing: JoinSet::new(),
            lanes: BTreeMap::new(),
            left_over: false,
        })
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
                state.look(&myself);
                // Re-armed after the work, so ticks never pile up behind a slow sweep.
                myself.send_after(state.host.policy.sweep_period, || SweepMessage::Tick);
            }
            SweepMessage::Now => {
                state.due.take_if(|it| it.0 <= now);
                state.look(&myself);
            }
            SweepMessage::Tasks => state.look_at_tasks(&myself),
            SweepMessage::TasksLooked(looked) => state.tasks_looked(&myself, looked).await,
            SweepMessage::HandedOver(lane, ok) => state.handed_over(&myself, &lane, ok),
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
    fn look(&mut self, myself: &ActorRef<SweepMessage>) {
        self.host.peers.sessions.cast(SessionsMessage::Sweep);
        self.host.peers.approvals.cast(ApprovalMessage::Look);
        self.host.peers.channels.cast(ChannelsMessage::Parts);
        self.look_at_tasks(myself);
    }

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
            let looked = tasks::look(&host).await;
            let _ = myself.cast(SweepMessage::TasksLooked(looked));
        });
    }

    async fn tasks_looked(&mut self, myself: &ActorRef<SweepMessage>, looked: Looked) {
        while self.looking.join_next().await.is_some() {}
        self.hand_over(myself, looked.waiting);
        self.next_slot = looked.next.map(|at| {
            let wait = at.since(self.host.clock.now()).clamp(SLOT_WAIT_MIN, SLOT_WAIT_MAX);
            Timer(myself.send_after(wait, || SweepMessage::Tasks))
        });
        if self.again {
            self.look_at_tasks(myself);
        }
    }

    /// Starts what can start; the rest is found by a later look.
    fn hand_over(&mut self, myself: &ActorRef<SweepMessage>, waiting: Vec<Handover>) {
        while self.handing.try_join_next().is_some() {}
        // One that panicked does not say that it ended.
        self.lanes.retain(|_, task| !task.is_finished());
        let mut by_lane: BTreeMap<Lane, Vec<Handover>> = BTreeMap::new();
        for slot in waiting {
            by_lane.entry(Lane::of(&slot)).or_default().push(slot);
        }
        for (lane, slots) in by_lane {
            if self.lanes.contains_key(&lane) || LANES_MAX <= self.lanes.len() {
                self.left_over = true;
                continue;
            }
            let (host, myself, ended) = (Arc::clone(&self.host), myself.clone(), lane.clone());
            let task = self.handing.spawn(async move {
                let ok = tasks::hand_over(&host, slots).await;
                let _ = myself.cast(SweepMessage::HandedOver(ended, ok));
            });
            self.lanes.insert(lane, task);
        }
    }

    fn handed_over(&mut self, myself: &ActorRef<SweepMessage>, lane: &Lane, ok: bool) {
        self.lanes.remove(lane);
        if !ok {
            myself.send_after(HAND_OVER_AGAIN, || SweepMessage::Tasks);
        }
        if std::mem::take(&mut self.left_over) {
            self.look_at_tasks(myself);
        }
    }
}
