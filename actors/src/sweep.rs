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
use ractor::ActorRef;
use store::StoreError;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::warn;

use crate::actor::{Behavior, Done, SOON, Timer};
use crate::peers::LiveHost;

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
pub struct SweepActor {
    host: Arc<LiveHost>,
    myself: ActorRef<SweepMessage>,
    /// The earliest instant that was asked for, and its timer.
    due: Option<(Timestamp, Timer<SweepMessage>)>,
    /// Ends with the actor.
    _looking: JoinSet<()>,
}

impl Behavior for SweepActor {
    type Msg = SweepMessage;
    type Args = Arc<LiveHost>;

    async fn start(host: Arc<LiveHost>, myself: ActorRef<SweepMessage>) -> Done<Self> {
        myself.cast(SweepMessage::Tick)?;
        let mut looking = JoinSet::new();
        let end = |actor: &ActorRef<_>, err| drop(actor.cast(SweepMessage::Ended(err)));
        let (shared, actor) = (Arc::clone(&host.host), myself.clone());
        let tasks = move || tasks::keep_looking(Arc::clone(&shared));
        looking.spawn(async move { end(&actor, lasting(tasks).await) });
        let (shared, actor) = (Arc::clone(&host.host), myself.clone());
        let approvals = move || approvals::keep_looking(Arc::clone(&shared));
        looking.spawn(async move { end(&actor, lasting(approvals).await) });
        Ok(Self { host, myself, due: None, _looking: looking })
    }

    async fn handle(&mut self, message: SweepMessage) -> Done {
        let now = self.host.clock.now();
        match message {
            SweepMessage::Tick => {
                self.look();
                // Re-armed after the work, so ticks never pile up behind a slow sweep.
                self.myself.send_after(self.host.policy.sweep_period, || SweepMessage::Tick);
            }
            SweepMessage::Now => {
                self.due.take_if(|it| it.0 <= now);
                self.look();
            }
            SweepMessage::DueAt(at) => {
                if self.due.as_ref().is_none_or(|it| at < it.0 || it.1.0.is_finished()) {
                    let wait = at.since(now).max(Duration::from_millis(1));
                    let timer = self.myself.send_after(wait, || SweepMessage::Now);
                    self.due = Some((at, Timer(timer)));
                }
            }
            SweepMessage::Ended(err) => return Err(err.into()),
        }
        Ok(())
    }
}

impl SweepActor {
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
