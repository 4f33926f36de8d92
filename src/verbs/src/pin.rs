//! Puts what somebody meant in the place of what they said.
//!
//! Titles and names change, and anybody can choose theirs. What a person agreed to has to be what is
//! done, so a request that waits for them keeps numbers.

use domain::AgentName;
use domain::people::Handle;
use store::CentralStore;

use crate::caller::{Caller, check, concerns};
use crate::describe::describe;
use crate::find::View;
use crate::heartbeat::HeartbeatArgs;
use crate::output::VerbError;
use crate::verb::{
    AgentsVerb, ChatsVerb, DestinationsVerb, DroppedVerb, MembersVerb, RolesVerb, UnwireArgs,
    UsersVerb, Verb, WireArgs,
};
use crate::wire;

/// A change that somebody is to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The verb with numbers instead of names; [`crate::parse_line`] reads it back.
    pub line: String,
    /// What it will do and what will be shared by it, in plain words, for whoever decides.
    pub text: String,
    /// The agent whose admin may decide; `None` needs somebody in charge of the whole host.
    pub concerns: Option<AgentName>,
}

/// Makes a change ready to be asked about.
///
/// # Errors
/// When it cannot be done, or this caller may not ask for it; then nobody need be asked.
pub fn prepare(verb: &Verb, store: &CentralStore, caller: &Caller) -> Result<Prepared, VerbError> {
    let verb = pin(verb, store, caller)?;
    Ok(Prepared {
        line: verb.to_string(),
        text: describe(&verb, store, caller)?,
        concerns: concerns(&verb, caller).cloned(),
    })
}

/// The verb with every name replaced by the number of what it means for this caller now.
///
/// # Errors
/// As [`crate::perform`], without doing anything.
pub fn pin(verb: &Verb, store: &CentralStore, caller: &Caller) -> Result<Verb, VerbError> {
    check(verb, store, caller)?;
    let view = View::new(store, caller)?;
    let mut verb = verb.clone();
    match &mut verb {
        Verb::Wire(args) => wire(args, store, &view)?,
        Verb::Unwire(args) => unwire(args, &view)?,
        Verb::Chats(it) => match &mut it.verb {
            ChatsVerb::List => {}
            ChatsVerb::Show { chat: it } | ChatsVerb::Set { chat: it, .. } => chat(it, &view)?,
        },
        Verb::Users(it) => match &mut it.verb {
            UsersVerb::List | UsersVerb::Add { .. } | UsersVerb::Unlink { .. } => {}
            UsersVerb::Show { user: it }
            | UsersVerb::Rename { user: it, .. }
            | UsersVerb::Link { user: it, .. }
            | UsersVerb::Timezone { user: it, .. }
            | UsersVerb::Quiet { user: it, .. }
            | UsersVerb::Remove { user: it } => user(it, &view)?,
        },
        Verb::Roles(it) => match &mut it.verb {
            RolesVerb::List => {}
            RolesVerb::Grant { user: it, .. } | RolesVerb::Revoke { user: it, .. } => {
                user(it, &view)?;
            }
        },
        Verb::Members(it) => match &mut it.verb {
            MembersVerb::List { .. } => {}
            MembersVerb::Add { user: it, agent } | MembersVerb::Remove { user: it, agent } => {
                user(it, &view)?;
                *agent = Some(view.agent_or_only(agent.as_ref())?.name.clone());
            }
        },
        Verb::Destinations(it) => match &mut it.verb {
            DestinationsVerb::List { .. } | DestinationsVerb::Remove { .. } => {}
            DestinationsVerb::Add { chat: it, .. } => chat(it, &view)?,
        },
        Verb::Dropped(it) => match &mut it.verb {
            DroppedVerb::List | DroppedVerb::Clear { chat: None } => {}
            DroppedVerb::Clear { chat: Some(it) } => chat(it, &view)?,
        },
        Verb::Agents(it) => {
            if let AgentsVerb::Heartbeat(HeartbeatArgs { chat: Some(it), .. }) = &mut it.verb {
                chat(it, &view)?;
            }
        }
        Verb::Sessions(_) | Verb::Approvals(_) | Verb::Tasks(_) => {}
    }
    Ok(verb)
}

fn chat(text: &mut String, view: &View) -> Result<(), VerbError> {
    *text = view.chat(text)?.id.to_string();
    Ok(())
}

fn user(text: &mut String, view: &View) -> Result<(), VerbError> {
    match (view.person(text), Handle::parse(text)) {
        (Ok(found), _) => *text = found.id.to_string(),
        // A handle means the same account for ever, whoever that is.
        (Err(VerbError::NotFound { .. }), Some(handle)) => *text = handle.to_string(),
        (Err(err), _) => return Err(err),
    }
    Ok(())
}

fn wire(args: &mut WireArgs, store: &CentralStore, view: &View) -> Result<(), VerbError> {
    let (agent, is_new) = wire::target(args, store, view)?;
    chat(&mut args.chat, view)?;
    match is_new {
        true => args.own = Some(Some(agent)),
        false => args.agent = Some(agent),
    }
    Ok(())
}

fn unwire(args: &mut UnwireArgs, view: &View) -> Result<(), VerbError> {
    let found = view.chat(&args.chat)?;
    let agent = wire::unwired(args, found, view)?.agent.clone();
    (args.chat, args.agent) = (found.id.to_string(), Some(agent));
    Ok(())
}
