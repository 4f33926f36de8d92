//! Containers of sessions: what one is made like, why it does not start, and the end of those that no actor
//! looks after.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use domain::agent::{AgentGroup, Provider};
use domain::plain::chain;
use domain::trouble::Trouble;
use domain::{AgentName, Incarnation, SessionId};
use sandbox::{Job, SandboxError, Spec};
use store::{CentralStore, SessionRow, StoreError};
use tokio::time::timeout;
use tracing::warn;

use crate::Result;
use crate::folders;
use crate::host::{Host, settings};

/// Longer than the engine's own deadlines.
const ENGINE_WITHIN: Duration = Duration::from_secs(30);
/// Why a container was ended that nobody looked after.
const UNWATCHED: &str = "its conversation was out of service";

/// Why a container does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not read what to start")]
    Store(#[from] StoreError),
    #[error("could not make the folders")]
    Folders(#[from] io::Error),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("somebody stopped it; `nanoclaw agents resume` lets it go on")]
    Stopped,
    #[error("its folders take more than {gib} GiB")]
    DiskFull { gib: u32 },
    #[error("there is no image for agents yet; run `nanoclaw image build`")]
    NoImage,
    #[error("the agent `{0}` was removed; `nanoclaw agents add {0}` brings it back")]
    NoAgent(AgentName),
}

impl StartError {
    /// The engine is down, or the disk is full: that passes, and says nothing about the session.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Sandbox(SandboxError::Unreachable(_)) | Self::Stopped => true,
            Self::Store(err) => !err.is_permanent(),
            Self::Folders(_)
            | Self::Sandbox(_)
            | Self::DiskFull { .. }
            | Self::NoImage
            | Self::NoAgent(_) => false,
        }
    }

    /// The same in words for people.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::NoImage => Trouble::NoImage,
            Self::Sandbox(SandboxError::ImageMissing(image)) => {
                Trouble::ImageMissing { image: image.clone() }
            }
            Self::NoAgent(_) => Trouble::NoAgent,
            Self::DiskFull { gib } => Trouble::DiskFull { gib: *gib },
            Self::Folders(_) => Trouble::NoFolder,
            Self::Sandbox(err) if lacks_a_folder(err) => Trouble::NoFolder,
            Self::Store(_) | Self::Sandbox(_) | Self::Stopped => Trouble::NoStart,
        }
    }
}

/// Whether the engine refused a mount. It has no code for that, only these words
/// (<https://github.com/moby/moby/blob/master/volume/mounts/validate.go>).
fn lacks_a_folder(err: &SandboxError) -> bool {
    chain(err).contains("bind source path does not exist")
}

/// Works out what the container of a session is to be, from the settings of its agent.
pub async fn spec(
    host: &Host,
    row: &SessionRow,
    incarnation: Incarnation,
) -> Result<Spec, StartError> {
    let settings = settings_of(host, &row.agent).await?;
    let (agent, provider) = settings.ok_or_else(|| StartError::NoAgent(row.agent.clone()))?;
    let fingerprint = describe(&agent, provider);
    let mounts = folders::mounts(&host.layout, row.id, &row.agent, incarnation);
    let (link, owner) = (mounts.link.clone(), host.container_user);
    store::on_disk(&*host.gate, move || folders::make_link(&link, owner)).await?;
    // What the runner has to know, and nothing secret.
    let mut env = BTreeMap::from([
        ("NANOCLAW_INCARNATION".to_owned(), incarnation.to_string()),
        ("NANOCLAW_PROVIDER".to_owned(), provider.as_str().to_owned()),
    ]);
    env.extend(agent.model.map(|it| ("NANOCLAW_MODEL".to_owned(), it)));
    Ok(Spec {
        job: Job::Run,
        agent: agent.name,
        agent_number: agent.number,
        session: row.id,
        incarnation,
        image: agent.image.ok_or(StartError::NoImage)?,
        resources: agent.resources,
        mounts,
        env,
        fingerprint,
    })
}

/// Changes whenever a container of the agent would be made differently.
pub async fn fingerprint(host: &Host, agent: &AgentName) -> Result<String> {
    let settings = settings_of(host, agent).await?;
    Ok(settings.map_or_else(|| "removed".into(), |(agent, provider)| describe(&agent, provider)))
}

/// The settings of an agent, with the image of this install where it names none, and what it runs;
/// nothing when there is no such agent.
pub async fn settings_of(host: &Host, agent: &AgentName) -> Result<Option<(AgentGroup, Provider)>> {
    let name = agent.clone();
    let read = move |central: &mut CentralStore| {
        let Some(mut agent) = central.agent(&name)? else { return Ok(None) };
        if agent.image.is_none() {
            agent.image = central.setting(settings::IMAGE)?;
        }
        let has_credential = central.secret(vault::MODEL_CREDENTIAL)?.is_some();
        let provider = agent.effective_provider(has_credential);
        Ok(Some((agent, provider)))
    };
    host.central.read(read).await
}

/// In plain words, so that a label of a container can be read.
fn describe(agent: &AgentGroup, provider: Provider) -> String {
    let resources = agent.resources;
    format!(
        "{} {} {} {}m {}c {}p {}g",
        provider.as_str(),
        agent.model.as_deref().unwrap_or("-"),
        agent.image.as_deref().unwrap_or("-"),
        resources.memory_mib,
        resources.cpu_milli,
        resources.pids,
        resources.disk_gib
    )
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_missing_is_not_put_down_to_the_engine() {
        let failed = |why: &str| {
            let source = why.to_owned().into();
            StartError::Sandbox(SandboxError::Failed { op: "create a container", source })
        };
        let mount =
            failed("invalid mount config for type \"bind\": bind source path does not exist: /a");
        assert_eq!(mount.trouble(), Trouble::NoFolder);
        assert_eq!(failed("range of CPUs is from 0.01 to 2.00").trouble(), Trouble::NoStart);
        let gone = StartError::Folders(io::ErrorKind::NotFound.into());
        assert_eq!(gone.trouble(), Trouble::NoFolder);
        let image = StartError::Sandbox(SandboxError::ImageMissing("foo".into())).trouble();
        assert_eq!(image, Trouble::ImageMissing { image: "foo".into() });
    }
}
