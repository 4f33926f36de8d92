//! Agents: who there is, and with which settings.

use clap::{Args, Subcommand};
use domain::AgentName;
use domain::agent::{AdminScope, AgentGroup, MODEL_CREDENTIAL};
use domain::engage::trigger_of;
use domain::stop::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, ChatRow, StoreError};

use crate::heartbeat;
use crate::heartbeat::HeartbeatArgs;
use crate::values::{self, CpuMilli, ProviderChoice};
use crate::{
    Command, Context, OperationError, Output, Result, View, beyond, label, mine, refused, shown,
};

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
    /// Stop an agent at once, in all chats, until `resume`
    #[command(after_help = "\
Freezes and kills its containers, takes back what is not sent yet, and says what had gone out. It
stays stopped, also over a restart of the host. New messages are kept and answered after `resume`.
Works without a running host too. In a chat, `/stop` ends only what is done there.
Undo it with `nanoclaw agents resume NAME`.")]
    Stop(StopArgs),
    /// Let a stopped agent go on: what came in meanwhile is answered, what was set aside stays so
    Resume(StopArgs),
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[group(required = true, multiple = false)]
pub struct StopArgs {
    /// Its name
    pub name: Option<AgentName>,
    /// Every agent
    #[arg(long)]
    pub all: bool,
}

impl StopArgs {
    pub fn scope(&self) -> Scope {
        self.name.clone().map_or(Scope::All, Scope::Agent)
    }
}

impl Command for AgentsOperation {
    fn is_change(&self) -> bool {
        match self {
            Self::List | Self::Show { .. } => false,
            Self::Heartbeat(args) => args.is_change(),
            Self::Add { .. } | Self::Set { .. } | Self::Remove { .. } => true,
            Self::Stop(_) | Self::Resume(_) => true,
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
            Self::Stop(_) | Self::Resume(_) => Err(by_people()),
            Self::Add { .. } => Err(refused(
                "this agent cannot add agents without a chat",
                "ask for one of a chat that it is in: `chats connect CHAT --own NAME`",
            )),
        }
    }

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        Ok(match self {
            Self::List | Self::Show { .. } => String::new(),
            Self::Stop(_) | Self::Resume(_) => return Err(by_people()),
            Self::Add { name, settings } => {
                let new = format!(
                    "The agent `{name}` is added, with a workspace and a memory of its own. If there \
                     was one of that name before, it comes back with what it remembers."
                );
                wishes(new, settings, &AgentGroup::new(name.clone()))
            }
            Self::Set { name, settings } => {
                wishes(format!("The agent `{name}` is changed:"), settings, host.agent(name)?)
            }
            Self::Heartbeat(args) => heartbeat::prepare(args, view, host)?,
            Self::Remove { name } => {
                host.agent(name)?;
                format!("The agent `{name}` is taken out of service. Its files and memory stay.")
            }
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&*context.store, context.view);
        match self {
            Self::List => {
                let all = view.agents.iter().map(|it| value(it, store)).collect::<Result<Vec<_>>>();
                Ok(Output::list(all?, SHOWN, "there is no agent"))
            }
            Self::Show { name } => {
                let agent = view.agent(name)?;
                let of = view.wired.iter().filter(|it| it.wiring.agent == agent.name);
                let chats: Vec<&ChatRow> =
                    of.filter_map(|it| view.chat_by_id(it.wiring.chat)).collect();
                let members = view.members.iter().filter(|it| it.agent == agent.name);
                let mut json = value(agent, store)?;
                json["chats"] = chats.iter().map(|it| view.label(it)).collect();
                json["members"] = members.map(|it| view.who_is(it.person)).collect();
                let mut output = Output::record(json, &format!("{SHOWN} chats members"));
                output.json["chats"] = chats.iter().map(|it| it.id.0).collect();
                Ok(output)
            }
            Self::Add { name, settings } => add(name, settings, store),
            Self::Set { name, settings } => set(view.agent(name)?, settings, store),
            Self::Heartbeat(args) => heartbeat::perform(args, context),
            Self::Stop(_) | Self::Resume(_) => Err(by_people()),
            Self::Remove { name } => {
                let name = &view.agent(name)?.name;
                if store.agents()?.len() == 1 {
                    return Err(refused(
                        format!("`{name}` is the last agent"),
                        "add another one first with `nanoclaw agents add NAME`",
                    ));
                }
                store.remove_agent(name, context.now)?;
                let text = format!(
                    "removed {name}; its files and memory stay, `nanoclaw agents add {name}` brings \
                     it back"
                );
                Ok(Output::new(text, json!({ "name": name })))
            }
        }
    }
}

/// The program itself does it, since it takes more than a change of what is stored.
fn by_people() -> OperationError {
    refused(
        "agents are stopped and resumed by people alone",
        "they say `/stop`, `/panic` and `/resume` in a chat, or `nanoclaw agents stop NAME`",
    )
}

fn add(name: &AgentName, settings: &AgentSettings, store: &CentralStore) -> Result {
    let warning = check(name, settings, store)?;
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

fn set(old: &AgentGroup, settings: &AgentSettings, store: &CentralStore) -> Result {
    if *settings == AgentSettings::default() {
        return Err(refused(
            format!("no change given for agent `{}`", old.name),
            "give a setting, like `--provider demo`; see `nanoclaw agents set --help`",
        ));
    }
    let name = &old.name;
    let warning = check(name, settings, store)?;
    let new = changed(old.clone(), settings);
    store.set_agent(&new)?;
    let differs: Vec<String> =
        differences(old, &new).iter().map(|it| format!("{name}: {it}")).collect();
    let text = match differs.is_empty() {
        true => format!("{name} is set so already"),
        false => differs.join("\n"),
    };
    let output = Output::new(text, value(&new, store)?);
    Ok(Output { hint: warning.map(str::to_owned), ..output })
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

/// What people see of an agent.
const SHOWN: &str = "name provider effective_provider model image memory_mib cpus pids disk_gib \
     trigger admin_scope stopped_by";

fn differences(old: &AgentGroup, new: &AgentGroup) -> Vec<String> {
    let (old, new) = (settings(old), settings(new));
    let text = |of: &Value, key: &str| match of[key].is_null() {
        true => "default".to_owned(),
        false => shown(of, key),
    };
    let differs = SHOWN.split(' ').filter(|it| old[*it] != new[*it]);
    differs.map(|it| format!("{} {} → {}", label(it), text(&old, it), text(&new, it))).collect()
}

/// The settings that were given, a line each, for the approver.
fn wishes(what: String, settings: &AgentSettings, of: &AgentGroup) -> String {
    let new = changed(of.clone(), settings);
    [vec![what], differences(of, &new)].concat().join("\n")
}

fn settings(agent: &AgentGroup) -> Value {
    json!({
        "name": agent.name,
        "provider": ProviderChoice(agent.provider),
        "model": agent.model,
        "image": agent.image,
        "memory_mib": agent.resources.memory_mib,
        "cpus": CpuMilli(agent.resources.cpu_milli),
        "pids": agent.resources.pids,
        "disk_gib": agent.resources.disk_gib,
        "trigger": trigger_of(&agent.name, agent.trigger.as_deref()),
        "admin_scope": agent.admin_scope.as_str(),
    })
}

/// The settings, and what follows from them and from the rest of the host.
fn value(agent: &AgentGroup, store: &CentralStore) -> Result<Value> {
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let mut json = settings(agent);
    json["effective_provider"] = agent.effective_provider(has_credential).as_str().into();
    json["stopped_by"] = store.stops()?.of(&agent.name).map(|it| it.by.clone()).into();
    Ok(json)
}

/// The setting that keeps what the machine of the containers has: processors and MiB.
const MACHINE: &str = "machine";

/// The machine that containers run on, as the engine said last. An agent that is given more never starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    pub cpus: u32,
    pub memory_mib: u32,
}

impl Machine {
    /// Keeps what the engine said, for changes that are made while nobody can ask it.
    pub fn keep(self, store: &CentralStore) -> Result<(), StoreError> {
        store.set_setting(MACHINE, &format!("{} {}", self.cpus, self.memory_mib))
    }
}

/// Refuses limits that the machine cannot give. Says so where nobody knows the machine.
fn check(
    name: &AgentName,
    settings: &AgentSettings,
    store: &CentralStore,
) -> Result<Option<&'static str>> {
    if settings.cpus.is_none() && settings.memory.is_none() {
        return Ok(None);
    }
    let kept = store.setting(MACHINE)?;
    let kept = kept.as_deref().and_then(|it| it.split_once(' '));
    let kept = kept.and_then(|it| Some((it.0.parse::<u32>().ok()?, it.1.parse::<u32>().ok()?)));
    let Some((cpus_max, memory_max)) = kept else {
        return Ok(Some(
            "the container engine did not say what its machine has; an agent that is given more \
             than that does not start",
        ));
    };
    if let Some(cpus) = settings.cpus.filter(|it| cpus_max.saturating_mul(1_000) < it.0) {
        return Err(refused(
            format!("{name} cannot have {cpus} processors: the machine has {cpus_max}"),
            format!("say `--cpus {cpus_max}` or less"),
        ));
    }
    if let Some(mib) = settings.memory.filter(|it| memory_max < *it) {
        return Err(refused(
            format!("{name} cannot have {mib} MiB of memory: the machine has {memory_max} MiB"),
            "say less with `--memory`, and leave some to the system",
        ));
    }
    Ok(None)
}
