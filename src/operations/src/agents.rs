//! Agents: who there is, and with which settings.

use domain::AgentName;
use domain::agent::{AgentGroup, MODEL_CREDENTIAL};
use domain::engage::trigger_of;
use domain::stop::Stops;
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::CentralStore;

use crate::find::{View, no_agent};
use crate::operation::{AgentSettings, AgentsOperation};
use crate::output::{Output, Result, joined, refused, table};
use crate::values::{CpuMilli, ProviderChoice};
use crate::{heartbeat, machine};

pub(crate) fn perform(
    operation: &AgentsOperation,
    store: &mut CentralStore,
    view: &View,
    now: Timestamp,
) -> Result {
    match operation {
        AgentsOperation::List => list(store, view),
        AgentsOperation::Show { name } => show(view.agent(name)?, store, view),
        AgentsOperation::Add { name, settings } => add(name, settings, store),
        AgentsOperation::Set { name, settings } => set(view.agent(name)?, settings, store, view),
        AgentsOperation::Heartbeat(args) => heartbeat::perform(args, store, view, now),
        AgentsOperation::Remove { name } => remove(view.agent(name)?, store, view, now),
    }
}

fn list(store: &CentralStore, view: &View) -> Result {
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let stops = store.stops()?;
    let head = [
        "NAME",
        "PROVIDER",
        "MODEL",
        "IMAGE",
        "MEMORY",
        "CPUS",
        "PIDS",
        "DISK",
        "TRIGGER",
        "ADMIN SCOPE",
        "STOPPED",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in &view.agents {
        let auto = format!("auto ({})", it.effective_provider(has_credential).as_str());
        let shown = if it.provider.is_none() { auto } else { provider(it) };
        let mut row = vec![it.name.to_string(), shown];
        row.extend(fields(it).into_iter().skip(1).map(|field| field.1));
        row.push(stopped(&stops, &it.name));
        rows.push(row);
    }
    let json = view.agents.iter().map(|it| {
        let mut json = value(it, has_credential);
        json["stopped_by"] = stops.of(&it.name).map(|it| it.by.as_str()).into();
        json
    });
    let json = json.collect();
    Ok(Output::new(table(&rows), Value::Array(json)))
}

fn stopped(stops: &Stops, name: &AgentName) -> String {
    stops.of(name).map_or_else(|| "-".to_owned(), |it| format!("by {}", it.by))
}

fn show(agent: &AgentGroup, store: &CentralStore, view: &View) -> Result {
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let of = |it: &&store::Wired| it.wiring.agent == agent.name;
    let chats: Vec<_> =
        view.wired.iter().filter(of).filter_map(|it| view.chat_by_id(it.wiring.chat)).collect();
    let members = view.members.iter().filter(|it| it.agent == agent.name);
    let members: Vec<String> = members.map(|it| view.who_is(it.person)).collect();
    let mut lines = vec![format!("{:<12}{}", "name", agent.name)];
    lines.extend(fields(agent).iter().map(|(label, text)| format!("{label:<12}{text}")));
    lines.push(format!("{:<12}{}", "chats", joined(chats.iter().map(|it| view.label(it)))));
    lines.push(format!("{:<12}{}", "members", joined(&members)));
    let stops = store.stops()?;
    lines.push(format!("{:<12}{}", "stopped", stopped(&stops, &agent.name)));
    let mut json = value(agent, has_credential);
    json["stopped_by"] = stops.of(&agent.name).map(|it| it.by.as_str()).into();
    json["chats"] = chats.iter().map(|it| it.id.0).collect();
    json["members"] = members.into();
    Ok(Output::new(lines.join("\n"), json))
}

fn add(name: &AgentName, settings: &AgentSettings, store: &CentralStore) -> Result {
    let warning = machine::check(name, settings, store)?;
    let was_removed = store.agent_names_taken()?.contains(name);
    let group = changed(AgentGroup::new(name.clone()), settings);
    if !store.add_agent(&group)? {
        return Err(refused(
            format!("there is an agent `{name}` already"),
            format!("change it with `nanoclaw agents set {name}`"),
        ));
    }
    let text = if was_removed {
        // A removed agent comes back as it was; what was said now still counts.
        let there = store.agent(name)?.unwrap_or(group);
        store.set_agent(&changed(there, settings))?;
        format!("brought {name} back with its settings, files and memory")
    } else {
        format!("added {name}; talk to it with `nanoclaw chat --agent {name}`")
    };
    let undo = format!("undo with `nanoclaw agents remove {name}`");
    let hint = warning.map_or_else(|| undo.clone(), |warning| format!("{undo}; {warning}"));
    let json = json!({ "name": name.as_str(), "was_removed": was_removed });
    Ok(Output::new(text, json).hint(hint))
}

fn set(old: &AgentGroup, settings: &AgentSettings, store: &CentralStore, view: &View) -> Result {
    if *settings == AgentSettings::default() {
        return Err(refused(
            format!("no change given for agent `{}`", old.name),
            "give a setting, like `--provider demo`; see `nanoclaw agents set --help`",
        ));
    }
    let name = &old.name;
    let warning = machine::check(name, settings, store)?;
    let new = changed(old.clone(), settings);
    if !store.set_agent(&new)? {
        return Err(no_agent(view, name));
    }
    let differs: Vec<_> = fields(old)
        .into_iter()
        .zip(fields(&new))
        .filter(|(before, after)| before != after)
        .collect();
    let line = |((label, before), (_, after)): &((&str, String), (&str, String))| {
        format!("{name}: {label} {before} → {after}")
    };
    let text = match differs.is_empty() {
        true => format!("{name} is set so already"),
        false => differs.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let output = Output::new(text, value(&new, has_credential));
    Ok(match warning {
        Some(warning) => output.hint(warning),
        None => output,
    })
}

fn remove(agent: &AgentGroup, store: &CentralStore, view: &View, now: Timestamp) -> Result {
    let name = &agent.name;
    if store.agents()?.len() == 1 {
        return Err(refused(
            format!("`{name}` is the last agent"),
            "add another one first with `nanoclaw agents add NAME`",
        ));
    }
    if !store.remove_agent(name, now)? {
        return Err(no_agent(view, name));
    }
    let text = format!(
        "removed {name}; its files and memory stay, `nanoclaw agents add {name}` brings it back"
    );
    Ok(Output::new(text, json!({ "name": name.as_str() })))
}

fn changed(mut agent: AgentGroup, settings: &AgentSettings) -> AgentGroup {
    let non_empty = |text: &String| Some(text.trim().to_owned()).filter(|it| !it.is_empty());
    if let Some(provider) = settings.provider {
        agent.provider = provider.0;
    }
    if let Some(model) = &settings.model {
        agent.model = non_empty(model);
    }
    if let Some(image) = &settings.image {
        agent.image = non_empty(image);
    }
    if let Some(trigger) = &settings.trigger {
        agent.trigger = non_empty(trigger);
    }
    agent.admin_scope = settings.admin_scope.unwrap_or(agent.admin_scope);
    let limits = &mut agent.resources;
    limits.memory_mib = settings.memory.unwrap_or(limits.memory_mib);
    limits.cpu_milli = settings.cpus.map_or(limits.cpu_milli, |it| it.0);
    limits.pids = settings.pids.unwrap_or(limits.pids);
    limits.disk_gib = settings.disk.unwrap_or(limits.disk_gib);
    agent
}

fn provider(agent: &AgentGroup) -> String {
    ProviderChoice(agent.provider).to_string()
}

/// What can be set, by name, as people read it.
fn fields(agent: &AgentGroup) -> [(&'static str, String); 9] {
    let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "default".to_owned());
    [
        ("provider", provider(agent)),
        ("model", text(&agent.model)),
        ("image", text(&agent.image)),
        ("memory", format!("{} MiB", agent.resources.memory_mib)),
        ("cpus", CpuMilli(agent.resources.cpu_milli).to_string()),
        ("pids", agent.resources.pids.to_string()),
        ("disk", format!("{} GiB", agent.resources.disk_gib)),
        ("trigger", trigger_of(&agent.name, agent.trigger.as_deref())),
        ("admin scope", agent.admin_scope.as_str().to_owned()),
    ]
}

/// The settings that were given, a line each, for the approver.
pub(crate) fn wishes(settings: &AgentSettings, of: &AgentGroup) -> Vec<String> {
    let new = changed(of.clone(), settings);
    let pairs = fields(of).into_iter().zip(fields(&new));
    let differs = pairs.filter(|(before, after)| before != after);
    differs.map(|((label, before), (_, after))| format!("{label} {before} → {after}")).collect()
}

fn value(it: &AgentGroup, has_credential: bool) -> Value {
    json!({
        "name": it.name.as_str(),
        "provider": provider(it),
        "effective_provider": it.effective_provider(has_credential).as_str(),
        "model": it.model,
        "image": it.image,
        "memory_mib": it.resources.memory_mib,
        "cpus": CpuMilli(it.resources.cpu_milli).to_string(),
        "pids": it.resources.pids,
        "disk_gib": it.resources.disk_gib,
        "trigger": trigger_of(&it.name, it.trigger.as_deref()),
        "admin_scope": it.admin_scope.as_str(),
    })
}
