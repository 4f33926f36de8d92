//! Who may talk to which agent, and who was refused.

use clap::Subcommand;
use domain::AgentName;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::PersonRow;
use store::{CentralStore, DenialRow, MemberRow};

use crate::caller::mine;
use crate::command::{Command, Context};
use crate::find::{View, who};
use crate::operation::USER;
use crate::output::{Output, Result, listed, refused};

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

impl Command for MembersOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List { .. })
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::List { agent } | Self::Add { agent, .. } | Self::Remove { agent, .. } => {
                mine(agent.as_ref(), view)
            }
        }
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        match self {
            Self::List { .. } => Ok(()),
            Self::Add { user, agent } | Self::Remove { user, agent } => {
                view.resolve_user(user)?;
                *agent = Some(view.agent_or_only(agent.as_ref())?.name.clone());
                Ok(())
            }
        }
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        let (user, agent, start, end) = match self {
            Self::List { .. } => return Ok(String::new()),
            Self::Add { user, agent } => (user, agent, "may", ", wherever it is"),
            Self::Remove { user, agent } => (user, agent, "may no longer", " as a member"),
        };
        let (user, agent) = (view.shown_user(user), &view.agent_or_only(agent.as_ref())?.name);
        Ok(format!("{user} {start} talk to the agent `{agent}`{end}."))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let Context { store, view, now, .. } = context;
        match self {
            Self::List { agent } => list(agent.as_ref(), store, view),
            Self::Add { user, agent } => {
                let person = view.person_or_new(user, store, *now)?;
                add(&person, &view.agent_or_only(agent.as_ref())?.name, store)
            }
            Self::Remove { user, agent } => {
                remove(view.person(user)?, &view.agent_or_only(agent.as_ref())?.name, store)
            }
        }
    }
}

fn list(of: Option<&AgentName>, store: &CentralStore, view: &View) -> Result {
    if let Some(agent) = of {
        view.agent(agent)?;
    }
    let asked = |agent: &AgentName| of.is_none_or(|it| it == agent) && view.sees_agent(agent);
    let members: Vec<&MemberRow> = view.members.iter().filter(|it| asked(&it.agent)).collect();
    let denials = store.denials()?;
    let denials: Vec<&DenialRow> = denials.iter().filter(|it| asked(&it.agent)).collect();
    let member =
        |it: &&MemberRow| [it.agent.to_string(), view.who_is(it.person), "member".to_owned()];
    let denial = |row: &&DenialRow| {
        let name = if row.name.is_empty() { String::new() } else { format!("{} ", row.name) };
        let whom = format!("{name}({})", row.handle);
        [row.agent.to_string(), whom, "refused".to_owned()]
    };
    let rows = members.iter().map(member).chain(denials.iter().map(denial)).collect();
    let none = "there are no members; owners and admins may talk to their agents all the same";
    let text = listed(["AGENT", "WHO", "STATE"], rows, none);
    let member = |it: &&MemberRow| json!({ "agent": it.agent.as_str(), "user": it.person.to_string(), "name": it.name });
    let denial = |it: &&DenialRow| json!({ "agent": it.agent.as_str(), "handle": it.handle.to_string(), "name": it.name });
    let members: Vec<Value> = members.iter().map(member).collect();
    let refused: Vec<Value> = denials.iter().map(denial).collect();
    Ok(Output::new(text, json!({ "members": members, "refused": refused })))
}

fn add(person: &PersonRow, agent: &AgentName, store: &mut CentralStore) -> Result {
    let added = store.add_member(person.id, agent)?;
    let text = match added {
        true => format!("{} may talk to {agent} now", who(person)),
        false => format!("{} may talk to {agent} already", who(person)),
    };
    let json = json!({ "user": person.id.to_string(), "agent": agent.as_str(), "added": added });
    Ok(Output::new(text, json).undo(format!("members remove {} {agent}", person.id)))
}

fn remove(person: &PersonRow, agent: &AgentName, store: &CentralStore) -> Result {
    if !store.remove_member(person.id, agent)? {
        return Err(refused(
            format!("{} is no member of {agent}", who(person)),
            "see `nanoclaw members list`; a role is taken back with `nanoclaw roles revoke`",
        ));
    }
    let text = format!("{} is no member of {agent} any longer", who(person));
    let json = json!({ "user": person.id.to_string(), "agent": agent.as_str() });
    Ok(Output::new(text, json).undo(format!("members add {} {agent}", person.id)))
}
