//! The operations, as they are typed. No IO.

use clap::{Args, Subcommand};
use domain::AgentName;
use domain::admission::Policy;
use domain::agent::AdminScope;
use domain::people::Handle;
use serde::{Deserialize, Serialize};

use crate::heartbeat::HeartbeatArgs;
use crate::tasks::operation::TasksOperation;
use crate::values::{self, CpuMilli, ProviderChoice};
pub use crate::wire_args::{ContextChoice, UnwireArgs, When, WireArgs};

/// Something that can be administered.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// Show chats, and set whom they let in
    Chats(Family<ChatsOperation>),
    /// Connect a chat to an agent, or change how
    Wire(WireArgs),
    /// Disconnect a chat from an agent
    Unwire(UnwireArgs),
    /// List, add, change and remove agents
    Agents(Family<AgentsOperation>),
    /// People, and how platforms name them
    Users(Family<UsersOperation>),
    /// Who owns this host, and who is admin of an agent
    Roles(Family<RolesOperation>),
    /// Who may talk to an agent
    Members(Family<MembersOperation>),
    /// The chats that an agent may write to by name
    Destinations(Family<DestinationsOperation>),
    /// Conversations with agents
    Sessions(Family<SessionsOperation>),
    /// What waits for somebody's answer
    Approvals(Family<ApprovalsOperation>),
    /// Messages that reached nobody, counted
    Dropped(Family<DroppedOperation>),
    /// What agents do at set times: reminders, and what recurs
    Tasks(Family<TasksOperation>),
}

/// A group of operations about one kind of thing.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family<T: Subcommand> {
    /// As JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub operation: T,
}

pub(crate) const CHAT: &str = "Its number, `channel:chat`, or its title where that is unique";
const USER: &str = "A number like p1, `channel:id`, or a name that is unique";

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ChatsOperation {
    /// Show every chat that was heard of
    List,
    /// Show one chat: its agents, and how they are connected
    Show {
        #[arg(help = CHAT)]
        chat: String,
    },
    /// Set whom a chat lets in, or leave it alone
    #[command(after_help = "\
Examples:
  nanoclaw chats set 3 --policy strict   ignore people that the agent does not know
  nanoclaw chats set 3 --deny            ignore the whole chat")]
    Set {
        #[arg(help = CHAT)]
        chat: String,
        /// What to do with people whom nobody knows: ignore them, ask, or let them in
        #[arg(long, value_name = "POLICY",
              value_parser = values::parse_enum(Policy::ALL.map(Policy::as_str), Policy::parse))]
        policy: Option<Policy>,
        /// Ignore everything in it
        #[arg(long, conflicts_with = "undeny")]
        deny: bool,
        /// Listen again
        #[arg(long)]
        undeny: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AgentsOperation {
    /// Show all agents
    List,
    /// Show one agent: its settings, chats and people
    Show { name: AgentName },
    /// Add an agent, or bring a removed one back as it was
    Add {
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
        name: AgentName,
        #[command(flatten)]
        settings: AgentSettings,
    },
    /// Show or set when an agent checks whether there is anything to say
    Heartbeat(HeartbeatArgs),
    /// Take an agent out of service; its files and memory stay
    Remove { name: AgentName },
}

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
pub enum UsersOperation {
    /// Show everybody
    List,
    /// Show one person: handles, roles, memberships
    Show {
        #[arg(help = USER)]
        user: String,
    },
    /// Add a person by what a platform calls them, like telegram:123456
    Add {
        #[arg(value_parser = handle)]
        handle: Handle,
        /// What people call them
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Call a person differently
    Rename {
        #[arg(help = USER)]
        user: String,
        name: String,
    },
    /// Say that a handle is the same person
    Link {
        #[arg(help = USER)]
        user: String,
        #[arg(value_parser = handle)]
        handle: Handle,
    },
    /// Take a handle from its person
    Unlink {
        #[arg(value_parser = handle)]
        handle: Handle,
    },
    /// Show or set where a person lives
    Timezone {
        #[arg(help = USER)]
        user: String,
        /// A zone or a city, like Europe/Berlin; `-` is that of the install
        zone: Option<String>,
    },
    /// Show or set when a person is left alone by what they did not ask for
    Quiet {
        #[arg(help = USER)]
        user: String,
        /// From and to in their zone, like 22:00-7:00; `off` ends it
        hours: Option<String>,
    },
    /// Forget a person, with roles and memberships
    Remove {
        #[arg(help = USER)]
        user: String,
    },
}

/// What can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleWord {
    /// Of the whole host
    Owner,
    /// Of one agent, or of all
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RolesOperation {
    /// Show who has which role
    List,
    /// Give somebody a role; an admin without --agent is one of all agents
    Grant {
        #[arg(help = USER)]
        user: String,
        role: RoleWord,
        /// The agent to be admin of
        #[arg(long)]
        agent: Option<AgentName>,
    },
    /// Take a role back
    Revoke {
        #[arg(help = USER)]
        user: String,
        role: RoleWord,
        /// The agent to be admin of no longer
        #[arg(long)]
        agent: Option<AgentName>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MembersOperation {
    /// Show who may talk to which agent, and who was refused
    List {
        /// Of one agent
        #[arg(long)]
        agent: Option<AgentName>,
    },
    /// Let somebody talk to an agent; also takes back a refusal
    Add {
        #[arg(help = USER)]
        user: String,
        /// [default: the only agent]
        agent: Option<AgentName>,
    },
    /// Do not let somebody talk to an agent any longer
    Remove {
        #[arg(help = USER)]
        user: String,
        /// [default: the only agent]
        agent: Option<AgentName>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DestinationsOperation {
    /// Show what agents call the chats that they may write to
    List {
        /// Of one agent
        #[arg(long)]
        agent: Option<AgentName>,
    },
    /// Let an agent write to a chat
    Add {
        agent: AgentName,
        #[arg(help = CHAT)]
        chat: String,
        /// What the agent calls it [default: after the chat's title]
        #[arg(long)]
        name: Option<String>,
    },
    /// Do not let an agent write there any longer
    Remove {
        agent: AgentName,
        /// What the agent calls it
        name: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SessionsOperation {
    /// Show all conversations
    List,
    /// Show one
    Show {
        /// As in `sessions list`, like s3
        id: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ApprovalsOperation {
    /// Show what waits for an answer, and the last answers
    List,
    /// Show one question, in full
    Show {
        /// Its number
        id: String,
    },
    /// Answer a question from the terminal of the host
    Answer {
        /// Its number
        id: String,
        /// One of the answers that `approvals show` lists
        answer: String,
        /// Share an agent without being asked
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DroppedOperation {
    /// List dropped messages by sender and reason
    List,
    /// Forget the counts
    Clear {
        /// Of one chat alone: `channel:chat`, its number or title
        chat: Option<String>,
    },
}

fn handle(text: &str) -> Result<Handle, String> {
    Handle::parse(text).ok_or_else(|| "write it as `channel:id`, like telegram:123456".to_owned())
}

impl Operation {
    /// Whether it changes anything.
    #[must_use]
    pub fn is_change(&self) -> bool {
        match self {
            Self::Chats(it) => matches!(it.operation, ChatsOperation::Set { .. }),
            Self::Wire(it) => !it.dry_run,
            Self::Unwire(_) => true,
            Self::Agents(it) => match &it.operation {
                AgentsOperation::List | AgentsOperation::Show { .. } => false,
                AgentsOperation::Heartbeat(it) => it.is_change(),
                AgentsOperation::Add { .. }
                | AgentsOperation::Set { .. }
                | AgentsOperation::Remove { .. } => true,
            },
            Self::Users(it) => !matches!(
                it.operation,
                UsersOperation::List
                    | UsersOperation::Show { .. }
                    | UsersOperation::Timezone { zone: None, .. }
                    | UsersOperation::Quiet { hours: None, .. }
            ),
            Self::Roles(it) => !matches!(it.operation, RolesOperation::List),
            Self::Members(it) => !matches!(it.operation, MembersOperation::List { .. }),
            Self::Destinations(it) => !matches!(it.operation, DestinationsOperation::List { .. }),
            Self::Sessions(_) => false,
            Self::Approvals(it) => matches!(it.operation, ApprovalsOperation::Answer { .. }),
            Self::Dropped(it) => matches!(it.operation, DroppedOperation::Clear { .. }),
            Self::Tasks(it) => it.operation.is_change(),
        }
    }

    /// Whether the result is wanted for a program.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        match self {
            Self::Chats(it) => it.json,
            Self::Wire(it) => it.json,
            Self::Unwire(it) => it.json,
            Self::Agents(it) => it.json,
            Self::Users(it) => it.json,
            Self::Roles(it) => it.json,
            Self::Members(it) => it.json,
            Self::Destinations(it) => it.json,
            Self::Sessions(it) => it.json,
            Self::Approvals(it) => it.json,
            Self::Dropped(it) => it.json,
            Self::Tasks(it) => it.json,
        }
    }
}
