//! Sets what a container wrote aside when the host cannot read it.

use std::error::Error;

use store::{SessionStore, StoreError};
use tracing::warn;

use super::SessionError;
use super::state::SessionState;

impl SessionState {
    /// Returns whether it is out of the way. When it cannot be moved, the session goes on without it:
    /// its deadlines and what is to be delivered depend on nothing that a container wrote.
    pub(super) async fn quarantine(&mut self) -> Result<bool, SessionError> {
        match self.store.write("a quarantine", SessionStore::quarantine).await {
            Ok(()) => {
                let to = self.host().layout.session(self.id()).quarantine();
                warn!(to = %to.display(), "what the container wrote is damaged; set it aside");
                Ok(true)
            }
            Err(err @ StoreError::Quarantine { .. }) => {
                warn!(error = &err as &dyn Error, "what the container wrote is damaged");
                Ok(false)
            }
            Err(err) => Err(err.into()),
        }
    }
}
