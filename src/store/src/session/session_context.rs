//! What an import reads from outside of the session.

use std::collections::{BTreeMap, BTreeSet};

use domain::message::Address;
use domain::outgoing::Caps;
use domain::task::TaskId;

/// What an import reads from outside of the session.
#[derive(Clone, Debug, Default)]
pub struct SessionContext {
    /// Per channel.
    pub caps: BTreeMap<String, Caps>,
    /// Chats that the agent may write to, by name.
    pub destinations: BTreeMap<String, Address>,
    /// Chats of people who want to be left alone right now, without threads.
    pub quiet: Vec<Address>,
    /// Tasks whose answer is kept back if it says that there is nothing to say.
    pub heartbeats: BTreeSet<TaskId>,
}

impl SessionContext {
    pub(super) fn caps_of(&self, to: &Address) -> Caps {
        self.caps.get(&to.channel).copied().unwrap_or_default()
    }

    pub(super) fn is_quiet(&self, to: &Address) -> bool {
        self.quiet.iter().any(|it| *it == Address { thread: None, ..to.clone() })
    }
}
