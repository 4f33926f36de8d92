//! Agents: who there is, and with which settings.

use clap::{Args, Subcommand};
use domain::AgentName;
use domain::agent::{AdminScope, AgentGroup, MODEL_CREDENTIAL};
use domain::engage::trigger_of;
use domain::stop::Stops;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::CentralStore;

use crate::caller::{beyond, mine};
use crate::command::{Command, Context};
use crate::find::{View, no_agent};
use crate::heartbeat::HeartbeatArgs;
use crate::output::{Output, Result, forbidden, joined, refused, table};
use crate::values::{self, CpuMilli, ProviderChoice};
use crate::{heartbeat, machine};

#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// `claude`, `demo` (no model), or `auto`: claude once the vault holds a credential
    #[arg(long, value_name = "PROVIDER", value_parser = ProviderChoice::parse)]
    pub provider: Option<ProviderChoice>,
    /// The model's name; '' is the provider's default
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The image to run in; '' is the one that this install built
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// The memory limit of a container
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(64..))]
    pub memory: Option<u32>,
    /// The processor limit of a container, like 1.5
    #[arg(long, value_name = "CPUS", value_parser = CpuMilli::parse)]
    pub cpus: Option<CpuMilli>,
    /// How many processes a container may have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..=4_194_304))]
    pub pids: Option<u32>,
    /// What its folders may take on the disk: the workspace, and what one conversation keeps
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub disk: Option<u32>,
    /// What it answers to in a text; '' is @ and its name
    #[arg(long, value_name = "TEXT", value_parser = values::trigger)]
    pub trigger: Option<String>,
    /// What its administration tool may see, and ask for: nothing, what concerns itself, everything
    #[arg(long, value_name = "SCOPE", alias = "reach",
          value_parser = values::parse_enum(AdminScope::ALL.map(AdminScope::as_str), AdminScope::parse))]
    pub admin_scope: Option<AdminScope>,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AgentsOperation {
    /// Show all agents
    List,
    /// Show one agent: its settings, chats and people
    Show {
        /// Its name
        name: AgentName,
    },
    /// Add an agent, or bring a removed one back as it was
    Add {
        /// Its name
        name: AgentName,
        #[command(flatten)]
        settings: AgentSettings,
    },
    /// Change an agent
    #[command(after_help = "\
Examples:
  nanoclaw agents set andy --provider demo       no model
  nanoclaw agents set andy --memory 4096 --cpus 1.5
  nanoclaw agents set andy --trigger 'hey andy'  what it answers to in a group
  nanoclaw agents set andy --admin-scope none    it may not even ask to change anything
  nanoclaw agents set andy --model ''            back to the default")]
    Set {
        /// Its name
        name: AgentName,
        #[command(flatten)]
        settings: AgentSettings,
    },
    /// Show or set when an agent checks whether there is anything to say
    Heartbeat(HeartbeatArgs),
    /// Take an agent out of service; its files and memory stay
    Remove {
        /// Its name
        name: AgentName,
    },
}

impl Command for AgentsOperation {
    fn is_change(&self) -> bool {
        match self {
            Self::List | Self::Show { .. } => false,
            Self::Heartbeat(args) => args.is_change(),
            Self::Add { .. } | Self::Set { .. } | Self::Remove { .. } => true,
        }
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::List => Ok(()),
            Self::Show { name } | Self::Remove { name } => mine(Some(name), view),
            Self::Heartbeat(args) => mine(Some(&args.name), view),
            Self::Set { name, settings } if settings.admin_scope.is_none() => {
                mine(Some(name), view)
            }
            Self::Set { .. } => Err(beyond("widen its own scope", view)),
            Self::Add { .. } => Err(forbidden(
                "this agent cannot add agents without a chat",
                "ask for one of a chat that it is in: `wire CHAT --own NAME`",
            )),
        }
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        if let Self::Heartbeat(HeartbeatArgs { chat: Some(chat), .. }) = self {
            view.resolve_chat(chat)?;
        }
        Ok(())
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        Ok(match self {
            Self::List | Self::Show { .. } => String::new(),
            Self::Add { name, settings } => {
                let new = format!(
                    "The agent `{name}` is added, with a workspace and a memory of its own. If there \
                     was one of that name before, it comes back with what it remembers."
                );
                wishes(new, settings, &AgentGroup::new(name.clone()))
            }
            Self::Set { name, settings } => {
                wishes(format!("The agent `{name}` is changed:"), settings, view.agent(name)?)
            }
            Self::Heartbeat(args) => heartbeat::describe(args, view)?,
            Self::Remove { name } => {
                view.agent(name)?;
                format!("The agent `{name}` is taken out of service. Its files and memory stay.")
            }
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view, now) = (&mut *context.store, context.view, context.now);
        match self {
            Self::List => list(store, view),
            Self::Show { name } => show(view.agent(name)?, store, view),
            Self::Add { name, settings } => add(name, settings, store),
            Self::Set { name, settings } => set(view.agent(name)?, settings, store, view),
            Self::Heartbeat(args) => heartbeat::perform(args, context),
            Self::Remove { name } => remove(view.agent(name)?, store, view, now),
        }
    }
}

fn list(store: &CentralStore, view: &View) -> Result {
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let stops = store.stops()?;
    let mut rows = Vec::new();
    for agent in &view.agents {
        let fields = fields(agent);
        if rows.is_empty() {
            let head = fields.iter().map(|it| it.0.to_uppercase());
            rows.push(head.chain(["STOPPED".to_owned()]).collect());
        }
        let mut row: Vec<String> = fields.into_iter().map(|it| it.1).collect();
        if agent.provider.is_none() {
            row[1] = format!("auto ({})", agent.effective_provider(has_credential).as_str());
        }
        row.push(stopped(&stops, &agent.name));
        rows.push(row);
    }
    let json = view.agents.iter().map(|it| value(it, has_credential, &stops)).collect();
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
    let fields = fields(agent);
    let mut lines: Vec<String> =
        fields.iter().map(|(label, text)| format!("{label:<12}{text}")).collect();
    lines.push(format!("{:<12}{}", "chats", joined(chats.iter().map(|it| view.label(it)))));
    lines.push(format!("{:<12}{}", "members", joined(&members)));
    let stops = store.stops()?;
    lines.push(format!("{:<12}{}", "stopped", stopped(&stops, &agent.name)));
    let mut json = value(agent, has_credential, &stops);
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
    let differs: Vec<String> = differences(old, &new).map(|it| format!("{name}: {it}")).collect();
    let text = match differs.is_empty() {
        true => format!("{name} is set so already"),
        false => differs.join("\n"),
    };
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let json = value(&new, has_credential, &store.stops()?);
    Ok(Output { hint: warning.map(str::to_owned), ..Output::new(text, json) })
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
    let set = |field: &mut Option<String>, text: &Option<String>| {
        if let Some(text) = text {
            *field = Some(text.trim().to_owned()).filter(|it| !it.is_empty());
        }
    };
    set(&mut agent.model, &settings.model);
    set(&mut agent.image, &settings.image);
    set(&mut agent.trigger, &settings.trigger);
    agent.provider = settings.provider.map_or(agent.provider, |it| it.0);
    agent.admin_scope = settings.admin_scope.unwrap_or(agent.admin_scope);
    let limits = &mut agent.resources;
    limits.memory_mib = settings.memory.unwrap_or(limits.memory_mib);
    limits.cpu_milli = settings.cpus.map_or(limits.cpu_milli, |it| it.0);
    limits.pids = settings.pids.unwrap_or(limits.pids);
    limits.disk_gib = settings.disk.unwrap_or(limits.disk_gib);
    agent
}

/// The name and what can be set, as people read it.
fn fields(agent: &AgentGroup) -> [(&'static str, String); 10] {
    let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "default".to_owned());
    [
        ("name", agent.name.to_string()),
        ("provider", ProviderChoice(agent.provider).to_string()),
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

fn differences(old: &AgentGroup, new: &AgentGroup) -> impl Iterator<Item = String> {
    let differs = fields(old).into_iter().zip(fields(new)).filter(|(old, new)| old != new);
    differs.map(|((label, before), (_, after))| format!("{label} {before} → {after}"))
}

/// The settings that were given, a line each, for the approver.
fn wishes(what: String, settings: &AgentSettings, of: &AgentGroup) -> String {
    let new = changed(of.clone(), settings);
    [what].into_iter().chain(differences(of, &new)).collect::<Vec<_>>().join("\n")
}

fn value(agent: &AgentGroup, has_credential: bool, stops: &Stops) -> Value {
    json!({
        "name": agent.name.as_str(),
        "provider": ProviderChoice(agent.provider),
        "effective_provider": agent.effective_provider(has_credential).as_str(),
        "model": agent.model,
        "image": agent.image,
        "memory_mib": agent.resources.memory_mib,
        "cpus": CpuMilli(agent.resources.cpu_milli),
        "pids": agent.resources.pids,
        "disk_gib": agent.resources.disk_gib,
        "trigger": trigger_of(&agent.name, agent.trigger.as_deref()),
        "admin_scope": agent.admin_scope.as_str(),
        "stopped_by": stops.of(&agent.name).map(|it| it.by.as_str()),
    })
}
