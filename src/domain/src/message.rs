//! Messages, where they came from and how they end.

pub mod bounds;

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::cost::Cost;
use crate::time::Timestamp;
use crate::trace::Rule;
use crate::{Incarnation, MessageSeq, OutSeq};

/// The longest text: larger than any platform's limit, too small to fill a model's context.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A message that was sent longer ago than this when it was stored is late: by then "in ten minutes"
/// means something else. Longer than what platforms take to deliver, and clocks differ.
pub const LATE_AFTER: Duration = Duration::from_secs(5 * 60);

/// How late a message arrived, if it did. A platform whose clock is ahead makes none late.
pub fn lateness(sent_at: Timestamp, received_at: Timestamp) -> Option<Duration> {
    Some(received_at.since(sent_at)).filter(|it| LATE_AFTER < *it)
}

/// Where a message came from and its answer goes; chat and thread are the platform's opaque names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    #[serde(default)]
    pub channel: String,
    #[serde(default)]
    pub account: String,
    pub chat: String,
    pub thread: Option<String>,
}

impl Address {
    /// Whether both are of one chat, in whatever thread.
    pub fn is_same_chat(&self, other: &Self) -> bool {
        (&self.channel, &self.account, &self.chat) == (&other.channel, &other.account, &other.chat)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Author {
    /// The platform's id of the account, the same in all accounts of ours on it; with the channel before
    /// it, a [`crate::people::Handle`].
    pub id: String,
    /// What people call them; may change, may be shared, never identifies anybody.
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub kind: AuthorKind,
}

impl Author {
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), kind: AuthorKind::Person }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thread {
    /// Empty where the platform has no title for it.
    pub title: String,
    /// The text of the message that it began with; empty where that is not known.
    pub root: String,
}

/// What became of a message that was there before. A message that says so has the text that is left: the
/// new one, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// `of` is the platform's id of the message, as in [`Incoming::platform_id`].
    Edited {
        of: String,
    },
    Deleted {
        of: String,
    },
    Reacted {
        to: String,
        emoji: String,
        added: bool,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatInfo {
    /// Empty where the platform has no title for it.
    pub title: String,
    /// More than one person and the bot can be in it.
    pub is_group: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quote {
    pub sender: String,
    pub text: String,
    /// The platform's id of the message; empty where it is not known. Its files come with the message
    /// that quotes it, see [`Attachment::is_quoted`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// It is one of ours.
    #[serde(skip_serializing_if = "is_default")]
    pub is_ours: bool,
}

/// The facts of a message that reach the agent, and `why`, as its channel stated them. Each is declared
/// here alone: they are stored as one JSON value, in which a missing one is its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Body {
    pub sender: Author,
    pub chat: ChatInfo,
    /// What was written, or the caption of what was sent; Markdown where the platform has formats.
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// When the platform says that it was sent; `None` where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// Of the thread that it is in; its id is in the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<Thread>,
    /// Who wrote it, if its sender only passed it on; "somebody" where the platform hides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded_from: Option<String>,
    /// What of it could not be taken over, in words: "a checklist".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What was found in its files; the container says so once it has answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_texts: Vec<FileText>,
}

/// What programs in the container made of a file that a model cannot take as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileText {
    /// Its place among the files of its message, from 0.
    pub file: usize,
    /// It is a recording, which somebody speaks in.
    pub is_speech: bool,
    /// Else why there is none.
    pub text: Result<String, String>,
}

impl Body {
    pub fn new(sender: Author, text: impl Into<String>) -> Self {
        Self { sender, text: text.into(), ..Self::default() }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    pub from: Address,
    /// The platform's id, stable across redeliveries, so that storing it twice is harmless.
    pub platform_id: String,
    pub body: Body,
    /// The platform says that the bot is meant: a mention, a reply to it, a command to it.
    #[serde(default)]
    pub mentioned: bool,
    #[serde(default)]
    pub files: Vec<Attachment>,
    /// The agent that was addressed by name on a channel where that is possible (the terminal).
    pub to_agent: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub kind: FileKind,
    /// What its sender called it; never used as a path. Empty where there is none.
    #[serde(default)]
    pub name: String,
    /// What the platform says that it is; empty where it does not.
    #[serde(default)]
    pub mime: String,
    pub bytes: Option<u64>,
    /// What the adapter needs to fetch it; opaque outside of it.
    pub source: String,
    /// It is one of the message that is quoted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_quoted: bool,
}

crate::words! {
    #[derive(Default)]
    pub enum AuthorKind {
        #[default]
        Person,
        Bot,
        /// Several people write as one: an anonymous administrator, a channel. It can hold no role.
        Shared,
    }

    pub enum FileKind {
        Image,
        Audio,
        Voice,
        Video,
        Sticker,
        Document,
    }

    pub enum InboundKind {
        Chat,
        /// Context: shown with the next message that is to be answered, never alone.
        Context,
        /// For the runner and not for a model; to be answered.
        Command,
    }

    /// How an accepted message ended. There is exactly one for each.
    pub enum Outcome {
        Answered,
        Silent,
        Declined,
        Failed,
    }
}

impl FileKind {
    /// By the type that a platform says a file has.
    pub fn of(mime: &str) -> Self {
        match mime.split('/').next() {
            Some("image") => Self::Image,
            Some("audio") => Self::Audio,
            Some("video") => Self::Video,
            Some(_) | None => Self::Document,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    pub message: Incoming,
    pub kind: InboundKind,
    /// What it was decided by; kept for people who ask why.
    pub rule: Option<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Click {
    pub from: Address,
    #[serde(default)]
    pub chat: ChatInfo,
    pub platform_id: String,
    pub sender: Author,
    /// The [`crate::outgoing::Button::data`] of the button.
    pub data: String,
    /// By which the adapter answers the press; empty where nothing waits for an answer.
    #[serde(default)]
    pub press: String,
}

pub fn refusal(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("the message is empty; write something".into());
    }
    let (kib, max) = (text.len() / 1024, TEXT_BYTES_MAX / 1024);
    (TEXT_BYTES_MAX < text.len()).then(|| {
        format!(
            "the message has {kib} KiB, more than the {max} KiB that are accepted; send it as several \
             messages"
        )
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub message: MessageSeq,
    pub incarnation: Incarnation,
    /// `None` while the work goes on.
    pub outcome: Option<(Outcome, String)>,
    /// The message that answers it; one may answer several that a turn took together.
    pub reply: Option<OutSeq>,
    /// What the turn cost that it began.
    pub cost: Option<Cost>,
}

/// One attempt of a runner at a turn: what is asked for during another one may be a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub turn: MessageSeq,
    pub incarnation: Incarnation,
    /// How often this incarnation had started over.
    pub number: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    pub seq: OutSeq,
    /// The message that led to this one; its chat is where this one goes.
    pub in_reply_to: MessageSeq,
    /// The name of another chat, where this one goes instead.
    pub destination: Option<String>,
    pub form: Form,
    /// Of a file its caption, of a reaction the emoji, of a request what is asked.
    pub text: String,
    /// `None` where the runner does not say.
    pub attempt: Option<Attempt>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Text,
    /// Names below `files/` beside the outbound database; one alone may stand for itself.
    #[serde(deserialize_with = "one_or_more")]
    File(Vec<String>),
    /// Replaces the own message with this number.
    Edit(i64),
    /// Puts an emoji under the message with this number.
    Reaction(i64),
    Question {
        options: Vec<String>,
        timeout: Duration,
    },
    /// A line of the command line's language.
    Admin,
}

/// Files of one message of an agent, and of all that are taken over at once; more are a mistake of the agent.
pub const FILES_MAX: usize = 16;

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        One(String),
        More(Vec<String>),
    }
    Ok(match Names::deserialize(from)? {
        Names::One(name) => vec![name],
        Names::More(names) => names,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_huge_messages_are_refused_with_a_reason() {
        assert!(refusal("").is_some_and(|why| why.contains("empty")));
        assert!(refusal(" \n").is_some());
        assert!(refusal(&"x".repeat(1024 * 1024)).is_some_and(|why| why.contains("1024 KiB")));
        assert_eq!(refusal(&"x".repeat(TEXT_BYTES_MAX)), None);
    }

    #[test]
    fn only_what_was_sent_long_before_it_came_is_late() {
        let minutes = |n: i64| Timestamp(1_700_000_000_000 + n * 60_000);
        let late = |sent, received| lateness(minutes(sent), minutes(received));
        assert_eq!([late(0, 0), late(0, 5), late(180, 0)], [None; 3]);
        assert_eq!(late(0, 6), Some(Duration::from_secs(360)));
        assert_eq!(late(0, 180), Some(Duration::from_secs(3 * 3_600)));
        assert_eq!(lateness(Timestamp(i64::MAX), Timestamp(i64::MIN)), None);
    }

    #[test]
    fn kinds_and_outcomes_read_back() {
        for kind in [InboundKind::Chat, InboundKind::Context, InboundKind::Command] {
            assert_eq!(InboundKind::parse(kind.as_str()), Some(kind));
        }
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
    }
}
