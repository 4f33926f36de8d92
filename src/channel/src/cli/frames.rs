//! The lines between a terminal and the host: one JSON object each, UTF-8, at most
//! [`LINE_BYTES_MAX`] bytes.

use serde::{Deserialize, Serialize};

/// Larger than any message that is accepted, so that a refusal can say what was wrong with it.
pub const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromClient {
    /// The first line: which chat this is.
    Hello { chat: String },
    Message {
        /// Made by the client and unique; the same when it sends the message again.
        id: String,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
    },
    /// A part was shown.
    Shown { key: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToClient {
    /// The message is committed and will be answered.
    Stored { id: String },
    /// The message, or the line when there is no id, was not taken.
    Refused { id: Option<String>, why: String },
    Part {
        key: String,
        reply_to: String,
        /// Other messages that it answers too.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<String>,
        text: String,
        /// Nothing more follows in reply to that message.
        last: bool,
        /// It says why no answer comes, or what has to be replied to first.
        #[serde(default)]
        no_answer: bool,
        /// May have been shown before.
        repeat: bool,
    },
    /// An answer is being worked on.
    Working,
}
