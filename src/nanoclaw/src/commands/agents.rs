//! `nanoclaw agents`: who there is, and with which limits.

use domain::AgentName;
use domain::agent::{AgentGroup, Provider};
use domain::time::{Clock, SystemClock};
use serde_json::json;
use store::layout::Layout;
use vault::MODEL_CREDENTIAL;

use crate::args::{AgentSettings, AgentsCommand};
use crate::error::fail;
use crate::{admin, home, install, term};

pub(super) async fn perform(command: AgentsCommand, layout: &Layout) -> anyhow::Result<()> {
    match command {
        AgentsCommand::List { json } => return list(json, layout),
        AgentsCommand::Add { name, settings } => add(name, &settings, layout)?,
        AgentsCommand::Set { name, settings } => set(&name, &settings, layout)?,
        AgentsCommand::Remove { name } => remove(&name, layout)?,
    }
    admin::reload(layout).await;
    Ok(())
}

fn list(as_json: bool, layout: &Layout) -> anyhow::Result<()> {
    let central = home::central(layout)?;
    install::ensure_defaults(&central)?;
    let has_credential = central.secret(MODEL_CREDENTIAL)?.is_some();
    let agents = central.agents()?;
    if as_json {
        let value = |it: &AgentGroup| {
            json!({
                "name": it.name.as_str(),
                "provider": provider(it),
                "effective_provider": it.effective_provider(has_credential).as_str(),
                "model": it.model,
                "image": it.image,
                "memory_mib": it.resources.memory_mib,
                "cpus": cpus(it.resources.cpu_milli),
                "pids": it.resources.pids,
            })
        };
        return term::json(&agents.iter().map(value).collect::<Vec<_>>());
    }
    let head = ["NAME", "PROVIDER", "MODEL", "IMAGE", "MEMORY", "CPUS", "PIDS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in &agents {
        let auto = format!("auto ({})", it.effective_provider(has_credential).as_str());
        let shown = if it.provider.is_none() { auto } else { provider(it).to_owned() };
        let mut row = vec![it.name.to_string(), shown];
        row.extend(fields(it).into_iter().skip(1).map(|field| field.1));
        rows.push(row);
    }
    term::out(&term::table(&rows));
    Ok(())
}

fn add(name: AgentName, settings: &AgentSettings, layout: &Layout) -> anyhow::Result<()> {
    let central = home::central(layout)?;
    // Before the first agent of one's own there is the default one.
    install::ensure_defaults(&central)?;
    let group = changed(AgentGroup::new(name.clone()), settings);
    if !central.add_agent(&group, SystemClock.now())? {
        return Err(fail(
            format!("there is an agent `{name}` already"),
            format!("change it with `nanoclaw agents set {name}`"),
        ));
    }
    let now = central.agent(&name)?.unwrap_or_else(|| group.clone());
    if now == group {
        term::out(&format!("added {name}; talk to it with `nanoclaw chat --agent {name}`"));
        return Ok(());
    }
    // A removed agent comes back as it was; what was said now still counts.
    let wanted = changed(now, settings);
    central.set_agent(&wanted)?;
    term::out(&format!("brought {name} back with its settings, files and memory"));
    Ok(())
}

fn set(name: &AgentName, settings: &AgentSettings, layout: &Layout) -> anyhow::Result<()> {
    if *settings == AgentSettings::default() {
        return Err(fail(
            "nothing was said to change",
            "say for example `--provider demo`; see `nanoclaw agents set --help`",
        ));
    }
    let central = home::central(layout)?;
    install::ensure_defaults(&central)?;
    let old = central.agent(name)?.ok_or_else(|| missing(name))?;
    let new = changed(old.clone(), settings);
    if !central.set_agent(&new)? {
        return Err(missing(name));
    }
    if new == old {
        term::out(&format!("{name} is set so already"));
    }
    for ((label, before), (_, after)) in fields(&old).into_iter().zip(fields(&new)) {
        if before != after {
            term::out(&format!("{name}: {label} {before} → {after}"));
        }
    }
    Ok(())
}

fn remove(name: &AgentName, layout: &Layout) -> anyhow::Result<()> {
    let central = home::central(layout)?;
    install::ensure_defaults(&central)?;
    let agents = central.agents()?;
    if !agents.iter().any(|it| it.name == *name) {
        return Err(missing(name));
    }
    if agents.len() == 1 {
        return Err(fail(
            format!("`{name}` is the last agent"),
            "add another one first with `nanoclaw agents add NAME`",
        ));
    }
    central.remove_agent(name, SystemClock.now())?;
    term::out(&format!(
        "removed {name}; its files and memory stay, `nanoclaw agents add {name}` brings it back"
    ));
    Ok(())
}

fn missing(name: &AgentName) -> anyhow::Error {
    fail(format!("there is no agent `{name}`"), "see `nanoclaw agents list`")
}

fn changed(mut agent: AgentGroup, settings: &AgentSettings) -> AgentGroup {
    let non_empty = |text: &String| Some(text.clone()).filter(|it| !it.trim().is_empty());
    if let Some(provider) = settings.provider {
        agent.provider = provider.0;
    }
    if let Some(model) = &settings.model {
        agent.model = non_empty(model);
    }
    if let Some(image) = &settings.image {
        agent.image = non_empty(image);
    }
    let limits = &mut agent.resources;
    limits.memory_mib = settings.memory.unwrap_or(limits.memory_mib);
    limits.cpu_milli = settings.cpus.map_or(limits.cpu_milli, |it| it.0);
    limits.pids = settings.pids.unwrap_or(limits.pids);
    agent
}

fn provider(agent: &AgentGroup) -> &'static str {
    agent.provider.map_or("auto", Provider::as_str)
}

/// What can be set, by name, as people read it.
fn fields(agent: &AgentGroup) -> [(&'static str, String); 6] {
    let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "default".to_owned());
    [
        ("provider", provider(agent).to_owned()),
        ("model", text(&agent.model)),
        ("image", text(&agent.image)),
        ("memory", format!("{} MiB", agent.resources.memory_mib)),
        ("cpus", cpus(agent.resources.cpu_milli)),
        ("pids", agent.resources.pids.to_string()),
    ]
}

/// `1.5` for 1500.
fn cpus(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_written_as_they_are_typed() {
        assert_eq!([2000, 1500, 50, 1125].map(cpus), ["2", "1.5", "0.05", "1.125"]);
    }
}
