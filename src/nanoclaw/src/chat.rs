//! The terminal's side of the chat: what is sent, what is shown, and going on after the host went
//! away in the middle.

mod editor;
mod once;
mod prompt;
mod wire;

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::time::Duration;

use channel::cli::frames::{FromClient, ToClient};
use domain::AgentName;
use store::layout::Layout;
use tokio::time::{Instant, sleep};

use self::wire::Wire;
use crate::lock;

pub(crate) use self::once::{AskEnd, AskFailed, Heard, ask};
pub(crate) use self::prompt::prompt;

/// A host that has its lock has its socket soon.
const STARTING_MAX: Duration = Duration::from_secs(10);
const STARTING_LOOK: Duration = Duration::from_millis(20);

/// One conversation from this terminal.
#[derive(Debug)]
pub(crate) struct ChatClient {
    layout: Layout,
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
    pub(crate) no_answer: bool,
}

impl ChatClient {
    pub(crate) fn new(layout: &Layout, chat: Option<String>, agent: Option<AgentName>) -> Self {
        let usual = agent.as_ref().map_or("terminal".into(), |name| format!("terminal-{name}"));
        let chat = chat.unwrap_or(usual);
        Self { layout: layout.clone(), chat, agent, shown: HashSet::new() }
    }

    async fn open(&self) -> io::Result<Wire> {
        Wire::open(&self.layout.cli_socket(), &self.chat).await
    }

    /// The same for the first time: a host that is just starting is waited for.
    ///
    /// # Errors
    /// When no host runs, or its socket is another user's.
    async fn reach(&self) -> io::Result<Wire> {
        let began = Instant::now();
        loop {
            match self.open().await {
                Err(err)
                    if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
                        && began.elapsed() < STARTING_MAX
                        && lock::holder(&self.layout).is_some() =>
                {
                    sleep(STARTING_LOOK).await;
                }
                opened => return opened,
            }
        }
    }

    /// The line that sends `text` under an id, the same line again after the host went away.
    fn message(&self, id: &str, text: &str) -> FromClient {
        let agent = self.agent.as_ref().map(ToString::to_string);
        FromClient::Message { id: id.to_owned(), text: text.to_owned(), agent }
    }

    /// Takes a part in: the acknowledgement to send after showing it, and what to show if it is
    /// fresh.
    fn take(&mut self, part: ToClient) -> Option<(FromClient, Option<Fresh>)> {
        let ToClient::Part { key, reply_to, also, text, last, no_answer, repeat } = part else {
            return None;
        };
        let is_fresh = self.shown.insert(key.clone());
        let text = if repeat { format!("(may be a repeat) {text}") } else { text };
        let fresh = is_fresh.then_some(Fresh { reply_to, also, text, last, no_answer });
        Some((FromClient::Shown { key }, fresh))
    }
}

/// A message id that no other terminal makes.
pub(crate) fn new_id() -> anyhow::Result<String> {
    Ok(format!("t{}", crate::install::random_hex(12)?))
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_host_that_is_starting_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let client = ChatClient::new(&layout, None, None);
        let lock = lock::take(&layout).unwrap();
        let socket = layout.cli_socket();
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let (opened, listener) = tokio::join!(client.reach(), async {
            sleep(Duration::from_millis(100)).await;
            UnixListener::bind(&socket).unwrap()
        });
        opened.unwrap();
        drop((listener, lock));
        assert_eq!(client.reach().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
