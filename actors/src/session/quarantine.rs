//! Sets what a container wrote aside when the host cannot read it.

use domain::plain::chain;
use domain::session::Mailbox;
use store::StoreError;
use tracing::warn;

use super::SessionError;
use super::state::SessionState;

impl SessionState {
    /// Says once what is wrong, in the log and for `nanoclaw status`.
    pub(super) fn note_mailbox(&mut self, mailbox: &Mailbox) {
        if let Mailbox::Damaged(why) = mailbox
            && self.why() != Some(why)
        {
            warn!(why, "what the container wrote is damaged");
            self.explain(Some(why.clone()));
        }
    }

    /// Returns whether it is out of the way. When it cannot be moved, the session goes on without it:
    /// its deadlines and what is to be delivered depend on nothing that a container wrote.
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
}
