//! Removes what is old of a session: a bounded number of rows, and again until none is left, so that
//! a message never waits long behind it.

use domain::plain::chain;
use tracing::{debug, warn};

use super::{SessionError, SessionMessage, SessionState};

impl SessionState {
    /// One pass; what fails is left for another day, since no message depends on it.
    pub(super) async fn prune(&mut self) -> Result<(), SessionError> {
        self.make_folders().await?;
        let cutoffs = crate::keeping::cutoffs(self.host()).await?;
        match self.store.write("prune", move |it| it.prune(cutoffs)).await {
            Ok(0) => {}
            Ok(rows) => {
                debug!(rows, "old rows are gone");
                let _ = self.myself.cast(SessionMessage::Prune { again: true });
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
