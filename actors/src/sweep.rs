//! Every period, and at the earliest instant that somebody asked for, has everything looked at
//! that may have something to do. Decides nothing.
//!
//! Tasks, open questions and dead letters are looked at beside the mailbox, each once at a time.
//!
//! Messages  [`SweepMessage`]. Losing one costs at most a period.
//! Parent    [`crate::tree::RootSupervisor`].
//! Fails     when the database is unusable. A look that panics is started again alone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::plain::chain;
use domain::time::Timestamp;
use engine::host::Wake;
use engine::{approvals, tasks};
use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use store::StoreError;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::warn;

use crate::actor_handle::Timer;
use crate::peers::LiveHost;

/// Back-off of a look that panicked.
const SOON: Duration = Duration::from_secs(1);

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
    /// A look ended: nothing helps until somebody acts on the database.
    Ended(StoreError),
}

#[derive(Debug)]
pub struct SweepState {
    host: Arc<LiveHost>,
    /// The earliest instant that was asked for, and its timer.
    due: Option<(Timestamp, Timer<SweepMessage>)>,
    /// Ends with the actor.
    _looking: JoinSet<()>,
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
        let end = |actor: &ActorRef<_>, err| drop(actor.cast(SweepMessage::Ended(err)));
        let (shared, actor) = (Arc::clone(&host.host), myself.clone());
        let tasks = move || tasks::keep_looking(Arc::clone(&shared));
        looking.spawn(async move { end(&actor, lasting(tasks).await) });
        let shared = Arc::clone(&host.host);
        let approvals = move || approvals::keep_looking(Arc::clone(&shared));
        looking.spawn(async move { end(&myself, lasting(approvals).await) });
        Ok(SweepState { host, due: None, _looking: looking })
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
            SweepMessage::Ended(err) => return Err(err.into()),
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

/// Looks on, also after a panic and what passes. Returns what makes the database unusable.
async fn lasting<F: Future<Output = StoreError>>(look: impl Fn() -> F) -> StoreError {
    loop {
        let why = match AssertUnwindSafe(look()).catch_unwind().await {
            Ok(err) if err.is_permanent() => return err,
            Ok(err) => chain(&err),
            Err(_) => "it panicked".to_owned(),
        };
        warn!(why, "a look at tasks or approvals ended and is started again");
        sleep(SOON).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_that_panics_or_fails_in_passing_starts_again_and_lasting_trouble_ends_it() {
        let looks = AtomicUsize::new(0);
        let look = || async {
            match looks.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("a look breaks"),
                1 => StoreError::Lost { op: "a look" },
                2.. => StoreError::Superseded,
            }
        };
        assert!(matches!(lasting(look).await, StoreError::Superseded));
        assert_eq!(looks.load(Ordering::SeqCst), 3);
    }
}
