//! The answers that a test scripts.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::FakeModelApi;

/// What the model produces in one answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// One text, in the pieces in which it is streamed.
    Text(Vec<String>),
    ToolCall {
        name: String,
        input: Value,
    },
}

#[derive(Debug)]
pub(super) enum Reply {
    Message {
        content: Content,
        pace: Pace,
    },
    Error {
        status: u16,
        kind: String,
        message: String,
        headers: Vec<(String, String)>,
    },
    /// Not even a status line until released.
    Silence(Gate),
    /// A success whose body is no event stream.
    Garbage,
}

/// When the pieces of an answer are sent.
#[derive(Clone, Debug)]
pub(super) enum Pace {
    AtOnce,
    /// A wait before each piece.
    Every(Duration),
    /// Everything up to the first piece of text at once, the rest when released.
    Held(Gate),
}

/// Where a connection waits for [`Held::release`].
#[derive(Clone, Debug)]
pub(super) struct Gate(watch::Receiver<bool>);

impl Gate {
    fn new() -> (Held, Self) {
        let (sender, receiver) = watch::channel(false);
        (Held(sender), Self(receiver))
    }

    /// Waits for ever if the [`Held`] was dropped without a release.
    pub(super) async fn opened(&mut self) {
        if self.0.wait_for(|released| *released).await.is_err() {
            std::future::pending().await
        }
    }
}

/// An answer that waits. Dropping this leaves it waiting until the client gives up.
#[derive(Debug)]
pub struct Held(watch::Sender<bool>);

impl Held {
    /// Lets the answer go on.
    pub fn release(self) {
        // Without a receiver the client has gone, and nobody waits any more.
        self.0.send_replace(true);
    }
}

/// A scripted answer in the making, see [`FakeModelApi::next`].
#[derive(Debug)]
pub struct NextReply<'a>(&'a FakeModelApi);

impl<'a> NextReply<'a> {
    pub(super) fn new(api: &'a FakeModelApi) -> Self {
        Self(api)
    }

    /// Answers with one text.
    pub fn says(self, text: &str) {
        self.message(Content::Text(vec![text.to_owned()]), Pace::AtOnce);
    }

    /// Asks the agent's program to run a tool, e.g. `Bash` or `mcp__nanoclaw__send_message`.
    pub fn calls_tool(self, name: &str, input: Value) {
        self.message(Content::ToolCall { name: name.to_owned(), input }, Pace::AtOnce);
    }

    /// Streams a text in pieces, with a wait before each.
    pub fn streams_slowly(self, pieces: &[&str], wait: Duration) {
        self.message(text(pieces), Pace::Every(wait));
    }

    /// Streams the first piece at once, the rest of the text when released.
    #[must_use = "dropping it leaves the answer unfinished"]
    pub fn streams_held(self, pieces: &[&str]) -> Held {
        let (held, gate) = Gate::new();
        self.message(text(pieces), Pace::Held(gate));
        held
    }

    /// Fails as the API does: `status`, an error type such as `overloaded_error`, a message, and
    /// headers such as `retry-after`.
    pub fn fails(self, status: u16, kind: &str, message: &str, headers: &[(&str, &str)]) {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (kind, message) = (kind.to_owned(), message.to_owned());
        self.push(Reply::Error { status, kind, message, headers });
    }

    /// Takes the request and says nothing. Once released it answers like an empty script.
    #[must_use = "dropping it leaves the request unanswered for ever; bind it to `_held` for that"]
    pub fn hangs(self) -> Held {
        let (held, gate) = Gate::new();
        self.push(Reply::Silence(gate));
        held
    }

    /// Answers 200 with bytes that mean nothing.
    pub fn garbage(self) {
        self.push(Reply::Garbage);
    }

    fn message(self, content: Content, pace: Pace) {
        self.push(Reply::Message { content, pace });
    }

    fn push(self, reply: Reply) {
        self.0.state.lock().script.push_back(reply);
    }
}

fn text(pieces: &[&str]) -> Content {
    Content::Text(pieces.iter().map(|piece| (*piece).to_owned()).collect())
}
