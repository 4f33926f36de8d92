//! Who asks, and what they may ask for.

use domain::agent::Reach;
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use store::CentralStore;

use crate::find::{View, no_agent};
use crate::output::{VerbError, forbidden};
use crate::tasks::verb::TasksVerb;
use crate::verb::{
    AgentsVerb, ApprovalsVerb, ChatsVerb, DestinationsVerb, DroppedVerb, MembersVerb, RoleWord,
    RolesVerb, UsersVerb, Verb,
};

/// Who asks for a verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever sits at the terminal of the host.
    Host,
    /// An agent, by its administration tool. Somebody else has to agree to its changes.
    Agent { group: AgentName, reach: Reach },
    /// Somebody in a chat, or the agent that works for them there, about tasks. Nobody has to agree:
    /// [`domain::task::rights`] says what is theirs.
    Chat(Asker),
}

/// Who asks about tasks in a chat. What an agent may administer ([`Reach`]) has no part in it: a
/// reminder is part of a conversation, and reaches no further than the conversation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    pub agent: AgentName,
    pub session: SessionId,
    pub chat: ChatId,
    pub thread: Option<String>,
    pub who: Who,
    /// Somebody wrote just now and waits for an answer; no task runs, nothing goes on by itself.
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
            Self::Agent { group, reach: Reach::None | Reach::Own } => Some(group),
            Self::Chat(asker) if !asker.who.sees_all() => Some(&asker.agent),
            Self::Host | Self::Agent { reach: Reach::All, .. } | Self::Chat(_) => None,
        }
    }
}

/// Who did it, where an agent did it by itself.
pub(crate) fn by_agent(agent: &AgentName) -> String {
    format!("agent:{agent}")
}

/// The agent that a verb of this caller is about at most. Its admin may agree to it; `None` needs
/// somebody who is in charge of the whole host.
#[must_use]
pub fn concerns<'a>(verb: &Verb, caller: &'a Caller) -> Option<&'a AgentName> {
    let makes_another = matches!(verb, Verb::Wire(it) if it.own.is_some());
    caller.own().filter(|_| !makes_another)
}

/// Whether this caller may ask for the verb. Looks at names too, so that a request that can only
/// fail need not be put to anybody.
///
/// # Errors
/// As [`crate::perform`], without doing anything.
pub fn check(verb: &Verb, store: &CentralStore, caller: &Caller) -> Result<(), VerbError> {
    let (group, reach) = match caller {
        Caller::Host => return Ok(()),
        Caller::Chat(_) => return in_chat(verb),
        Caller::Agent { group, reach } => (group, *reach),
    };
    if let Verb::Tasks(_) = verb {
        return Err(forbidden(
            "tasks belong to a chat",
            "ask for them while you answer somebody there",
        ));
    }
    if let Verb::Approvals(it) = verb
        && matches!(it.verb, ApprovalsVerb::Answer { .. })
    {
        return Err(forbidden(
            "no agent answers what people were asked",
            "wait for them; `approvals list` shows whom",
        ));
    }
    match reach {
        Reach::None => Err(forbidden(
            "this agent may not administer anything",
            format!(
                "whoever runs the host can allow it: `nanoclaw agents set {group} --reach own`"
            ),
        )),
        Reach::All => Ok(()),
        Reach::Own => own(verb, group, &View::new(store, caller)?),
    }
}

/// In a chat it is about tasks alone, and what holds for the whole host is not said there.
fn in_chat(verb: &Verb) -> Result<(), VerbError> {
    if let Verb::Tasks(it) = verb
        && !matches!(it.verb, TasksVerb::Minimum { .. })
    {
        return Ok(());
    }
    Err(forbidden("that is for whoever runs the host", format!("they can say `nanoclaw {verb}`")))
}

/// What an agent may ask for that knows only of itself.
fn own(verb: &Verb, group: &AgentName, view: &View) -> Result<(), VerbError> {
    let mine = |agent: Option<&AgentName>| match agent {
        Some(agent) if agent != group => Err(no_agent(view, agent)),
        Some(_) | None => Ok(()),
    };
    match verb {
        Verb::Chats(it) => match &it.verb {
            ChatsVerb::List | ChatsVerb::Show { .. } => Ok(()),
            ChatsVerb::Set { chat, .. } => sole(view, chat, group),
        },
        Verb::Wire(it) => mine(it.agent.as_ref()),
        Verb::Unwire(it) => mine(it.agent.as_ref()),
        Verb::Agents(it) => match &it.verb {
            AgentsVerb::List => Ok(()),
            AgentsVerb::Show { name } | AgentsVerb::Remove { name } => mine(Some(name)),
            AgentsVerb::Heartbeat(it) => mine(Some(&it.name)),
            AgentsVerb::Set { name, settings } if settings.reach.is_none() => mine(Some(name)),
            AgentsVerb::Set { .. } => Err(beyond("widen its own reach", group)),
            AgentsVerb::Add { .. } => Err(forbidden(
                "this agent cannot add agents by themselves",
                "ask for one of a chat that it is in: `wire CHAT --own NAME`",
            )),
        },
        Verb::Users(it) => users(&it.verb, group),
        Verb::Roles(it) => match &it.verb {
            RolesVerb::List => Ok(()),
            RolesVerb::Grant { role: RoleWord::Admin, agent: Some(agent), .. }
            | RolesVerb::Revoke { role: RoleWord::Admin, agent: Some(agent), .. } => {
                mine(Some(agent))
            }
            RolesVerb::Grant { .. } | RolesVerb::Revoke { .. } => {
                Err(beyond("give or take roles of the whole host", group))
            }
        },
        Verb::Members(it) => match &it.verb {
            MembersVerb::List { agent }
            | MembersVerb::Add { agent, .. }
            | MembersVerb::Remove { agent, .. } => mine(agent.as_ref()),
        },
        Verb::Destinations(it) => match &it.verb {
            DestinationsVerb::List { agent } => mine(agent.as_ref()),
            DestinationsVerb::Add { agent, .. } | DestinationsVerb::Remove { agent, .. } => {
                mine(Some(agent))
            }
        },
        Verb::Sessions(_) | Verb::Approvals(_) | Verb::Tasks(_) => Ok(()),
        Verb::Dropped(it) => match &it.verb {
            DroppedVerb::List | DroppedVerb::Clear { chat: Some(_) } => Ok(()),
            DroppedVerb::Clear { chat: None } => {
                Err(beyond("forget the counts of all chats", group))
            }
        },
    }
}

/// An agent may look people up, and say nothing about them.
fn users(verb: &UsersVerb, group: &AgentName) -> Result<(), VerbError> {
    match verb {
        UsersVerb::List
        | UsersVerb::Show { .. }
        | UsersVerb::Timezone { zone: None, .. }
        | UsersVerb::Quiet { hours: None, .. } => Ok(()),
        UsersVerb::Timezone { .. } | UsersVerb::Quiet { .. } => {
            Err(beyond("say for people where they live or when they sleep", group))
        }
        UsersVerb::Add { .. }
        | UsersVerb::Rename { .. }
        | UsersVerb::Link { .. }
        | UsersVerb::Unlink { .. }
        | UsersVerb::Remove { .. } => Err(beyond("change who is who", group)),
    }
}

/// What a chat lets in concerns every agent that is connected to it.
fn sole(view: &View, chat: &str, group: &AgentName) -> Result<(), VerbError> {
    let chat = view.chat(chat)?;
    if view.shares_with_others(chat.id) {
        return Err(beyond("change a chat that other agents are in too", group));
    }
    Ok(())
}

fn beyond(what: &str, group: &AgentName) -> VerbError {
    forbidden(
        format!("this agent cannot {what}"),
        format!(
            "whoever runs the host can, with `nanoclaw`, or with `agents set {group} --reach all`"
        ),
    )
}
