//! What leaves through a platform, in the words of no platform.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Markdown as a model writes it; the adapter turns it into what its platform shows.
    Text(String),
    /// With its caption.
    File(FileOut),
    /// A text with buttons.
    Card(Card),
    /// Replaces a message of ours, and the buttons below it.
    Edit { target: String, card: Card },
    /// Puts an emoji under a message; an empty one takes it away.
    Reaction { target: String, emoji: String },
}

impl Content {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::File(file) => &file.caption,
            Self::Card(card) | Self::Edit { card, .. } => &card.text,
            Self::Reaction { .. } => "",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOut {
    /// A copy that only the host can write, so that nobody swaps it between two attempts.
    pub path: PathBuf,
    /// What the reader sees; a plain file name.
    pub name: String,
    /// By its content; `application/octet-stream` when nothing is known.
    pub mime: String,
    /// The text of the part; the outbox keeps it as such.
    #[serde(skip)]
    pub caption: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    pub text: String,
    pub buttons: Vec<Button>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// At most [`BUTTON_LABEL_CHARS_MAX`] characters.
    pub label: String,
    /// Comes back in [`crate::message::Click::data`]; at most [`BUTTON_DATA_BYTES_MAX`] bytes.
    pub data: String,
}

/// The shortest of the platforms' limits: Discord takes 80 characters and no more
/// (<https://discord.com/developers/docs/components/reference#button>).
pub const BUTTON_LABEL_CHARS_MAX: usize = 80;
/// The shortest of the platforms' limits: Telegram takes 1 to 64 bytes of `callback_data`
/// (<https://core.telegram.org/bots/api#inlinekeyboardbutton>).
pub const BUTTON_DATA_BYTES_MAX: usize = 64;
/// A card has no more; the rest would not fit on a phone. Discord takes 25 in five rows.
pub const BUTTONS_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Chars,
    Utf16,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimit {
    pub max: usize,
    pub unit: Unit,
}

impl TextLimit {
    pub const fn chars(max: usize) -> Self {
        Self { max, unit: Unit::Chars }
    }
}

impl Unit {
    pub fn of(self, c: char) -> usize {
        match self {
            Self::Chars => 1,
            Self::Utf16 => c.len_utf16(),
            Self::Bytes => c.len_utf8(),
        }
    }

    pub fn measure(self, text: &str) -> usize {
        text.chars().map(|it| self.of(it)).sum()
    }
}

/// What a platform can do; fixed per adapter. The host renders everything else in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    pub text: TextLimit,
    /// Only the person who owns this host can write here.
    pub owner_only: bool,
    pub buttons: bool,
    pub edits: bool,
    pub reactions: bool,
    /// The platform says when the bot is meant; else only the trigger word does.
    pub mentions: bool,
    pub threads: bool,
    /// The largest file that can be sent, in bytes; 0 where none can.
    pub file_bytes_max: u64,
    /// Nothing can be sent there; answers go to the conversation's last other chat.
    pub mute: bool,
    /// The longest normal silence; `None` where no platform on the other side could fall silent.
    pub alive_every: Option<Duration>,
    /// Set where an account needs a credential; says what it is, for the prompt that asks for it.
    pub credential: Option<&'static str>,
}

impl Caps {
    pub const fn plain(text: TextLimit) -> Self {
        Self {
            text,
            owner_only: false,
            buttons: false,
            edits: false,
            reactions: false,
            mentions: false,
            threads: false,
            file_bytes_max: 0,
            mute: false,
            alive_every: None,
            credential: None,
        }
    }
}

impl Default for Caps {
    /// Of a platform that is not known any more: short plain text.
    fn default() -> Self {
        Self::plain(TextLimit::chars(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_count_differently() {
        let text = "aé😀";
        assert_eq!([Unit::Chars, Unit::Utf16, Unit::Bytes].map(|it| it.measure(text)), [3, 4, 7]);
    }
}
