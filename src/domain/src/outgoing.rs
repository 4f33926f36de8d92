//! What leaves through a platform, in the words of no platform.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::message::Address;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Markdown as a model writes it; the adapter turns it into what its platform shows.
    Text(String),
    /// With its caption.
    File(FileOut),
    /// Two to [`Caps::album_max`] files that are shown together; the caption is that of the first.
    Album(Vec<FileOut>),
    /// A text with buttons.
    Card(Card),
    /// Replaces a message of ours, and the buttons below it.
    Edit { target: String, card: Card },
    /// Puts an emoji under a message; an empty one takes it away.
    Reaction { target: String, emoji: String },
    /// Takes a message of ours away.
    Delete { target: String },
}

impl Content {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::File(file) => &file.caption,
            Self::Album(files) => files.first().map_or("", |it| &it.caption),
            Self::Card(card) | Self::Edit { card, .. } => &card.text,
            Self::Reaction { .. } | Self::Delete { .. } => "",
        }
    }

    pub fn files(&self) -> &[FileOut] {
        match self {
            Self::File(file) => std::slice::from_ref(file),
            Self::Album(files) => files,
            Self::Text(_)
            | Self::Card(_)
            | Self::Edit { .. }
            | Self::Reaction { .. }
            | Self::Delete { .. } => &[],
        }
    }

    pub fn buttons(&self) -> &[Button] {
        match self {
            Self::Card(card) | Self::Edit { card, .. } => &card.buttons,
            Self::Text(_)
            | Self::File(_)
            | Self::Album(_)
            | Self::Reaction { .. }
            | Self::Delete { .. } => &[],
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
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Chars,
    Utf16,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLimit {
    pub max: usize,
    pub unit: Unit,
}

impl TextLimit {
    pub const fn chars(max: usize) -> Self {
        Self { max, unit: Unit::Chars }
    }
}

/// What a platform makes of a text: which formats it shows, and how they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    TelegramHtml,
    Discord,
    /// Of Slack.
    Mrkdwn,
    WhatsApp,
    GoogleChat,
    MatrixHtml,
    MailHtml,
    /// The platform shows Markdown as it is written.
    Markdown,
    #[default]
    Plain,
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

/// At most so many within a time; no limit where it is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub count: u32,
    #[serde(deserialize_with = "seconds", serialize_with = "to_seconds")]
    pub per: Duration,
}

/// What a platform takes before it asks to wait. Edits and hints count as what they are there: parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// In one private chat.
    pub direct: Option<Rate>,
    /// In one group.
    pub group: Option<Rate>,
    /// In all chats of the account together.
    pub account: Option<Rate>,
}

/// What a platform can do, in general, for one account, or in one chat. The host renders everything
/// else in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Measured as the platform does, in the text that is shown in its dialect.
    pub text: TextLimit,
    pub dialect: Dialect,
    /// Of the text of a file, as the platform counts; longer ones follow as a message. 0: files have none.
    pub caption_max: usize,
    /// How many files one message can show; below two, each is a message of its own.
    pub album_max: usize,
    /// Only the person who owns this host can write here.
    pub owner_only: bool,
    pub buttons: bool,
    pub edits: bool,
    pub deletes: bool,
    pub reactions: bool,
    /// A message can be sent so that nobody's phone rings.
    pub silent: bool,
    /// A part that is sent again with its key is not shown again, for as long as the platform remembers.
    pub idempotent: bool,
    pub pace: Pace,
    /// The bot receives what is not meant for it too; else it can only be engaged by a mention.
    pub hears_all: bool,
    /// The largest file that can be sent, in bytes; 0 where none can.
    pub file_bytes_max: u64,
    /// Nothing can be sent there; answers go to the conversation's last other chat.
    pub mute: bool,
    /// The longest normal silence; `None` where no platform on the other side could fall silent.
    #[serde(deserialize_with = "some_seconds", serialize_with = "to_some_seconds")]
    pub alive_every: Option<Duration>,
}

/// As JSON has them: a whole number.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|it| Duration::from_secs(it.into()))
}

fn some_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let seconds = Option::<u32>::deserialize(from)?;
    Ok(seconds.map(|it| Duration::from_secs(it.into())))
}

fn to_seconds<S: Serializer>(of: &Duration, to: S) -> Result<S::Ok, S::Error> {
    of.as_secs().serialize(to)
}

fn to_some_seconds<S: Serializer>(of: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    of.map(|it| it.as_secs()).serialize(to)
}

impl Caps {
    pub const fn plain(text: TextLimit) -> Self {
        Self {
            text,
            dialect: Dialect::Plain,
            caption_max: text.max,
            album_max: 0,
            owner_only: false,
            buttons: false,
            edits: false,
            deletes: false,
            reactions: false,
            silent: false,
            idempotent: false,
            pace: Pace { direct: None, group: None, account: None },
            hears_all: true,
            file_bytes_max: 0,
            mute: false,
            alive_every: None,
        }
    }
}

impl Default for Caps {
    /// Of a platform that is not known any more: short plain text.
    fn default() -> Self {
        Self::plain(TextLimit::chars(1_000))
    }
}

/// Knows what can be done in each chat: by what its account was found to have, or by its channel.
pub trait CapsBook: fmt::Debug + Send + Sync {
    fn of(&self, chat: &Address) -> Caps;
}

/// By channel.
impl CapsBook for BTreeMap<String, Caps> {
    fn of(&self, chat: &Address) -> Caps {
        self.get(&chat.channel).copied().unwrap_or_default()
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
