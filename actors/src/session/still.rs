//! A session whose agent somebody stopped: what of that is written down here.

use domain::session::Stillness;
use domain::stop::{Stop, Toll};
use store::{SessionRows, Snapshot, StopOrder};

use super::SessionError;
use super::state::SessionState;

impl SessionState {
    fn stop_order(&self) -> Option<Stop> {
        self.host().stops.of(&self.args.row.agent)
    }

    /// Whether a stop holds, and all of it is on disk here.
    pub(super) fn stillness(&self, seen: &Snapshot) -> Stillness {
        match self.stop_order() {
            Some(stop) if seen.stood.stop < stop.id => Stillness::Due,
            Some(_) if seen.stood.told < seen.last_waiting => Stillness::Due,
            Some(_) => Stillness::Done,
            // What its turn comes to is being written down by whoever ends it.
            None if self.host().stops.is_closed(self.args.row.id, &self.args.row.agent) => {
                Stillness::Done
            }
            None => Stillness::No,
        }
    }

    /// Writes down what the stop comes to, once for each stop.
    pub(super) async fn stand_still(&mut self) -> Result<Toll, SessionError> {
        self.link = None;
        let Some(stop) = self.stop_order() else {
            return Ok(Toll::default()); // Resumed just now.
        };
        let (now, agent) = (self.now(), self.host().stops.resumed_by(&self.args.row.agent));
        let order = StopOrder { stop: stop.id, by: stop.by, agent };
        let stand = move |it: &SessionRows<'_>| it.stand_still(&order, now);
        let toll = self.store.write("a standstill", stand).await?;
        self.tell_others();
        Ok(toll)
    }
}
