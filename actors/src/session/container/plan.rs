//! Works out what a session's container is to be, from the agent's settings.

use std::collections::BTreeMap;

use domain::agent::{AgentGroup, Provider};
use domain::{AgentName, Incarnation};
use sandbox::{Job, Spec};
use store::{CentralStore, SessionRow, StoreError};

use super::{StartError, mounts};
use crate::folders;
use crate::host::{Host, settings};

/// What the settings of an agent come to.
struct Settings {
    agent: AgentGroup,
    provider: Provider,
    image: Option<String>,
}

pub(super) async fn spec(
    host: &Host,
    row: &SessionRow,
    incarnation: Incarnation,
) -> Result<Spec, StartError> {
    let settings = read(host, &row.agent).await?;
    let settings = settings.ok_or_else(|| StartError::NoAgent(row.agent.clone()))?;
    let fingerprint = settings.fingerprint();
    let Settings { agent, provider, image } = settings;
    let mounts = mounts(host, row, incarnation);
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
        image: image.ok_or(StartError::NoImage)?,
        resources: agent.resources,
        mounts,
        env,
        fingerprint,
    })
}

/// Changes whenever a container of the agent would be made differently.
pub(super) async fn fingerprint(host: &Host, agent: &AgentName) -> Result<String, StoreError> {
    Ok(read(host, agent).await?.map_or_else(|| "removed".into(), |it| it.fingerprint()))
}

/// Whose container it is, and what it may take; nothing when there is no such agent.
pub(super) async fn agent(host: &Host, name: &AgentName) -> Result<Option<AgentGroup>, StoreError> {
    Ok(read(host, name).await?.map(|it| it.agent))
}

async fn read(host: &Host, agent: &AgentName) -> Result<Option<Settings>, StoreError> {
    let name = agent.clone();
    host.central.read(move |central| read_settings(central, &name)).await
}

fn read_settings(
    central: &mut CentralStore,
    name: &AgentName,
) -> Result<Option<Settings>, StoreError> {
    let Some(agent) = central.agent(name)? else { return Ok(None) };
    let has_credential = central.secret(vault::MODEL_CREDENTIAL)?.is_some();
    let image = match &agent.image {
        Some(image) => Some(image.clone()),
        None => central.setting(settings::IMAGE)?,
    };
    let provider = agent.effective_provider(has_credential);
    Ok(Some(Settings { agent, provider, image }))
}

impl Settings {
    /// In plain words, so that a label of a container can be read.
    fn fingerprint(&self) -> String {
        let resources = self.agent.resources;
        format!(
            "{} {} {} {}m {}c {}p {}g",
            self.provider.as_str(),
            self.agent.model.as_deref().unwrap_or("-"),
            self.image.as_deref().unwrap_or("-"),
            resources.memory_mib,
            resources.cpu_milli,
            resources.pids,
            resources.disk_gib
        )
    }
}
