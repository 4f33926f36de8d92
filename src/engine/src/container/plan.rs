//! Works out what a session's container is to be, from the agent's settings.

use std::collections::BTreeMap;

use domain::agent::{AgentGroup, Provider};
use domain::{AgentName, Incarnation};
use sandbox::{Job, Spec};
use store::{CentralStore, SessionRow, StoreError};

use super::refusal::StartError;
use crate::folders;
use crate::host::{Host, settings};

pub async fn spec(
    host: &Host,
    row: &SessionRow,
    incarnation: Incarnation,
) -> Result<Spec, StartError> {
    let settings = read(host, &row.agent).await?;
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
pub async fn fingerprint(host: &Host, agent: &AgentName) -> Result<String, StoreError> {
    let settings = read(host, agent).await?;
    Ok(settings.map_or_else(|| "removed".into(), |(agent, provider)| describe(&agent, provider)))
}

/// The settings of an agent, with the image of this install where it names none, and what it runs;
/// nothing when there is no such agent.
pub async fn read(
    host: &Host,
    agent: &AgentName,
) -> Result<Option<(AgentGroup, Provider)>, StoreError> {
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
