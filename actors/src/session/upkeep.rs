//! What a session does beside its messages: follows a stop, and removes what is old, a bounded number of rows
//! and again until none is left, so that a message never waits long behind it.

use domain::plain::chain;
use domain::session::StopPhase;
use engine::retention;
use store::StopState;
use tracing::{debug, warn};

use super::{SessionError, SessionMessage, SessionState};

impl SessionState {
    /// Whether a stop holds, and all of it is on disk here.
    pub(super) fn stop_phase(&self, seen: &StopState) -> StopPhase {
        match self.host().stops.order(&self.args.row.agent) {
            Some(order) if seen.stop < order.stop || !seen.told => StopPhase::Due,
            Some(_) => StopPhase::Done,
            // The service that ends its turn writes down the result.
            None if self.is_closed() => StopPhase::Done,
            None => StopPhase::No,
        }
    }

    /// Writes down what the stop comes to, once for each stop.
    pub(super) async fn apply_stop(&mut self) -> Result<(), SessionError> {
        self.link = None;
        let Some(order) = self.host().stops.order(&self.args.row.agent) else {
            return Ok(()); // Resumed just now.
        };
        let now = self.now();
        self.store.write("the stop of a session", move |it| it.apply_stop(&order, now)).await?;
        self.look_at_tasks();
        Ok(())
    }

    /// One pass; what fails is left for another day, since no message depends on it.
    pub(super) async fn prune(&mut self) -> Result<(), SessionError> {
        self.make_folders().await?;
        let cutoffs = retention::cutoffs(self.host()).await?;
        match self.store.write("prune", move |it| it.prune(cutoffs)).await {
            Ok(0) => {}
            Ok(rows) => {
                debug!(rows, "old rows are gone");
                let _ = self.myself.cast(SessionMessage::Prune);
                return Ok(());
            }
            Err(err) if err.is_permanent() => return Err(err.into()),
            Err(err) => warn!(why = chain(&err), "old rows are left for another day"),
        }
        self.store.read(|it| it.prune_leftovers()).await?;
        let (id, now) = (self.id(), self.now());
        self.host().central.write("note a pruning", move |it| it.set_pruned(id, now)).await?;
        Ok(())
    }
}
