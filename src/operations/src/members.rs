//! Who may talk to which agent, and who was refused.

use crate::prelude::*;

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
    fn right(&self) -> Right<'_> {
        match self {
            Self::List { agent } => Right::Look(agent.as_ref()),
            Self::Add(args) | Self::Remove(args) => Right::Agent(args.agent.as_ref()),
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
        match self {
            Self::List { agent } => list(agent.as_ref(), store, view),
            Self::Add(args) => {
                let agent = &view.agent_or_only(args.agent.as_ref())?.name;
                let (id, name) = view.person_or_new(&args.user, store, context.now)?;
                let added = store.add_member(id, agent)?;
                let when = if added { "now" } else { "already" };
                let json = json!({ "user": id.to_string(), "agent": agent, "added": added });
                let output = Output::new(format!("{name} may talk to {agent} {when}"), json);
                Ok(output.undo(format!("members remove {id} {agent}")))
            }
            Self::Remove(args) => {
                let agent = &view.agent_or_only(args.agent.as_ref())?.name;
                let person = view.person(&args.user)?;
                let (id, name) = (person.id, who(person));
                if !store.remove_member(id, agent)? {
                    return Err(refused(
                        format!("{name} is no member of {agent}"),
                        "see `nanoclaw members list`; `nanoclaw roles remove` takes back a role",
                    ));
                }
                let json = json!({ "user": id.to_string(), "agent": agent });
                let output =
                    Output::new(format!("{name} is no member of {agent} any longer"), json);
                Ok(output.undo(format!("members add {id} {agent}")))
            }
        }
    }
}

fn list(of: Option<&AgentName>, store: &CentralStore, view: &View) -> Result {
    let of = of.map(|it| view.agent(it)).transpose()?.map(|it| &it.name);
    let is_asked = |agent: &AgentName| of.is_none_or(|it| it == agent) && view.sees_agent(agent);
    let members = view.members.iter().filter(|it| is_asked(&it.agent)).map(|row| {
        let user = row.person.to_string();
        json!({ "agent": row.agent, "user": user, "name": row.name, "state": "member" })
    });
    let members: Vec<Value> = members.collect();
    let denials = store.denials()?;
    let denials = denials.iter().filter(|it| is_asked(&it.agent)).map(|row| {
        let handle = &row.handle;
        json!({ "agent": row.agent, "handle": handle, "name": row.name, "state": "refused" })
    });
    let denials: Vec<Value> = denials.collect();
    let none = "there are no members; owners and admins may talk to their agents all the same";
    let all = [&members[..], &denials].concat();
    let output = Output::list(all, "agent name user handle state", none);
    Ok(Output { json: json!({ "members": members, "refused": denials }), ..output })
}
