//! Who asks, and what they may ask for.

use domain::agent::AdminScope;
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use store::CentralStore;

use crate::find::{View, no_agent};
use crate::operation::{
    AgentsOperation, ApprovalsOperation, ChatsOperation, DestinationsOperation, DroppedOperation,
    MembersOperation, Operation, RoleWord, RolesOperation, UsersOperation,
};
use crate::output::{OperationError, Result, forbidden};
use crate::tasks::operation::TasksOperation;

/// Who asks for an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The user at the terminal of the host.
    Host,
    /// An agent, by its administration tool. Somebody else has to agree to its changes.
    Agent { group: AgentName, admin_scope: AdminScope },
    /// Somebody in a chat, or the agent that works for them there, about tasks. Nobody has to agree:
    /// [`domain::task::rights`] says what is theirs.
    Chat(Asker),
}

/// Who asks about tasks in a chat. What an agent may administer ([`AdminScope`]) has no part in it: a
/// reminder is part of a conversation, and reaches no further than the conversation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    pub agent: AgentName,
    pub session: SessionId,
    pub chat: ChatId,
    pub thread: Option<String>,
    pub who: Who,
    /// Somebody wrote just now and waits for an answer; no task runs, nothing runs unattended.
    pub is_attended: bool,
    /// Names the request; asking twice under one name adds one task.
    pub key: String,
    /// When it was asked. `in 20 minutes` counts from then, however often the request is repeated.
    pub at: Timestamp,
}

impl Caller {
    /// Who did it, for the records.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Host => "host".to_owned(),
            Self::Agent { group, .. } => by_agent(group),
            Self::Chat(Asker { who: Who::Person { handle, .. }, .. }) => handle.to_string(),
            Self::Chat(Asker { who: Who::Agent, agent, .. }) => by_agent(agent),
        }
    }

    /// The only agent that this caller knows of; `None` when that is all of them.
    pub(crate) fn own(&self) -> Option<&AgentName> {
        match self {
            Self::Agent { group, admin_scope: AdminScope::None | AdminScope::Own } => Some(group),
            Self::Chat(asker) if !asker.who.sees_all() => Some(&asker.agent),
            Self::Host | Self::Agent { admin_scope: AdminScope::All, .. } | Self::Chat(_) => None,
        }
    }
}

/// The agent that did it, where no user asked for it.
pub(crate) fn by_agent(agent: &AgentName) -> String {
    format!("agent:{agent}")
}

/// The agent that an operation of this caller is about at most. Its admin may agree to it; `None` needs
/// an admin of the whole host.
#[must_use]
pub fn concerns<'a>(operation: &Operation, caller: &'a Caller) -> Option<&'a AgentName> {
    let makes_another = matches!(operation, Operation::Wire(it) if it.own.is_some());
    caller.own().filter(|_| !makes_another)
}

/// Whether this caller may ask for the operation. Looks at names too, so that a request that can only
/// fail is not shown to anybody.
///
/// # Errors
/// As [`crate::perform`], without doing anything.
pub fn check(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<()> {
    let (group, admin_scope) = match caller {
        Caller::Host => return Ok(()),
        Caller::Chat(_) => return in_chat(operation),
        Caller::Agent { group, admin_scope } => (group, *admin_scope),
    };
    if let Operation::Tasks(_) = operation {
        return Err(forbidden(
            "tasks belong to a chat",
            "ask for them while you answer somebody there",
        ));
    }
    if let Operation::Approvals(it) = operation
        && matches!(it.operation, ApprovalsOperation::Answer { .. })
    {
        return Err(forbidden(
            "no agent answers what people were asked",
            "wait for them; `approvals list` shows whom",
        ));
    }
    match admin_scope {
        AdminScope::None => Err(forbidden(
            "this agent may not administer anything",
            format!(
                "the owner of the host can allow it: `nanoclaw agents set {group} --admin-scope own`"
            ),
        )),
        AdminScope::All => Ok(()),
        AdminScope::Own => own(operation, group, &View::new(store, caller)?),
    }
}

/// In a chat it is about tasks alone, and what holds for the whole host is not said there.
fn in_chat(operation: &Operation) -> Result<()> {
    if let Operation::Tasks(it) = operation
        && !matches!(it.operation, TasksOperation::Minimum { .. })
    {
        return Ok(());
    }
    Err(forbidden(
        "that is for the owner of the host",
        format!("they can say `nanoclaw {operation}`"),
    ))
}

/// What an agent may ask for that knows only of itself.
fn own(operation: &Operation, group: &AgentName, view: &View) -> Result<()> {
    let mine = |agent: Option<&AgentName>| match agent {
        Some(agent) if agent != group => Err(no_agent(view, agent)),
        Some(_) | None => Ok(()),
    };
    match operation {
        Operation::Chats(it) => match &it.operation {
            ChatsOperation::List | ChatsOperation::Show { .. } => Ok(()),
            ChatsOperation::Set { chat, .. } => sole(view, chat, group),
        },
        Operation::Wire(it) => mine(it.agent.as_ref()),
        Operation::Unwire(it) => mine(it.agent.as_ref()),
        Operation::Agents(it) => match &it.operation {
            AgentsOperation::List => Ok(()),
            AgentsOperation::Show { name } | AgentsOperation::Remove { name } => mine(Some(name)),
            AgentsOperation::Heartbeat(it) => mine(Some(&it.name)),
            AgentsOperation::Set { name, settings } if settings.admin_scope.is_none() => {
                mine(Some(name))
            }
            AgentsOperation::Set { .. } => Err(beyond("widen its own scope", group)),
            AgentsOperation::Add { .. } => Err(forbidden(
                "this agent cannot add agents without a chat",
                "ask for one of a chat that it is in: `wire CHAT --own NAME`",
            )),
        },
        Operation::Users(it) => users(&it.operation, group),
        Operation::Roles(it) => match &it.operation {
            RolesOperation::List => Ok(()),
            RolesOperation::Grant { role: RoleWord::Admin, agent: Some(agent), .. }
            | RolesOperation::Revoke { role: RoleWord::Admin, agent: Some(agent), .. } => {
                mine(Some(agent))
            }
            RolesOperation::Grant { .. } | RolesOperation::Revoke { .. } => {
                Err(beyond("give or take roles of the whole host", group))
            }
        },
        Operation::Members(it) => match &it.operation {
            MembersOperation::List { agent }
            | MembersOperation::Add { agent, .. }
            | MembersOperation::Remove { agent, .. } => mine(agent.as_ref()),
        },
        Operation::Destinations(it) => match &it.operation {
            DestinationsOperation::List { agent } => mine(agent.as_ref()),
            DestinationsOperation::Add { agent, .. }
            | DestinationsOperation::Remove { agent, .. } => mine(Some(agent)),
        },
        Operation::Sessions(_) | Operation::Approvals(_) | Operation::Tasks(_) => Ok(()),
        Operation::Dropped(it) => match &it.operation {
            DroppedOperation::List | DroppedOperation::Clear { chat: Some(_) } => Ok(()),
            DroppedOperation::Clear { chat: None } => {
                Err(beyond("forget the counts of all chats", group))
            }
        },
    }
}

/// An agent may look people up, and say nothing about them.
fn users(operation: &UsersOperation, group: &AgentName) -> Result<()> {
    match operation {
        UsersOperation::List
        | UsersOperation::Show { .. }
        | UsersOperation::Timezone { zone: None, .. }
        | UsersOperation::Quiet { hours: None, .. } => Ok(()),
        UsersOperation::Timezone { .. } | UsersOperation::Quiet { .. } => {
            Err(beyond("say for people where they live or when they sleep", group))
        }
        UsersOperation::Add { .. }
        | UsersOperation::Rename { .. }
        | UsersOperation::Link { .. }
        | UsersOperation::Unlink { .. }
        | UsersOperation::Remove { .. } => Err(beyond("change who is who", group)),
    }
}

/// What a chat lets in concerns every agent that is connected to it.
fn sole(view: &View, chat: &str, group: &AgentName) -> Result<()> {
    let chat = view.chat(chat)?;
    if view.shares_with_others(chat.id) {
        return Err(beyond("change a chat that other agents are in too", group));
    }
    Ok(())
}

fn beyond(what: &str, group: &AgentName) -> OperationError {
    forbidden(
        format!("this agent cannot {what}"),
        format!(
            "the owner of the host can, with `nanoclaw`, or with `agents set {group} --admin-scope all`"
        ),
    )
}
