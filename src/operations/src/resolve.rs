//! Puts what somebody meant in the place of what they said.
//!
//! Titles and names change, and anybody can choose theirs. What a person agreed to has to be what is
//! done, so a request that waits for them keeps numbers.

use domain::AgentName;
use domain::people::Handle;
use domain::session_key::ChatId;
use store::CentralStore;

use crate::caller::{Caller, check, concerns};
use crate::describe::describe;
use crate::find::View;
use crate::heartbeat::HeartbeatArgs;
use crate::operation::{
    AgentsOperation, ChatsOperation, DestinationsOperation, DroppedOperation, MembersOperation,
    Operation, RolesOperation, UnwireArgs, UsersOperation, WireArgs,
};
use crate::output::{OperationError, Result};
use crate::values::NewAgent;
use crate::wire;

/// A change that somebody is to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The operation with numbers instead of names.
    pub operation: Operation,
    /// What it will do and what will be shared by it, in plain words, for the approver.
    pub text: String,
    /// The agent whose admin may decide; `None` needs an admin of the whole host.
    pub concerns: Option<AgentName>,
}

/// Makes a change ready to be asked about.
///
/// # Errors
/// When it cannot be done, or this caller may not ask for it; then nobody need be asked.
pub fn prepare(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<Prepared> {
    let operation = resolve(operation, store, caller)?;
    let text = describe(&operation, store, caller)?;
    let concerns = concerns(&operation, caller).cloned();
    Ok(Prepared { operation, text, concerns })
}

/// The operation with every name replaced by the number of what it means for this caller now.
///
/// # Errors
/// As [`crate::perform`], without doing anything.
pub fn resolve(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<Operation> {
    check(operation, store, caller)?;
    let view = View::new(store, caller)?;
    let mut operation = operation.clone();
    match &mut operation {
        Operation::Wire(args) => wire(args, store, &view)?,
        Operation::Unwire(args) => unwire(args, &view)?,
        Operation::Chats(it) => match &mut it.operation {
            ChatsOperation::List => {}
            ChatsOperation::Show { chat: it } | ChatsOperation::Set { chat: it, .. } => {
                chat(it, &view)?
            }
        },
        Operation::Users(it) => match &mut it.operation {
            UsersOperation::List | UsersOperation::Add { .. } | UsersOperation::Unlink { .. } => {}
            UsersOperation::Show { user: it }
            | UsersOperation::Rename { user: it, .. }
            | UsersOperation::Link { user: it, .. }
            | UsersOperation::Timezone { user: it, .. }
            | UsersOperation::Quiet { user: it, .. }
            | UsersOperation::Remove { user: it } => user(it, &view)?,
        },
        Operation::Roles(it) => match &mut it.operation {
            RolesOperation::List => {}
            RolesOperation::Grant { user: it, .. } | RolesOperation::Revoke { user: it, .. } => {
                user(it, &view)?;
            }
        },
        Operation::Members(it) => match &mut it.operation {
            MembersOperation::List { .. } => {}
            MembersOperation::Add { user: it, agent }
            | MembersOperation::Remove { user: it, agent } => {
                user(it, &view)?;
                *agent = Some(view.agent_or_only(agent.as_ref())?.name.clone());
            }
        },
        Operation::Destinations(it) => match &mut it.operation {
            DestinationsOperation::List { .. } | DestinationsOperation::Remove { .. } => {}
            DestinationsOperation::Add { chat: it, .. } => chat(it, &view)?,
        },
        Operation::Dropped(it) => match &mut it.operation {
            DroppedOperation::List | DroppedOperation::Clear { chat: None } => {}
            DroppedOperation::Clear { chat: Some(it) } => chat(it, &view)?,
        },
        Operation::Agents(it) => {
            if let AgentsOperation::Heartbeat(HeartbeatArgs { chat: Some(it), .. }) =
                &mut it.operation
            {
                chat(it, &view)?;
            }
        }
        Operation::Sessions(_) | Operation::Approvals(_) | Operation::Tasks(_) => {}
    }
    Ok(operation)
}

/// A number that is taken for nothing else, as `4` is for a title when there is no chat 4 any more.
fn number(chat: ChatId) -> String {
    format!("c{chat}")
}

fn chat(text: &mut String, view: &View) -> Result<()> {
    *text = number(view.chat(text)?.id);
    Ok(())
}

fn user(text: &mut String, view: &View) -> Result<()> {
    match (view.person(text), Handle::parse(text)) {
        (Ok(found), _) => *text = found.id.to_string(),
        // A handle means the same account for ever.
        (Err(OperationError::NotFound { .. }), Some(handle)) => *text = handle.to_string(),
        (Err(err), _) => return Err(err),
    }
    Ok(())
}

fn wire(args: &mut WireArgs, store: &CentralStore, view: &View) -> Result<()> {
    let (agent, is_new) = wire::target(args, store, view)?;
    chat(&mut args.chat, view)?;
    match is_new {
        true => args.own = Some(NewAgent(Some(agent))),
        false => args.agent = Some(agent),
    }
    Ok(())
}

fn unwire(args: &mut UnwireArgs, view: &View) -> Result<()> {
    let found = view.chat(&args.chat)?;
    let agent = wire::unwired(args, found, view)?.agent.clone();
    (args.chat, args.agent) = (number(found.id), Some(agent));
    Ok(())
}
