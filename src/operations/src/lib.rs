//! What can be administered, and how: chats, wirings, agents, people and their rights, tasks.
//!
//! The one definition of these operations, for the command line and for the tool by which an agent asks
//! for them. An operation is read from words ([`Operation`], [`parse_line`]), told in plain words before it is
//! done ([`describe`], [`prepare`]), checked against who asks ([`check`]) and done ([`perform`]).
//!
//! Invariants
//! - What somebody may not see does not exist for them: a foreign name gives the same answer as one
//!   that is not there.
//! - [`perform`] checks again; what was allowed when it was asked for may be forbidden by now.
//! - No agent answers a question, widens its own scope, or makes somebody an owner within it.

mod agents;
mod approvals;
mod caller;
mod chats;
mod command;
mod destinations;
mod dropped;
mod find;
mod heartbeat;
mod line;
mod machine;
mod members;
mod operation;
mod output;
mod people;
mod resolve;
mod roles;
mod sessions;
mod tasks;
mod times;
mod values;
mod wire;
mod wire_args;
mod write;

pub use crate::agents::{AgentSettings, AgentsOperation};
pub use crate::approvals::{ApprovalsOperation, shares};
pub use crate::caller::{Asker, Caller, check, concerns};
pub use crate::chats::ChatsOperation;
pub use crate::destinations::DestinationsOperation;
pub use crate::dropped::DroppedOperation;
pub use crate::find::find_chat;
pub use crate::heartbeat::HeartbeatArgs;
pub use crate::line::{help, parse_line};
pub use crate::machine::Machine;
pub use crate::members::MembersOperation;
pub use crate::operation::{Family, Operation};
pub use crate::output::{OperationError, Output, Result, table};
pub use crate::people::UsersOperation;
pub use crate::resolve::{Prepared, describe, prepare};
pub use crate::roles::{RoleWord, RolesOperation};
pub use crate::sessions::SessionsOperation;
pub use crate::tasks::operation::{AddArgs, EditArgs, PreviewArgs, TaskName, TasksOperation};
pub use crate::wire_args::{ContextChoice, UnwireArgs, When, WireArgs};

use domain::time::Timestamp;
use store::CentralStore;

use crate::command::Context;
use crate::find::View;

/// Does what an operation says. What it changes and its line in the history are one commit.
///
/// # Errors
/// When it cannot be done, with what to do; then nothing was changed.
pub fn perform(
    operation: &Operation,
    store: &mut CentralStore,
    caller: &Caller,
    now: Timestamp,
) -> Result {
    let run = |store: &mut CentralStore| {
        check(operation, store, caller)?;
        let view = &View::new(store, caller)?;
        operation.command().0.run(&mut Context { store, view, caller, now })
    };
    // An answer is an event of its own.
    if !operation.is_change() || matches!(operation, Operation::Approvals(_)) {
        return run(store);
    }
    store.whole("a change", |store| {
        let before = store.rows_changed();
        let out = run(store)?;
        if before != store.rows_changed() {
            store.record_change(&line(operation), &caller.text(), now)?;
        }
        Ok(out)
    })
}

/// A change as the history keeps it: without the text of a script, which may hold a secret.
fn line(operation: &Operation) -> String {
    let mut said = operation.clone();
    if let Operation::Tasks(family) = &mut said
        && let Some(script) = family.operation.script_mut()
    {
        *script = format!("({} bytes)", script.len());
    }
    said.to_string()
}

#[cfg(test)]
mod tests;
