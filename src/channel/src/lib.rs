//! The contract between the host and a messaging platform.
//!
//! An adapter crate maps wire types and does nothing else: it does not retry, store or decide.
//! `actors::channel` owns the loop, the back-off and the cursor. An adapter is two halves that work
//! at the same time: a [`Source`] of events and a [`Sink`] for what goes out.
//!
//! An adapter never tells its platform "received" early. It yields a batch, the host commits
//! it, and only then calls [`Source::settle`] and moves the cursor.
//!
//! An adapter shows that its platform is alive by its [`Pulse`], and states once per connection what
//! became of the time before it ([`Source::gap`]).

mod account;
pub mod cli;
pub mod door;
mod enroll;
pub mod http;
pub mod oauth;
mod registry;
pub mod remote;
pub mod signature;
pub mod spool;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
pub use domain::continuity::Gap;
use domain::message::{Address, Author, Click, Incoming};
pub use domain::outgoing::Caps;
use domain::outgoing::{Content, TextLimit};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;

pub use crate::account::{
    Account, ExposeSecret, Fields, Keeper, Me, Need, NoKeeper, Pulse, SecretString, Shelf, Sign,
    is_token,
};
pub use crate::enroll::Steps;
pub use crate::registry::{Adapter, Connection, Registration, registration, registrations};

/// Where to go on reading; made by an adapter, stored by the host, given back unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

#[expect(clippy::large_enum_variant, reason = "nearly every event is a message")]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    Message(Incoming),
    Click(Click),
    /// The platform gave a chat another id; everything that is known of it goes on under that.
    Moved {
        from: Address,
        to: Address,
    },
    /// A chat that could not be reached can be reached now; `by` is who let the bot into a group, and `title`
    /// what that is called, where the platform says so. They are greeted, or the host asks about the group.
    Reachable {
        chat: Address,
        by: Option<Author>,
        title: Option<String>,
    },
    /// The bot was removed from a chat, or blocked there: nothing can be sent until it is reachable.
    Left(Address),
    Renamed {
        chat: Address,
        title: String,
    },
    /// The platform says later that a message of ours did not arrive, after it took it.
    Undelivered {
        chat: Address,
        /// Its id, as [`Sink::deliver`] gave it.
        id: String,
        why: String,
    },
}

/// Events in their order, and the cursor behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub events: Vec<Event>,
    pub cursor: Cursor,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Committed. It will be answered.
    Stored,
    /// Nothing will answer it: it was for nobody here, or only context, or was itself an answer.
    Ignored,
    /// Not stored and not going to be; the text says why and what to do.
    Refused(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub to: Address,
    /// The same for every attempt at the same part: an idempotency key where a platform takes one.
    pub key: String,
    pub content: Content,
    /// The platform's id of the message that led to this one; empty when none did.
    pub reply_to: String,
    /// The platform's ids of other messages that this one answers: a turn takes together what
    /// comes close together.
    pub also: Vec<String>,
    /// Nothing more follows in reply to that message.
    pub last: bool,
    /// The host says why no answer comes, or what has to be replied to first.
    pub no_answer: bool,
    /// The recipient may have seen it already; the sink says so where the platform cannot tell.
    pub repeat: bool,
    /// More than one person and the bot can be in the chat.
    pub in_group: bool,
    /// Nobody's phone is to ring; where [`Caps::silent`] says that this is possible.
    pub silent: bool,
    /// The platform's id of whom to notify: who asked. Nobody else is to be pinged, whatever the text says.
    pub notify: Option<String>,
}

/// Before a text that was perhaps shown already; a limit leaves room for it.
/// A paragraph of its own where the text is shown as Markdown.
pub const REPEAT_NOTE: &str = "(possibly a repeat)\n\n";

impl Part {
    pub fn note(&self) -> &'static str {
        if self.repeat { REPEAT_NOTE } else { "" }
    }
}

/// The beginning of a text, no longer than the limit.
pub fn beginning(text: &str, limit: TextLimit) -> &str {
    let mut length = 0;
    let over = text.char_indices().find(|(_, c)| {
        length += limit.unit.of(*c);
        limit.max < length
    });
    over.map_or(text, |(at, _)| &text[..at])
}

#[async_trait]
pub trait Source: fmt::Debug + Send + Sync {
    /// Waits for events behind `after`. Dropping the future must lose nothing.
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError>;

    /// What became of the events between [`Account::heard_until`] and this connection; once, as soon
    /// as that is known. Asked before each `receive` and after it: the host says what there is to
    /// say before it moves the cursor, so that a crash repeats or loses nothing. A source that knows
    /// it while nothing happens returns a batch without events.
    fn gap(&mut self) -> Option<Gap>;

    /// Tells what became of each event of the last batch, in order, after the commit. It is for a
    /// sender that waits for an answer of the protocol. People are told by the host: a source sends
    /// no texts.
    async fn settle(&mut self, _verdicts: &[Verdict]) -> Result<(), ChannelError> {
        Ok(())
    }
}

/// Where a file goes.
pub type Writer<'a> = &'a mut (dyn AsyncWrite + Send + Unpin);

#[async_trait]
pub trait Sink: fmt::Debug + Send + Sync {
    /// Sends one part, in one call of the platform that has an effect; returns the platform's id for it.
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError>;

    /// Shows that an answer is being worked on. A hint that may fail unseen.
    async fn working(&self, _chat: &Address) {}

    /// Shows more of an answer that is being written, in place of the message `target` of ours. The
    /// text is Markdown as that of a part: its formats are closed, it fits into [`Caps::text`], and it is
    /// to be rendered. A hint that may fail unseen; the host spaces them out.
    async fn draft(&self, _chat: &Address, _target: &str, _text: &str) {}

    /// Ends the waiting of who pressed a button, with words for them alone where there are some. A hint
    /// that may fail unseen.
    async fn answer(&self, _press: &str, _words: Option<&str>) {}

    /// Shows people what they can say to the host, where the platform has a place for it. A hint that may
    /// fail unseen.
    async fn publish_commands(&self, _commands: &[CommandInfo]) {}

    /// Streams a file that came with a message, at most `bytes_max` of it.
    async fn fetch(
        &self,
        _source: &str,
        _bytes_max: u64,
        _into: Writer<'_>,
    ) -> Result<(), FetchError> {
        Err(FetchError::Gone("this channel has no files".into()))
    }

    /// The chat in which nobody but this person reads, made if need be.
    async fn open_direct(&self, _handle: &str) -> Result<String, DeliverError> {
        Err(DeliverError::Refused("this channel has no private chats".into()))
    }
}

/// A word that the host takes, for a platform's menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CommandInfo {
    /// Without the slash.
    pub name: &'static str,
    pub about: &'static str,
}

/// Why a file was not fetched, sorted by what the host must do.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Try again after a while.
    #[error("the platform cannot be reached")]
    Unreachable(#[source] Cause),
    /// It will not be had.
    #[error("the file cannot be had")]
    Gone(#[source] Cause),
    #[error("the file is larger than the {} MiB that are taken", bytes_max / (1024 * 1024))]
    TooLarge { bytes_max: u64 },
    /// The disk did not take it.
    #[error("the file could not be written")]
    Write(#[source] std::io::Error),
}

/// Why a channel does not receive, sorted by what the host must do.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Connect again after a while.
    #[error("it cannot be reached")]
    Unreachable(#[source] Cause),
    /// Do not try again before somebody acts.
    #[error("the credentials are not taken")]
    Unauthorized(#[source] Cause),
    /// Do not try again before somebody changes what the cause names.
    #[error("it is not set up")]
    Misconfigured(#[source] Cause),
}

/// Why a part was not delivered, sorted by what the host must do.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// Certainly not delivered; try again when there is somebody.
    #[error("the recipient cannot be reached")]
    Unreachable(#[source] Cause),
    /// Certainly not delivered; wait at least this long, in this chat or, if `everywhere`, in all chats
    /// of the account.
    #[error("the platform asks to wait {} s", after.as_secs())]
    Throttled { after: Duration, everywhere: bool },
    /// Certainly not delivered, and never will be.
    #[error("the platform refuses the message")]
    Refused(#[source] Cause),
    /// No answer came: it may have been delivered.
    #[error("the platform did not answer")]
    Unknown(#[source] Cause),
}

pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests {
    use domain::outgoing::Unit;

    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let limit = TextLimit { max: 4, unit: Unit::Utf16 };
        assert_eq!(beginning("abcd", limit), "abcd");
        assert_eq!(beginning("x😀😀", limit), "x😀");
    }
}
