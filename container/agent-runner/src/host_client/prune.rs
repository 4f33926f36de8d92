//! Keeps the runner's own database small.

use super::HostClient;

impl HostClient {
    /// Removes old rows that the host has imported, a bounded number. Returns whether none is
    /// left; what fails is left for another time, since nothing depends on it.
    pub(crate) async fn prune(&self) -> bool {
        let now = self.clock.now();
        match self.store.write("prune", move |store| store.prune(now)).await {
            Ok(gone) => gone == 0,
            Err(err) => {
                tracing::warn!(error = %err, "could not remove old rows");
                true
            }
        }
    }
}
