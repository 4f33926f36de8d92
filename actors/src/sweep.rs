//! Every period, and at the earliest instant that somebody asked for, has everything looked at
//! that may have something to do. Decides nothing.
//!
//! Messages  [`SweepMessage`]. Losing one costs at most a period.
//! Parent    [`crate::tree::RootSupervisor`].

use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::host::Host;
use crate::reception::ReceptionMessage;
use crate::sessions::SessionsMessage;
use crate::slot::Timer;

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
    host: Arc<Host>,
    /// The earliest instant that was asked for, and its timer.
    due: Option<(Timestamp, Timer<SweepMessage>)>,
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
        Ok(SweepState { host, due: None })
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
                // Re-armed after the work, so ticks never pile up behind a slow sweep.
                myself.send_after(state.host.policy.sweep_period, || SweepMessage::Tick);
            }
            SweepMessage::Now => {
                state.due.take_if(|it| it.0 <= now);
                look(&state.host);
            }
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

/// Whoever may have something to do looks.
fn look(host: &Host) {
    host.peers.sessions.cast(SessionsMessage::Sweep);
    host.peers.reception.cast(ReceptionMessage::Look);
}
