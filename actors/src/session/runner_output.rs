//! What the runner of a session wrote: imported with what that needs from outside of the session, or set
//! aside when the host cannot read it; and who keeps what its agent asks for.

use std::sync::Arc;
use std::time::Duration;

use domain::OutSeq;
use domain::plain::chain;
use engine::approvals;
use store::{CentralStore, ImportReport, SessionContext, StoreError};
use tokio::time::{sleep, sleep_until};
use tracing::warn;

use super::state::{SOON, SessionState};
use super::{SessionError, SessionMessage};

/// Interval between requests of one session that asks without end; each may read a lot, or write. No
/// model asks so often.
const REQUEST_EVERY: Duration = Duration::from_millis(250);

impl SessionState {
    pub(super) async fn import(&mut self) -> Result<ImportReport, SessionError> {
        let agent = self.args.row.agent.clone();
        let (caps, now) = (self.host().caps(), self.now());
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
    pub(super) async fn quarantine(&mut self) -> Result<bool, SessionError> {
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
}
