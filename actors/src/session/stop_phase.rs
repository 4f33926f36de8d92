//! A session whose agent somebody stopped: what of that is written down here.

use domain::session::StopPhase;
use store::StopState;

use super::SessionError;
use super::state::SessionState;

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
}
