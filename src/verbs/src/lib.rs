//! What can be administered, and how: chats, wirings, agents, people and their rights, tasks.
//!
//! The one definition of these verbs, for the command line and for the tool by which an agent asks
//! for them. A verb is read from words ([`Verb`], [`parse_line`]), told in plain words before it is
//! done ([`describe`], [`prepare`]), checked against who asks ([`check`]) and done ([`perform`]).
//!
//! Invariants
//! - What somebody may not see does not exist for them: a foreign name gives the same answer as one
//!   that is not there.
//! - [`perform`] checks by itself; what was allowed when it was asked for may be forbidden by now.
//! - No agent answers a question, widens its own reach, or makes somebody an owner within it.

mod agents;
mod approvals;
mod caller;
mod chats;
mod describe;
mod destinations;
mod dropped;
mod find;
mod heartbeat;
mod line;
mod machine;
mod members;
mod output;
mod people;
mod pin;
mod roles;
mod sessions;
mod tasks;
mod times;
mod values;
mod verb;
mod wire;
mod wire_args;
mod write;

pub use crate::caller::{Asker, Caller, check, concerns};
pub use crate::describe::describe;
pub use crate::heartbeat::HeartbeatArgs;
pub use crate::line::{help, parse_line};
pub use crate::machine::Machine;
pub use crate::output::{Output, VerbError, table};
pub use crate::pin::{Prepared, pin, prepare};
pub use crate::tasks::verb::{AddArgs, EditArgs, PreviewArgs, TaskName, TasksVerb};
pub use crate::verb::{
    AgentSettings, AgentsVerb, ApprovalsVerb, ChatsVerb, DestinationsVerb, DroppedVerb, Family,
    MembersVerb, RoleWord, RolesVerb, SessionsVerb, UnwireArgs, UsersVerb, Verb, When, WireArgs,
};

use domain::time::Timestamp;
use store::CentralStore;

use crate::find::View;

/// What an answer to a question shares, as people are asked before it is given; `None` for every
/// other verb and answer.
///
/// # Errors
/// When there is no such question, or the database fails.
pub fn shares(verb: &Verb, store: &CentralStore) -> Result<Option<String>, VerbError> {
    let Verb::Approvals(Family { verb: ApprovalsVerb::Answer { id, answer, .. }, .. }) = verb
    else {
        return Ok(None);
    };
    approvals::shares(id, answer, store, &View::new(store, &Caller::Host)?)
}

/// Does what a verb says, for whoever asks. What it changes and its line in the history are one commit.
///
/// # Errors
/// When it cannot be done, with what to do; then nothing was changed.
pub fn perform(
    verb: &Verb,
    store: &mut CentralStore,
    caller: &Caller,
    now: Timestamp,
) -> Result<Output, VerbError> {
    // An answer is an event of its own.
    if !verb.is_change() || matches!(verb, Verb::Approvals(_)) {
        return carry_out(verb, store, caller, now);
    }
    store.whole("a change", |store| {
        let before = store.rows_changed();
        let out = carry_out(verb, store, caller, now)?;
        if before != store.rows_changed() {
            store.record_change(&line(verb), &caller.text(), now)?;
        }
        Ok(out)
    })
}

/// A change as the history keeps it: without the text of a script, which may hold a secret.
fn line(verb: &Verb) -> String {
    let mut said = verb.clone();
    if let Verb::Tasks(it) = &mut said
        && let Some(script) = it.verb.script_mut()
    {
        *script = format!("({} bytes)", script.len());
    }
    said.to_string()
}

fn carry_out(
    verb: &Verb,
    store: &mut CentralStore,
    caller: &Caller,
    now: Timestamp,
) -> Result<Output, VerbError> {
    check(verb, store, caller)?;
    let view = View::new(store, caller)?;
    match verb {
        Verb::Chats(it) => chats::perform(&it.verb, store, &view, now),
        Verb::Wire(it) => wire::perform(it, store, &view),
        Verb::Unwire(it) => wire::unwire(it, store, &view),
        Verb::Agents(it) => agents::perform(&it.verb, store, &view, now),
        Verb::Users(it) => people::perform(&it.verb, store, &view, now),
        Verb::Roles(it) => roles::perform(&it.verb, store, &view, now),
        Verb::Members(it) => members::perform(&it.verb, store, &view, now),
        Verb::Destinations(it) => destinations::perform(&it.verb, store, &view),
        Verb::Sessions(it) => sessions::perform(&it.verb, store, &view),
        Verb::Approvals(it) => approvals::perform(&it.verb, store, &view, now),
        Verb::Dropped(it) => dropped::perform(&it.verb, store, &view),
        Verb::Tasks(it) => tasks::perform(&it.verb, store, (caller, &view), now),
    }
}

#[cfg(test)]
mod tests;
