//! The terminal's side of the chat: what is sent, what is shown, and going on after the host went
//! away in the middle.

mod editor;
mod once;
mod prompt;
mod wire;

use std::collections::HashSet;
use std::path::PathBuf;

use channel::cli::frames::{FromClient, ToClient};
use domain::AgentName;
use store::layout::Layout;

pub(crate) use self::once::{AskFailed, Heard, ask};
pub(crate) use self::prompt::prompt;

/// One conversation from this terminal.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) socket: PathBuf,
    pub(crate) chat: String,
    pub(crate) agent: Option<AgentName>,
    /// The parts that were shown, so that one which comes again is dropped.
    pub(crate) shown: HashSet<String>,
}

/// A part that was not shown before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) reply_to: String,
    pub(crate) also: Vec<String>,
    pub(crate) text: String,
    pub(crate) last: bool,
}

impl Talk {
    pub(crate) fn new(layout: &Layout, chat: Option<String>, agent: Option<AgentName>) -> Self {
        let usual = agent.as_ref().map_or("terminal".into(), |name| format!("terminal-{name}"));
        let chat = chat.unwrap_or(usual);
        Self { socket: layout.cli_socket(), chat, agent, shown: HashSet::new() }
    }

    /// The line that sends `text` under an id, the same line again after the host went away.
    fn message(&self, id: &str, text: &str) -> FromClient {
        let agent = self.agent.as_ref().map(ToString::to_string);
        FromClient::Message { id: id.to_owned(), text: text.to_owned(), agent }
    }

    /// Takes a part in: the acknowledgement to send after showing it, and what to show if it is
    /// fresh.
    fn take(&mut self, part: ToClient) -> Option<(FromClient, Option<Fresh>)> {
        let ToClient::Part { key, reply_to, also, text, last, repeat } = part else { return None };
        let is_fresh = self.shown.insert(key.clone());
        let text = if repeat { format!("(may be a repeat) {text}") } else { text };
        let fresh = is_fresh.then_some(Fresh { reply_to, also, text, last });
        Some((FromClient::Shown { key }, fresh))
    }
}

/// A message id that no other terminal makes.
pub(crate) fn new_id() -> anyhow::Result<String> {
    Ok(format!("t{}", crate::install::random_hex(12)?))
}
