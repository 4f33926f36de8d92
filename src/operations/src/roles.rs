//! Who owns the host, and who is admin of an agent.

use crate::prelude::*;
use domain::people::Role;
use store::{Removed, RoleRow};

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
    fn right(&self) -> Right<'_> {
        match self {
            Self::List => Right::Look(None),
            Self::Add(args) | Self::Remove(args) => match (&*args.role, &args.agent) {
                ("admin", Some(agent)) => Right::Agent(Some(agent)),
                _ => Right::Host("give or take roles of the whole host"),
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
        let (args, (id, name), is_grant) = match self {
            Self::List => {
                let none = "nobody has a role yet; `nanoclaw pair` makes you the owner";
                let all = view.roles.iter().map(value).collect();
                return Ok(Output::list(all, "user name text=role", none));
            }
            Self::Add(args) => (args, view.person_or_new(&args.user, store, context.now)?, true),
            Self::Remove(args) => {
                let person = view.person(&args.user)?;
                (args, (person.id, who(person)), false)
            }
        };
        let role = &read(args, view)?;
        let text = role_text(role);
        let (text, undo) = if is_grant {
            let already = if store.grant(id, role)? { "" } else { " already" };
            (format!("{name} is {text}{already}"), "remove")
        } else {
            match store.revoke(id, role)? {
                Removed::Yes => (format!("{name} is no longer {text}"), "add"),
                Removed::NotThere => {
                    let what = format!("{name} is not {text}");
                    return Err(refused(what, "see `nanoclaw roles list`"));
                }
                Removed::LastOwner => return Err(last_owner(&name)),
            }
        };
        let (word, agent) = (role.as_str(), role.agent());
        let of = agent.map(|it| format!(" --agent {it}")).unwrap_or_default();
        let json = json!({ "user": id.to_string(), "role": word, "agent": agent });
        Ok(Output::new(text, json).undo(format!("roles {undo} {id} {word}{of}")))
    }
}

fn value(row: &RoleRow) -> Value {
    let (user, role, agent) = (row.person.to_string(), row.role.as_str(), row.role.agent());
    let text = role_text(&row.role);
    json!({ "user": user, "name": row.name, "role": role, "agent": agent, "text": text })
}

fn read(args: &RoleArgs, view: &View) -> Result<Role> {
    let of = args.agent.as_ref().map(|it| view.agent(it)).transpose()?.map(|it| it.name.clone());
    Role::parse(&args.role, of).or_refuse("omit `--agent`, or use `admin` instead of `owner`")
}

pub(crate) fn role_text(role: &Role) -> String {
    match role {
        Role::Owner => "owner".to_owned(),
        Role::Admin { of: None } => "admin of all agents".to_owned(),
        Role::Admin { of: Some(agent) } => format!("admin of {agent}"),
    }
}

pub(crate) fn last_owner(name: &str) -> OperationError {
    refused(
        format!("{name} is the last owner"),
        "make somebody else one first: `nanoclaw roles add USER owner`",
    )
}
