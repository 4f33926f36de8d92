//! Puts what somebody meant in the place of what they said, and tells what it will do.
//!
//! Titles and names change, and anybody can choose theirs. What a person agreed to has to be what is
//! done, so a request that waits for them keeps numbers.

use domain::AgentName;
use domain::people::Handle;
use store::CentralStore;

use crate::Operation;
use crate::caller::{Caller, check, concerns};
use crate::find::{View, who};
use crate::output::{OperationError, Result};

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
    let text = tell(&operation, store)?;
    let concerns = concerns(&operation, caller).cloned();
    Ok(Prepared { operation, text, concerns })
}

/// Says what the operation will do and what will be shared by it. Names what it does not find as it was
/// written, since the approver should see all the same what was asked for.
///
/// # Errors
/// When it cannot be done, or the database fails.
pub fn describe(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<String> {
    tell(&resolve(operation, store, caller)?, store)
}

/// The approver has to see everything that it touches, so it is told with the eyes of the host.
fn tell(operation: &Operation, store: &CentralStore) -> Result<String> {
    operation.command().0.summary(store, &View::new(store, &Caller::Host)?)
}

/// The operation with every name replaced by the number of what it means for this caller now.
fn resolve(operation: &Operation, store: &CentralStore, caller: &Caller) -> Result<Operation> {
    check(operation, store, caller)?;
    let mut operation = operation.clone();
    operation.command_mut().resolve(store, &View::new(store, caller)?)?;
    Ok(operation)
}

impl View {
    /// `c4`, which is taken for nothing else, as `4` is for a title when there is no chat 4 any more.
    pub(crate) fn resolve_chat(&self, text: &mut String) -> Result<()> {
        *text = format!("c{}", self.chat(text)?.id);
        Ok(())
    }

    pub(crate) fn resolve_user(&self, text: &mut String) -> Result<()> {
        match (self.person(text), Handle::parse(text)) {
            (Ok(found), _) => *text = found.id.to_string(),
            // A handle means the same account for ever.
            (Err(OperationError::NotFound { .. }), Some(handle)) => *text = handle.to_string(),
            (Err(err), _) => return Err(err),
        }
        Ok(())
    }

    /// A chat as it is known, or as it was written.
    pub(crate) fn shown_chat(&self, text: &str) -> String {
        self.chat(text).map_or_else(|_| format!("`{text}`"), |it| self.label(it))
    }

    /// A user as they are known, or as they were written.
    pub(crate) fn shown_user(&self, text: &str) -> String {
        match self.person(text) {
            Ok(person) => {
                let handles: Vec<String> = person.handles.iter().map(ToString::to_string).collect();
                format!("{} [{}]", who(person), handles.join(", "))
            }
            Err(_) => format!("`{text}`, whom nobody here knows yet"),
        }
    }
}
