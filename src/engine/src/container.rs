//! Containers of sessions: what one is made like, why it does not start, how much disk it takes, and the end
//! of those that no actor looks after.

pub mod plan;
pub mod refusal;
pub mod room;

use std::time::Duration;

use domain::SessionId;
use domain::plain::chain;
use sandbox::SandboxError;
use store::{CentralStore, SessionRow};
use tokio::time::timeout;
use tracing::warn;

use crate::host::Host;

/// Longer than the engine's own deadlines.
const ENGINE_WITHIN: Duration = Duration::from_secs(30);
/// Why a container was ended that nobody looked after.
const UNWATCHED: &str = "its conversation was out of service";

/// Sessions that may have something to do, and containers without a session. The first complete listing
/// counts what runs and opens the container slots.
pub async fn list_work(host: &Host, live: &[SessionId]) -> (Vec<SessionRow>, Vec<SessionId>) {
    let mut rows = host.central.read(|central| central.awake()).await.unwrap_or_else(|err| {
        warn!(why = chain(&err), "left for the next sweep");
        Vec::new()
    });
    let mut orphans = Vec::new();
    let is_first = !host.container_slots.is_open();
    match timeout(ENGINE_WITHIN, host.sandbox.list()).await {
        Ok(Ok(found)) => {
            let mut is_complete = true;
            for id in found {
                if !is_first && (live.contains(&id) || rows.iter().any(|it| it.id == id)) {
                    continue;
                }
                match host.central.read(move |central| central.session(id)).await {
                    Ok(Some(row)) => {
                        if is_first {
                            host.container_slots.adopt(id, &row.agent);
                        }
                        if rows.iter().all(|it| it.id != id) {
                            rows.push(row);
                        }
                    }
                    Ok(None) => orphans.push(id),
                    Err(_) => is_complete = false,
                }
            }
            if is_complete {
                host.container_slots.open();
            }
        }
        Ok(Err(SandboxError::Unreachable(_))) => {}
        Err(_) => warn!("the container engine does not list its containers"),
        Ok(Err(err)) => warn!(why = chain(&err), "could not list the containers"),
    }
    // A session whose container ended meanwhile has to look again, since the first listing counted it.
    rows.retain(|it| is_first || !live.contains(&it.id));
    (rows, orphans)
}

/// Ends the container of a session that no actor looks after, and frees its slot. What it had in hand is
/// done again by the next one, and nobody is blamed.
pub async fn remove_container(host: &Host, id: SessionId) {
    match timeout(ENGINE_WITHIN, host.sandbox.stop(id)).await {
        Ok(Ok(())) => {}
        Ok(Err(err)) => return warn!(session = %id, why = chain(&err), "left for the next sweep"),
        Err(_) => return warn!(session = %id, "it does not end; left for the next sweep"),
    }
    let now = host.clock.now();
    let end = move |central: &mut CentralStore| central.rows(id).end_launch(UNWATCHED, now);
    if let Err(err) = host.central.write("the end of a launch", end).await {
        warn!(session = %id, why = chain(&err), "found gone by its next look");
    }
    host.container_slots.release(id);
}
