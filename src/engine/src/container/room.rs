//! Whether the folders of a session take more of the disk than they may.

use std::time::Duration;

use domain::plain::chain;
use domain::{Incarnation, inside};
use store::SessionRow;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::plan;
use crate::disk::{self, Usage};
use crate::host::Host;

/// When a new container is first looked at: not while it starts.
const FIRST: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(60);
/// Even where a look takes long, which an agent can see to.
const EVERY_MAX: Duration = Duration::from_secs(180);
/// At most a twentieth of the time is spent on looking, however much there is.
const SHARE: u32 = 20;

/// Returns the limit, in GiB, once they take more.
pub async fn until_overfull(host: &Host, row: &SessionRow) -> u32 {
    let mut wait = FIRST;
    loop {
        sleep(wait).await;
        let began = Instant::now();
        if let Some(gib) = overfull(host, row).await {
            return gib;
        }
        wait = (began.elapsed() * SHARE).clamp(EVERY, EVERY_MAX);
    }
}

/// The limit, in GiB, if they take more now. What cannot be found out is left to the next look.
pub async fn overfull(host: &Host, row: &SessionRow) -> Option<u32> {
    let (agent, _) = plan::read(host, &row.agent).await.ok().flatten()?;
    let (limits, number) = (agent.resources, agent.number);
    let mut usage = look(host, row, number).await?;
    if matches!(usage, Usage::Closed(_)) {
        // Programs close folders of theirs to everybody. What is closed at once again is hidden.
        match plan::spec(host, row, Incarnation(0)).await {
            Ok(spec) => match host.sandbox.open_up(&spec).await {
                Ok(()) => usage = look(host, row, number).await?,
                Err(err) => warn!(why = chain(&err), "what the agent closed stays closed"),
            },
            Err(err) => warn!(why = chain(&err), "what the agent closed stays closed"),
        }
    }
    usage.exceeds(limits.disk_bytes()).then_some(limits.disk_gib)
}

async fn look(host: &Host, row: &SessionRow, number: u32) -> Option<Usage> {
    let paths = host.layout.session(row.id);
    let folders = [host.layout.workspace(&row.agent), paths.home(), paths.outbound_dir()];
    let user = host.container_user.map(|(runner, _)| inside::agent_uid(runner, number));
    let look = move || disk::usage(folders.iter().map(AsRef::as_ref), user);
    match store::on_disk(&*host.gate, look).await {
        Ok(usage) => Some(usage),
        Err(err) => {
            warn!(error = %err, "could not look how much disk the agent takes");
            None
        }
    }
}
