//! Who owns the host, who is admin of an agent, who may talk to which, and who was refused.

use clap::{Args, Subcommand};
use domain::AgentName;
use domain::people::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, DenialRow, MemberRow, Removed, RoleRow};

use crate::people::{last_owner, role_text};
use crate::{Command, Context, Output, Result, USER, View, beyond, mine, refused, who};

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleArgs {
    #[arg(help = USER)]
    pub user: String,
    /// `owner` of the whole host, or `admin` of one agent or of all
    #[arg(value_parser = ["owner", "admin"])]
    pub role: String,
    /// The agent that an admin is one of [default: all agents]
    #[arg(long)]
    pub agent: Option<AgentName>,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RolesOperation {
    /// Show who has which role
    List,
    /// Give somebody a role; an admin without --agent is one of all agents
    #[serde(alias = "grant")]
    Add(RoleArgs),
    /// Take a role back
    #[serde(alias = "revoke")]
    Remove(RoleArgs),
}

impl Command for RolesOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List)
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::List => Ok(()),
            Self::Add(args) | Self::Remove(args) => match (args.role.as_str(), &args.agent) {
                ("admin", Some(agent)) => mine(Some(agent), view),
                _ => Err(beyond("give or take roles of the whole host", view)),
            },
        }
    }

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        let (args, becomes) = match self {
            Self::List => return Ok(String::new()),
            Self::Add(args) => (args, "becomes"),
            Self::Remove(args) => (args, "is no longer"),
        };
        let user = view.resolve_user(&mut args.user, host)?;
        let role = match read(args, host)? {
            Role::Owner => {
                "an owner of this host, who may do everything and decide about everything"
            }
            Role::Admin { of: None } => "an admin of all agents, who decides about them",
            Role::Admin { of: Some(agent) } => &format!(
                "an admin of the agent `{agent}`, who may change it and decides who may talk to it"
            ),
        };
        Ok(format!("{user} {becomes} {role}."))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&mut *context.store, context.view);
        let (args, is_grant) = match self {
            Self::List => {
                let none = "nobody has a role yet; `nanoclaw pair` makes you the owner";
                let shown = view.roles.iter().map(|row| {
                    let mut shown = value(row);
                    if row.role == (Role::Admin { of: None }) {
                        shown["agent"] = "all agents".into();
                    }
                    shown
                });
                let output = Output::list(shown.collect(), "user name role agent", none);
                return Ok(Output { json: view.roles.iter().map(value).collect(), ..output });
            }
            Self::Add(args) => (args, true),
            Self::Remove(args) => (args, false),
        };
        let role = &read(args, view)?;
        let person = match is_grant {
            true => view.person_or_new(&args.user, store, context.now)?,
            false => view.person(&args.user)?.clone(),
        };
        let (id, name, text) = (person.id.to_string(), who(&person), role_text(role));
        let (text, undo) = if is_grant {
            let already = if store.grant(person.id, role)? { "" } else { " already" };
            (format!("{name} is {text}{already}"), "remove")
        } else {
            match store.revoke(person.id, role)? {
                Removed::Yes => (format!("{name} is no longer {text}"), "add"),
                Removed::NotThere => {
                    let what = format!("{name} is not {text}");
                    return Err(refused(what, "see `nanoclaw roles list`"));
                }
                Removed::LastOwner => return Err(last_owner(&person)),
            }
        };
        let (word, agent) = (role.as_str(), role.agent());
        let of = agent.map(|it| format!(" --agent {it}")).unwrap_or_default();
        let output = Output::new(text, json!({ "user": id, "role": word, "agent": agent }));
        Ok(output.undo(format!("roles {undo} {id} {word}{of}")))
    }
}

fn value(row: &RoleRow) -> Value {
    let (user, role) = (row.person.to_string(), row.role.as_str());
    json!({ "user": user, "name": row.name, "role": role, "agent": row.role.agent() })
}

fn read(args: &RoleArgs, view: &View) -> Result<Role> {
    let of = args.agent.as_ref().map(|it| view.agent(it)).transpose()?.map(|it| it.name.clone());
    Role::parse(&args.role, of).map_err(|err| {
        refused(err.to_string(), "omit `--agent`, or use `admin` instead of `owner`")
    })
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberArgs {
    #[arg(help = USER)]
    pub user: String,
    /// [default: the only agent]
    pub agent: Option<AgentName>,
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
    Add(MemberArgs),
    /// Do not let somebody talk to an agent any longer
    Remove(MemberArgs),
}

impl Command for MembersOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List { .. })
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::List { agent } => mine(agent.as_ref(), view),
            Self::Add(args) | Self::Remove(args) => mine(args.agent.as_ref(), view),
        }
    }

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        let (args, start, end) = match self {
            Self::List { .. } => return Ok(String::new()),
            Self::Add(args) => (args, "may", ", wherever it is"),
            Self::Remove(args) => (args, "may no longer", " as a member"),
        };
        let user = view.resolve_user(&mut args.user, host)?;
        let agent = view.agent_or_only(args.agent.as_ref())?.name.clone();
        let text = format!("{user} {start} talk to the agent `{agent}`{end}.");
        args.agent = Some(agent);
        Ok(text)
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&mut *context.store, context.view);
        let args = match self {
            Self::List { agent } => return list_members(agent.as_ref(), store, view),
            Self::Add(args) | Self::Remove(args) => args,
        };
        let agent = &view.agent_or_only(args.agent.as_ref())?.name;
        if let Self::Add(_) = self {
            let person = &view.person_or_new(&args.user, store, context.now)?;
            let (id, added) = (person.id, store.add_member(person.id, agent)?);
            let when = if added { "now" } else { "already" };
            let text = format!("{} may talk to {agent} {when}", who(person));
            let json = json!({ "user": id.to_string(), "agent": agent, "added": added });
            return Ok(Output::new(text, json).undo(format!("members remove {id} {agent}")));
        }
        let person = view.person(&args.user)?;
        let (id, name) = (person.id, who(person));
        if !store.remove_member(id, agent)? {
            return Err(refused(
                format!("{name} is no member of {agent}"),
                "see `nanoclaw members list`; a role is taken back with `nanoclaw roles remove`",
            ));
        }
        let text = format!("{name} is no member of {agent} any longer");
        let json = json!({ "user": id.to_string(), "agent": agent });
        Ok(Output::new(text, json).undo(format!("members add {id} {agent}")))
    }
}

fn list_members(of: Option<&AgentName>, store: &CentralStore, view: &View) -> Result {
    if let Some(agent) = of {
        view.agent(agent)?;
    }
    let asked = |agent: &AgentName| of.is_none_or(|it| it == agent) && view.sees_agent(agent);
    let member = |row: &MemberRow| {
        let user = row.person.to_string();
        json!({ "agent": row.agent, "user": user, "name": row.name, "state": "member" })
    };
    let denial = |row: &DenialRow| {
        let handle = &row.handle;
        json!({ "agent": row.agent, "handle": handle, "name": row.name, "state": "refused" })
    };
    let members = view.members.iter().filter(|it| asked(&it.agent));
    let members: Vec<Value> = members.map(member).collect();
    let denials = store.denials()?;
    let denials: Vec<Value> = denials.iter().filter(|it| asked(&it.agent)).map(denial).collect();
    let none = "there are no members; owners and admins may talk to their agents all the same";
    let all = [&members[..], &denials].concat();
    let output = Output::list(all, "agent name user handle state", none);
    Ok(Output { json: json!({ "members": members, "refused": denials }), ..output })
}
