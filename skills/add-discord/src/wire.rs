//! The parts of Discord's objects that are used, as JSON. Unknown fields and kinds are left alone,
//! so that what Discord adds breaks nothing.
//!
//! Source: <https://discord.com/developers/docs/resources/message>, `/resources/channel`,
//! `/resources/guild`, `/events/gateway-events`, `/interactions/receiving-and-responding`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A snowflake: 64 bits, the upper 42 of them milliseconds since 2015, so ids order by time over all
/// channels (<https://discord.com/developers/docs/reference#snowflakes>). Text on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Id(pub(crate) u64);

impl Id {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn millis(self) -> i64 {
        const DISCORD_EPOCH: i64 = 1_420_070_400_000;
        // 42 bits fit into 63.
        DISCORD_EPOCH + i64::try_from(self.0 >> 22).unwrap_or(i64::MAX - DISCORD_EPOCH)
    }
}

impl TryFrom<String> for Id {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct User {
    /// Only ever compared and handed on.
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) global_name: Option<String>,
    #[serde(default)]
    pub(crate) bot: bool,
    #[serde(default)]
    pub(crate) system: bool,
}

impl User {
    pub(crate) fn name(&self) -> &str {
        let global = self.global_name.as_deref().filter(|it| !it.is_empty());
        global.unwrap_or(&self.username)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: Id,
    pub(crate) channel_id: Id,
    /// Missing in private chats, and wherever the API rather than the gateway gives the message.
    pub(crate) guild_id: Option<Id>,
    pub(crate) author: User,
    #[serde(default)]
    pub(crate) content: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: u64,
    #[serde(default)]
    pub(crate) mentions: Vec<User>,
    #[serde(default)]
    pub(crate) mention_roles: Vec<Id>,
    #[serde(default)]
    pub(crate) attachments: Vec<Attachment>,
    #[serde(default)]
    pub(crate) sticker_items: Vec<Value>,
    pub(crate) referenced_message: Option<Box<Message>>,
    #[serde(default)]
    pub(crate) message_snapshots: Vec<Snapshot>,
    pub(crate) webhook_id: Option<Id>,
    /// When its author changed it last; a preview that Discord adds later is no change.
    pub(crate) edited_timestamp: Option<String>,
    pub(crate) poll: Option<Value>,
    /// An invitation to a game and the like.
    pub(crate) activity: Option<Value>,
}

/// [`Message::kind`] of what a person wrote.
pub(crate) const KIND_DEFAULT: u64 = 0;
/// The same in reply to a message.
pub(crate) const KIND_REPLY: u64 = 19;

/// One message that is gone, or several that a moderator removed at once.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Deleted {
    pub(crate) id: Option<Id>,
    #[serde(default)]
    pub(crate) ids: Vec<Id>,
    pub(crate) channel_id: Id,
    pub(crate) guild_id: Option<Id>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Reaction {
    pub(crate) user_id: String,
    pub(crate) message_id: Id,
    pub(crate) channel_id: Id,
    pub(crate) guild_id: Option<Id>,
    /// Missing in private, and where a reaction is taken back.
    pub(crate) member: Option<Member>,
    pub(crate) emoji: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attachment {
    /// Discord replaces all but plain characters in it.
    pub(crate) filename: String,
    /// What it was called before that, without the extension.
    pub(crate) title: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) url: String,
    /// Set for voice messages only.
    pub(crate) waveform: Option<String>,
}

/// A message that was forwarded.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) message: Forwarded,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Forwarded {
    pub(crate) content: String,
    pub(crate) attachments: Vec<Attachment>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: Id,
    #[serde(default, rename = "type")]
    pub(crate) kind: u64,
    pub(crate) guild_id: Option<Id>,
    pub(crate) name: Option<String>,
    pub(crate) parent_id: Option<Id>,
    /// May have been deleted since.
    pub(crate) last_message_id: Option<Id>,
}

impl Channel {
    /// Announcement, public and private threads
    /// (<https://discord.com/developers/docs/resources/channel#channel-object-channel-types>).
    pub(crate) fn is_thread(&self) -> bool {
        matches!(self.kind, 10..=12)
    }

    /// Everybody who reads its channel may read it.
    pub(crate) fn is_public_thread(&self) -> bool {
        matches!(self.kind, 10 | 11)
    }

    /// Of posts, each of which is a thread that begins with a message of its own; for texts, or media.
    pub(crate) fn is_forum(&self) -> bool {
        matches!(self.kind, 15 | 16)
    }

    /// Neither a thread nor a folder of channels.
    pub(crate) fn is_chat(&self) -> bool {
        !self.is_thread() && self.kind != 4
    }
}

/// A server, in a `GUILD_CREATE` event or, without its channels, from the API.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Guild {
    pub(crate) id: Id,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) channels: Vec<Channel>,
    #[serde(default)]
    pub(crate) threads: Vec<Channel>,
    #[serde(default)]
    pub(crate) roles: Vec<Value>,
    /// Out of order, which passes.
    #[serde(default)]
    pub(crate) unavailable: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    /// Every server of the bot, with its id alone; the rest of it follows.
    pub(crate) guilds: Vec<Guild>,
    pub(crate) session_id: String,
    pub(crate) resume_gateway_url: String,
}

/// A press of a button, or a command from the menu, among others.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Interaction {
    pub(crate) id: Id,
    pub(crate) application_id: Id,
    #[serde(rename = "type")]
    pub(crate) kind: u64,
    /// Lets anybody answer in the bot's name for 15 minutes.
    pub(crate) token: Token,
    pub(crate) data: Option<Value>,
    pub(crate) guild_id: Option<Id>,
    pub(crate) channel_id: Id,
    pub(crate) member: Option<Member>,
    pub(crate) user: Option<User>,
}

/// [`Interaction::kind`] of a command that was chosen from the menu.
pub(crate) const KIND_COMMAND: u64 = 2;
/// Of buttons and menus under a message.
pub(crate) const KIND_COMPONENT: u64 = 3;

impl Interaction {
    /// The command as people write it.
    pub(crate) fn command(&self) -> String {
        let data = self.data.as_ref().unwrap_or(&Value::Null);
        let written = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        let options = data["options"].as_array().into_iter().flatten();
        let given = options.map(|it| written(&it["value"]));
        let name = format!("/{}", data["name"].as_str().unwrap_or_default());
        [name].into_iter().chain(given).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Clone, Deserialize)]
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) user: User,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snowflake_tells_its_time() {
        // The example of Discord's reference.
        assert_eq!(Id(175_928_847_299_117_063).millis(), 1_462_015_105_796);
        assert_eq!(serde_json::from_str::<Id>("\"7\"").unwrap(), Id(7));
        assert!(serde_json::from_str::<Id>("\"seven\"").is_err());
    }

    #[test]
    fn what_is_unknown_is_left_alone() {
        let text = r#"{"id":"1","channel_id":"2","author":{"id":"3","username":"ann","new":[]},
            "type":77,"something":{"else":true}}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!((message.id, message.kind, message.author.name()), (Id(1), 77, "ann"));
    }

    #[test]
    fn the_token_of_an_interaction_is_not_shown() {
        let text = r#"{"id":"1","application_id":"9","type":3,"token":"sesame","channel_id":"2"}"#;
        let interaction: Interaction = serde_json::from_str(text).unwrap();
        assert!(!format!("{interaction:?}").contains("sesame"));
    }
}
