//! What can be administered, and how: chats, wirings, agents, people and their rights, tasks.
//!
//! The one definition of these operations, for the command line, chats and the agents' tool. One is read
//! ([`parse_line`]), told before it is done ([`prepare`]), checked against who asks ([`check`]) and done
//! ([`perform`]).
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
mod destinations;
mod dropped;
mod line;
mod members;
mod operation;
mod output;
mod roles;
mod sessions;
mod tasks;
mod users;
mod view;

pub use crate::agents::{AgentsOperation, Machine};
pub use crate::approvals::shares;
pub use crate::caller::{Asker, Caller, check};
pub use crate::chats::ChatsOperation;
pub use crate::line::{parse_line, renamed, shortened, with_guesses};
pub use crate::operation::{Family, Operation};
pub use crate::output::{OperationError, Output, Result, instant, table};
pub use crate::tasks::operation::TasksOperation;
pub use crate::view::find_chat;

use std::convert::Infallible;

use domain::AgentName;
use domain::time::Timestamp;
use store::CentralStore;

use crate::operation::{Context, Right};
use crate::output::refused;
use crate::view::View;

/// What every family works with.
mod prelude {
    pub(crate) use clap::{Args, Subcommand};
    pub(crate) use domain::AgentName;
    pub(crate) use serde::{Deserialize, Serialize};
    pub(crate) use serde_json::{Value, json};
    pub(crate) use store::CentralStore;

    pub(crate) use crate::operation::{CHAT, Command, Context, Right, USER, parse_enum};
    pub(crate) use crate::output::{OperationError, OrRefuse, Output, Result, instant};
    pub(crate) use crate::output::{joined, not_found, refused};
    pub(crate) use crate::view::{View, named, who};
}

/// A change that somebody is to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The operation with numbers instead of names. Titles and names change, and anybody can choose
    /// theirs; what a person agreed to has to be what is done.
    pub operation: Operation,
    /// What it will do and what will be shared by it, in plain words, for the approver.
    pub text: String,
    /// The agent that it is about at most. Its admin may decide; `None` needs an admin of the whole
    /// host.
    pub concerns: Option<AgentName>,
}

/// Makes a change ready to be asked about.
///
/// # Errors
/// When it cannot be done, or this caller may not ask for it; then nobody need be asked.
pub fn prepare(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<Prepared> {
    check(operation, store, caller)?;
    let mut operation = operation.clone();
    let (view, host) = (View::new(store, caller)?, View::new(store, &Caller::Host)?);
    let text = operation.command_mut().prepare(store, &view, &host)?;
    let makes_another = matches!(&operation, Operation::Chats(Family {
        operation: ChatsOperation::Connect(args), ..
    }) if args.own.is_some());
    let concerns = caller.own().filter(|_| !makes_another).cloned();
    Ok(Prepared { operation, text, concerns })
}

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
        let output = operation.command().run(&mut Context { store, view, caller, now })?;
        Ok(output.in_zone(&store.zone_for(None)?))
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

/// What an operation would come to, told in plain words where it has any. Nothing is changed.
///
/// # Errors
/// As for [`perform`].
pub fn rehearse(
    operation: &Operation,
    store: &mut CentralStore,
    caller: &Caller,
    now: Timestamp,
) -> Result {
    let told = prepare(operation, store, caller)?.text;
    let mut rehearsed = None;
    let Err(end) = store.whole::<Infallible, _>("a rehearsal", |store| {
        rehearsed = Some(perform(operation, store, caller, now)?);
        Err(refused("nothing was changed", "leave out `--dry-run`"))
    });
    let output = rehearsed.ok_or(end)?;
    let text = if told.is_empty() { output.text } else { told };
    Ok(Output::new(text, output.json).hint("nothing was changed; leave out `--dry-run` to do it"))
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
