//! Has old rows removed: once a day those of the central database, and those of sessions in turn.
//!
//! The sweep comes here, and each time at most one session is found, so that ten thousand that sleep
//! cost a sweep as little as one. The session itself does the work, since it alone writes its
//! database; see [`crate::session::SessionMessage::Prune`].

use std::error::Error;

use domain::retention::{Cutoffs, Retention, due_before, is_due};
use domain::time::Timestamp;
use store::{CentralStore, SessionRow, StoreError};
use tracing::{info, warn};

use crate::host::{Host, settings};

/// The rule of this install, as of now.
pub(crate) async fn cutoffs(host: &Host) -> Result<Cutoffs, StoreError> {
    let rule = host.central.read(|central| central.setting(settings::RETENTION)).await?;
    Ok(Retention::from_setting(rule.as_deref()).cutoffs(host.clock.now()))
}

/// Prunes the central database if that is due. Returns the session whose turn it is.
pub(crate) async fn sweep(host: &Host) -> Option<SessionRow> {
    match look(host).await {
        Ok(found) => found,
        Err(err) => {
            warn!(error = &err as &dyn Error, "old rows are left for the next sweep");
            None
        }
    }
}

async fn look(host: &Host) -> Result<Option<SessionRow>, StoreError> {
    let now = host.clock.now();
    let last = host.central.read(|central| central.setting(settings::PRUNED_AT)).await?;
    let last = last.and_then(|it| it.parse().ok()).map_or(host.started_at, Timestamp);
    if is_due(last, now) {
        prune_central(host, now).await?;
    }
    let (awake, asleep) = due_before(now);
    host.central.read(move |central| central.due_for_pruning(awake, asleep)).await
}

async fn prune_central(host: &Host, now: Timestamp) -> Result<(), StoreError> {
    let cutoffs = cutoffs(host).await?;
    let mut all = 0;
    loop {
        let gone =
            host.central.write("prune", move |central: &mut CentralStore| central.prune(cutoffs));
        let gone = gone.await?;
        all += gone;
        if gone == 0 {
            break;
        }
    }
    host.central.read(|central| central.truncate_log()).await?;
    let at = now.0.to_string();
    let note = move |central: &mut CentralStore| central.set_setting(settings::PRUNED_AT, &at);
    host.central.write("note a pruning", note).await?;
    info!(rows = all, "old rows of the central database are gone");
    Ok(())
}
