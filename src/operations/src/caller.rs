//! Who asks, and what they may ask for.

use domain::agent::AdminScope;
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use store::CentralStore;

use crate::{Operation, OperationError, Result, Right, TasksOperation, View, refused};

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

/// Whether this caller may ask for the operation. Looks at names too, so that a request that can only
/// fail is not shown to anybody.
pub fn check(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<()> {
    let (group, admin_scope) = match caller {
        Caller::Host => return Ok(()),
        Caller::Chat(_) => return in_chat(operation),
        Caller::Agent { group, admin_scope } => (group, *admin_scope),
    };
    if let Operation::Tasks(_) = operation {
        let hint = "ask for them while you answer somebody there";
        return Err(refused("tasks belong to a chat", hint));
    }
    let view = || View::new(store, caller);
    match (operation.command().right(), admin_scope) {
        (Right::People((what, hint)), _) => Err(refused(what, hint)),
        (_, AdminScope::None) => Err(refused(
            "this agent may not administer anything",
            format!(
                "the owner of the host can allow it: `nanoclaw agents set {group} --admin-scope own`"
            ),
        )),
        (_, AdminScope::All) | (Right::Look(None) | Right::Agent(None), AdminScope::Own) => Ok(()),
        (Right::Look(Some(agent)) | Right::Agent(Some(agent)), AdminScope::Own) => {
            view()?.agent(agent).map(drop)
        }
        (Right::Chat(chat), AdminScope::Own) => {
            let view = view()?;
            let is_shared = view.shares_with_others(view.chat(chat)?.id);
            let beyond = || beyond("change a chat that other agents are in too", group);
            if is_shared { Err(beyond()) } else { Ok(()) }
        }
        (Right::Host(what), AdminScope::Own) => Err(beyond(what, group)),
    }
}

fn beyond(what: &str, own: &AgentName) -> OperationError {
    refused(
        format!("this agent cannot {what}"),
        format!(
            "the owner of the host can, with `nanoclaw`, or with `agents set {own} --admin-scope all`"
        ),
    )
}

/// In a chat it is about tasks alone, and what holds for the whole host is not said there.
fn in_chat(operation: &Operation) -> Result<()> {
    if let Operation::Tasks(family) = operation
        && !matches!(family.operation, TasksOperation::Minimum { .. })
    {
        return Ok(());
    }
    let hint = format!("say `nanoclaw {operation}` there");
    Err(refused("that is for the owner of the host, on the command line alone", hint))
}
