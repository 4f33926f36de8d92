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
}

/// [`Message::kind`] of what a person wrote.
pub(crate) const KIND_DEFAULT: u64 = 0;
/// The same in reply to a message.
pub(crate) const KIND_REPLY: u64 = 19;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Attachment {
    /// Discord replaces all but plain characters in it.
    #[serde(default)]
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

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Forwarded {
    #[serde(default)]
    pub(crate) content: String,
    #[serde(default)]
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
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Role {
    pub(crate) id: Id,
    pub(crate) tags: Option<RoleTags>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RoleTags {
    /// The bot that this role was made for.
    pub(crate) bot_id: Option<String>,
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
    pub(crate) roles: Vec<Role>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    /// Every server of the bot, with its id alone; the rest of it follows.
    pub(crate) guilds: Vec<Guild>,
    pub(crate) session_id: String,
    pub(crate) resume_gateway_url: String,
}

/// A press of a button, among others.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Interaction {
    pub(crate) id: Id,
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

/// [`Interaction::kind`] of buttons and menus under a message.
pub(crate) const KIND_COMPONENT: u64 = 3;

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

/// What `GET /gateway/bot` answers.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GatewayInfo {
    pub(crate) url: String,
    pub(crate) session_start_limit: SessionStarts,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SessionStarts {
    pub(crate) remaining: u64,
    /// Milliseconds.
    pub(crate) reset_after: u64,
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
        let text = r#"{"id":"1","type":3,"token":"sesame","channel_id":"2"}"#;
        let interaction: Interaction = serde_json::from_str(text).unwrap();
        assert!(!format!("{interaction:?}").contains("sesame"));
    }
}
