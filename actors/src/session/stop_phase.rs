//! A session whose agent somebody stopped: what of that is written down here.

use domain::session::StopPhase;
use domain::stop::{Stop, StopReport};
use store::{SessionRows, Snapshot, StopOrder};

use super::SessionError;
use super::state::SessionState;

impl SessionState {
    fn stop_order(&self) -> Option<Stop> {
        self.host().stops.of(&self.args.row.agent)
    }

    /// Whether a stop holds, and all of it is on disk here.
    pub(super) fn stop_phase(&self, seen: &Snapshot) -> StopPhase {
        match self.stop_order() {
            Some(stop) if seen.stop_state.stop < stop.id => StopPhase::Due,
            Some(_) if seen.stop_state.told < seen.last_waiting => StopPhase::Due,
            Some(_) => StopPhase::Done,
            // The service that ends its turn writes down the result.
            None if self.host().stops.is_closed(self.args.row.id, &self.args.row.agent) => {
                StopPhase::Done
            }
            None => StopPhase::No,
        }
    }

    /// Writes down what the stop comes to, once for each stop.
    pub(super) async fn apply_stop(&mut self) -> Result<StopReport, SessionError> {
        self.link = None;
        let Some(stop) = self.stop_order() else {
            return Ok(StopReport::default()); // Resumed just now.
        };
        let (now, agent) = (self.now(), self.host().stops.resumed_by(&self.args.row.agent));
        let order = StopOrder { stop: stop.id, by: stop.by, agent };
        let apply = move |it: &SessionRows<'_>| it.apply_stop(&order, now);
        let stop_report = self.store.write("the stop of a session", apply).await?;
        self.look_at_tasks();
        Ok(stop_report)
    }
}
