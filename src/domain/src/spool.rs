//! What comes through the door, as adapters make it and the store keeps it.

use std::time::Duration;

/// What a sender brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The same for everything that is the same event: a hash of what was signed, or the sender's id.
    pub id: String,
    /// What is not part of `id` and yet belongs to the event: where nothing but a body is signed, its
    /// way in and the sender's id.
    pub sent_as: String,
    /// How long the same `id` is the same event.
    pub known_for: Duration,
    /// The chat that it comes from, where that is known before it is decoded: what nobody has connected takes
    /// little, and its sender is told so.
    pub chat: Option<String>,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Stored,
    /// It is there, or was; nothing was stored.
    Known {
        /// As the same event.
        is_same: bool,
    },
    /// As much waits already as may, in the account or for its chat to be connected.
    Full,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolRow {
    pub number: i64,
    pub id: String,
    pub bytes: Vec<u8>,
}
