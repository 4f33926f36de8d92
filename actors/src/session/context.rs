//! What a session needs from outside of it: how its platforms are written for, where its agent may
//! write to, and who keeps what its agent asks for.

use std::sync::Arc;
use std::time::Duration;

use domain::OutSeq;
use domain::plain::chain;
use store::{CentralStore, ImportReport, SessionContext};
use tokio::time::sleep_until;
use tracing::warn;

use super::state::SessionState;
use super::{SessionError, SessionMessage};
use crate::approvals;

const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Interval between requests of one session that asks without end; each may read a lot, or write. No
/// model asks so often.
const REQUEST_EVERY: Duration = Duration::from_millis(250);

impl SessionState {
    /// Imports what the runner wrote.
    pub(super) async fn import(&mut self) -> Result<ImportReport, SessionError> {
        let agent = self.args.row.agent.clone();
        let (render_caps, now) = (self.host().render_caps(), self.now());
        let context = move |central: &CentralStore| {
            let destinations = central.destinations_of(&agent)?;
            Ok(SessionContext {
                render_caps,
                destinations: destinations.into_iter().map(|it| (it.name, it.address)).collect(),
                quiet: central.quiet_chats(now)?.into_iter().map(|it| it.0).collect(),
                heartbeats: central.heartbeats()?,
            })
        };
        Ok(self.store.import(std::mem::take(&mut self.news), context, now).await?)
    }

    /// Passes on what the agent asked for, in a task that reports back.
    pub(super) fn forward_request(&mut self, seq: OutSeq) {
        self.set_forwarding(true);
        let (host, row) = (Arc::clone(self.host()), self.args.row.clone());
        let (myself, from) = (self.myself.clone(), self.request_pace.next(REQUEST_EVERY));
        self.calls.spawn(async move {
            sleep_until(from).await;
            let done = approvals::forward_request(&host, &row, seq).await;
            if let Err(err) = &done {
                warn!(why = chain(err), "a request waits");
            }
            let _ = myself.cast(SessionMessage::RequestForwarded { seq, ok: done.is_ok() });
        });
    }

    pub(super) fn end_forwarding(&mut self, seq: OutSeq, ok: bool) {
        if ok {
            self.set_forwarding(false);
            self.notify_runner();
        } else {
            // Not at once: what failed just now fails again.
            self.myself
                .send_after(TRY_AGAIN, move || SessionMessage::RequestForwarded { seq, ok: true });
        }
    }
}
