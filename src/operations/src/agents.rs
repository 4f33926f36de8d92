//! Agents: who there is, and with which settings.

mod heartbeat;
mod settings;

use domain::agent::AgentGroup;
use domain::stop::Scope;
use store::ChatRow;

use crate::agents::heartbeat::HeartbeatArgs;
pub use crate::agents::settings::Machine;
use crate::agents::settings::{AgentSettings, SHOWN, differences, value};
use crate::prelude::*;

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
  nanoclaw agents set andy --model ''            back to the default
  nanoclaw agents set andy --transcribe 'bash /workspace/hear.sh {file}'

Voice notes: put a program that turns speech into text, such as whisper.cpp, and its model into the
image (`--image`) or the agent's workspace. For example, /workspace/hear.sh may be
  ffmpeg -loglevel error -i \"$1\" -ar 16000 -ac 1 -f wav - |
    /workspace/whisper-cli -m /workspace/ggml-base.bin -l auto -nt -np -f -
It runs as the agent, for at most 3 minutes a recording. A container reaches nothing but the model
so far, so a program that calls an API for speech does not work yet.")]
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

/// The program itself does it, since it takes more than a change of what is stored.
const BY_PEOPLE: (&str, &str) = (
    "agents are stopped and resumed by people alone",
    "they say `/stop`, `/panic` and `/resume` in a chat, or `nanoclaw agents stop NAME`",
);

impl Command for AgentsOperation {
    fn right(&self) -> Right<'_> {
        match self {
            Self::List => Right::Look(None),
            Self::Show { name } => Right::Look(Some(name)),
            Self::Heartbeat(args) if !args.is_change() => Right::Look(Some(&args.name)),
            Self::Heartbeat(args) => Right::Agent(Some(&args.name)),
            Self::Add { .. } => Right::Host(
                "add agents without a chat; `chats connect CHAT --own NAME` asks for one of a chat",
            ),
            Self::Set { settings, .. } if settings.admin_scope.is_some() => {
                Right::Host("widen its own scope")
            }
            Self::Set { name, .. } | Self::Remove { name } => Right::Agent(Some(name)),
            Self::Stop(_) | Self::Resume(_) => Right::People(BY_PEOPLE),
        }
    }

    fn prepare(&mut self, store: &CentralStore, view: &View, host: &View) -> Result<String> {
        let told = |what: String, settings: &AgentSettings, old: &AgentGroup| {
            let new = settings.applied(old.clone());
            [vec![what], differences(old, &new)].concat().join("\n")
        };
        Ok(match self {
            Self::List | Self::Show { .. } | Self::Stop(_) | Self::Resume(_) => String::new(),
            Self::Add { name, settings } => {
                let what = format!(
                    "The agent `{name}` is added, with a workspace and a memory of its own. If there \
                     was one of that name before, it comes back with what it remembers."
                );
                told(what, settings, &AgentGroup::new(name.clone()))
            }
            Self::Set { name, settings } => {
                let what = format!("The agent `{name}` is changed:");
                let told = told(what, settings, host.agent(name)?);
                match told.contains('\n') {
                    true => told,
                    false => format!("The agent `{name}` is set so already."),
                }
            }
            Self::Heartbeat(args) => args.prepare(store, view, host)?,
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
                let chats: Vec<&ChatRow> = view.chats_of(name).collect();
                let members = view.members.iter().filter(|it| it.agent == agent.name);
                let mut json = value(agent, store)?;
                json["chats"] = chats.iter().map(|it| it.id.0).collect();
                json["labels"] = chats.iter().map(|it| view.label(it)).collect();
                json["members"] = members.map(|it| view.who_is(it.person)).collect();
                Ok(Output::record(json, &format!("{SHOWN} labels=chats members")))
            }
            Self::Add { name, settings } => add(name, settings, store),
            Self::Set { name, settings } => set(view.agent(name)?, settings, store),
            Self::Heartbeat(args) => args.run(context),
            Self::Stop(_) | Self::Resume(_) => Err(refused(BY_PEOPLE.0, BY_PEOPLE.1)),
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

fn add(name: &AgentName, settings: &AgentSettings, store: &CentralStore) -> Result {
    let warning = settings.check(name, store)?;
    let was_removed = store.agent_names_taken()?.contains(name);
    if !store.add_agent(&AgentGroup::new(name.clone()))? {
        let what = format!("there is an agent `{name}` already");
        return Err(refused(what, format!("change it with `nanoclaw agents set {name}`")));
    }
    // A removed agent comes back as it was; what was said now still counts.
    if let Some(there) = store.agent(name)? {
        store.set_agent(&settings.applied(there))?;
    }
    let text = match was_removed {
        true => format!("brought {name} back with its settings, files and memory"),
        false => format!("added {name}; talk to it with `nanoclaw chat --agent {name}`"),
    };
    let warning = warning.map(|it| format!("; {it}")).unwrap_or_default();
    let json = json!({ "name": name, "was_removed": was_removed });
    let output = Output::new(text, json);
    Ok(output.hint(format!("undo with `nanoclaw agents remove {name}`{warning}")))
}

fn set(old: &AgentGroup, settings: &AgentSettings, store: &CentralStore) -> Result {
    if *settings == AgentSettings::default() {
        return Err(refused(
            format!("no change given for agent `{}`", old.name),
            "give a setting, like `--provider demo`; see `nanoclaw agents set --help`",
        ));
    }
    let name = &old.name;
    let warning = settings.check(name, store)?;
    let new = settings.applied(old.clone());
    store.set_agent(&new)?;
    let differs: Vec<String> =
        differences(old, &new).iter().map(|it| format!("{name}: {it}")).collect();
    let text = match differs.is_empty() {
        true => format!("{name} is set so already"),
        false => differs.join("\n"),
    };
    let undo = format!("undo with `nanoclaw {}`", settings.undo(old));
    let hints = [(!differs.is_empty()).then_some(undo), warning.map(str::to_owned)];
    let hints: Vec<String> = hints.into_iter().flatten().collect();
    let output = Output::new(text, value(&new, store)?);
    Ok(Output { hint: (!hints.is_empty()).then(|| hints.join("; ")), ..output })
}
