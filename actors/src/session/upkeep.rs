//! What a session does with its rows beside its messages: imports what the runner wrote, with what that needs
//! from outside of the session, or sets it aside when the host cannot read it; passes on what the agent asks
//! for; follows a stop; and removes what is old, a bounded number of rows and again until none is left, so
//! that a message never waits long behind it.

use std::sync::Arc;
use std::time::Duration;

use domain::OutSeq;
use domain::plain::chain;
use domain::session::StopPhase;
use engine::{approvals, retention};
use store::{CentralStore, ImportReport, SessionContext, StopState, StoreError};
use tokio::time::{sleep, sleep_until};
use tracing::{debug, warn};

use super::state::SessionActor;
use super::{Result, SessionMessage};
use crate::actor::SOON;

/// Interval between requests of one session that asks without end; each may read a lot, or write. No
/// model asks so often.
const REQUEST_EVERY: Duration = Duration::from_millis(250);

impl SessionActor {
    pub(super) async fn import(&mut self) -> Result<ImportReport> {
        let agent = self.args.row.agent.clone();
        let (caps, now) = (Arc::clone(&self.host().caps) as _, self.now());
        let context = move |central: &CentralStore| {
            let destinations = central.destinations_of(&agent)?;
            Ok(SessionContext {
                caps,
                destinations: destinations.into_iter().map(|it| (it.name, it.address)).collect(),
                quiet: central.quiet_chats(now)?.into_iter().map(|it| it.0).collect(),
                heartbeats: central.heartbeats()?,
            })
        };
        Ok(self.store.import(std::mem::take(&mut self.news), context, now).await?)
    }

    /// Sets aside what the runner wrote. Returns whether it is out of the way. When it cannot be moved,
    /// the session goes on without it: its deadlines and what is to be delivered depend on nothing that
    /// a container wrote.
    pub(super) async fn quarantine(&mut self) -> Result<bool> {
        match self.store.quarantine().await {
            Ok(()) => {
                let to = self.host().layout.session(self.id()).quarantine();
                warn!(to = %to.display(), "what the container wrote is set aside");
                Ok(true)
            }
            Err(err @ StoreError::Quarantine { .. }) => {
                warn!(why = chain(&err), "going on without what the container wrote");
                Ok(false)
            }
            Err(err) => Err(err.into()),
        }
    }

    /// Passes on what the agent asked for, in a task that reports back.
    pub(super) fn forward_request(&mut self, seq: OutSeq) {
        self.forwarding = true;
        let (host, row) = (Arc::clone(self.host()), self.args.row.clone());
        let (myself, from) = (self.myself.clone(), self.request_pace.next(REQUEST_EVERY));
        self.calls.spawn(async move {
            sleep_until(from).await;
            if let Err(err) = approvals::forward_request(&host, &row, seq).await {
                warn!(why = chain(&err), "a request waits");
                // What failed just now fails again.
                sleep(SOON).await;
            }
            let _ = myself.cast(SessionMessage::RequestForwarded);
        });
    }

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
    pub(super) async fn apply_stop(&mut self) -> Result {
        self.link = None;
        let Some(order) = self.host().stops.order(&self.args.row.agent) else {
            return Ok(()); // Resumed just now.
        };
        let now = self.now();
        self.store.write("the stop of a session", move |it| it.apply_stop(&order, now)).await?;
        self.host().wake_tasks();
        Ok(())
    }

    /// One pass; what fails is left for another day, since no message depends on it.
    pub(super) async fn prune(&mut self) -> Result {
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
