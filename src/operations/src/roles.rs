//! Who owns the host, and who is admin of an agent.

use clap::Subcommand;
use domain::AgentName;
use domain::people::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, PersonRow, Removed, RoleRow};

use crate::caller::{beyond, mine};
use crate::command::{Command, Context};
use crate::find::{View, who};
use crate::operation::USER;
use crate::output::{Output, Result, listed, refused};
use crate::people::{last_owner, role_text};

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

impl Command for RolesOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List)
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::List => Ok(()),
            Self::Grant { role: RoleWord::Admin, agent: Some(agent), .. }
            | Self::Revoke { role: RoleWord::Admin, agent: Some(agent), .. } => {
                mine(Some(agent), view)
            }
            Self::Grant { .. } | Self::Revoke { .. } => {
                Err(beyond("give or take roles of the whole host", view))
            }
        }
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        match self {
            Self::List => Ok(()),
            Self::Grant { user, .. } | Self::Revoke { user, .. } => view.resolve_user(user),
        }
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        let (user, role, agent, becomes) = match self {
            Self::List => return Ok(String::new()),
            Self::Grant { user, role, agent } => (user, role, agent, "becomes"),
            Self::Revoke { user, role, agent } => (user, role, agent, "is no longer"),
        };
        let role = match (role, agent) {
            (RoleWord::Owner, _) => {
                "an owner of this host, who may do everything and decide about everything"
            }
            (RoleWord::Admin, None) => "an admin of all agents, who decides about them",
            (RoleWord::Admin, Some(agent)) => &format!(
                "an admin of the agent `{agent}`, who may change it and decides who may talk to it"
            ),
        };
        Ok(format!("{} {becomes} {role}.", view.shown_user(user)))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let Context { store, view, now, .. } = context;
        match self {
            Self::List => Ok(list(view)),
            Self::Grant { user, role, agent } => {
                let role = read(*role, agent.as_ref(), view)?;
                let person = view.person_or_new(user, store, *now)?;
                grant(&person, &role, store)
            }
            Self::Revoke { user, role, agent } => {
                let role = read(*role, agent.as_ref(), view)?;
                revoke(view.person(user)?, &role, store)
            }
        }
    }
}

fn read(word: RoleWord, agent: Option<&AgentName>, view: &View) -> Result<Role> {
    if let Some(agent) = agent {
        view.agent(agent)?;
    }
    let word = match word {
        RoleWord::Owner => "owner",
        RoleWord::Admin => "admin",
    };
    Role::parse(word, agent.cloned()).map_err(|err| {
        refused(err.to_string(), "omit `--agent`, or use `admin` instead of `owner`")
    })
}

fn list(view: &View) -> Output {
    let row = |it: &RoleRow| [view.who_is(it.person), role_text(&it.role)];
    let none = "nobody has a role yet; `nanoclaw pair` makes you the owner";
    let rows = view.roles.iter().map(row).collect();
    let text = listed(["WHO", "ROLE"], rows, none);
    let value = |row: &RoleRow| {
        let (user, role) = (row.person.to_string(), row.role.as_str());
        json!({ "user": user, "name": row.name, "role": role, "agent": row.role.agent() })
    };
    Output::new(text, Value::Array(view.roles.iter().map(value).collect()))
}

fn grant(person: &PersonRow, role: &Role, store: &mut CentralStore) -> Result {
    let granted = store.grant(person.id, role)?;
    let already = if granted { "" } else { " already" };
    let text = format!("{} is {}{already}", who(person), role_text(role));
    Ok(Output::new(text, value(person, role)).undo(undo("revoke", person, role)))
}

fn revoke(person: &PersonRow, role: &Role, store: &mut CentralStore) -> Result {
    let text = match store.revoke(person.id, role)? {
        Removed::Yes => format!("{} is no longer {}", who(person), role_text(role)),
        Removed::NotThere => {
            return Err(refused(
                format!("{} is not {}", who(person), role_text(role)),
                "see `nanoclaw roles list`",
            ));
        }
        Removed::LastOwner => return Err(last_owner(person)),
    };
    Ok(Output::new(text, value(person, role)).undo(undo("grant", person, role)))
}

fn undo(operation: &str, person: &PersonRow, role: &Role) -> String {
    let agent = role.agent().map(|it| format!(" --agent {it}")).unwrap_or_default();
    format!("roles {operation} {} {}{agent}", person.id, role.as_str())
}

fn value(person: &PersonRow, role: &Role) -> Value {
    json!({ "user": person.id.to_string(), "role": role.as_str(), "agent": role.agent() })
}
