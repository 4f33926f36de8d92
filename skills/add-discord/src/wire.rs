//! What is read of Discord's objects. They are looked at where they are needed, as JSON: what is not there, or is
//! something else, is passed over, so that what Discord adds breaks nothing. Field names and meanings:
//! <https://discord.com/developers/docs/resources/message>, `/resources/channel`, `/resources/guild`,
//! `/events/gateway-events`, `/interactions/receiving-and-responding`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A snowflake: 64 bits, the upper 42 of them milliseconds since 2015, so ids order by time over all channels
/// (<https://discord.com/developers/docs/reference#snowflakes>). Text on the wire, a number in our store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Id(pub(crate) u64);

impl Id {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    pub(crate) fn of(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn millis(self) -> i64 {
        const DISCORD_EPOCH: i64 = 1_420_070_400_000;
        // 42 bits fit into 63.
        DISCORD_EPOCH + i64::try_from(self.0 >> 22).unwrap_or(i64::MAX - DISCORD_EPOCH)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What a user is called.
pub(crate) fn name(user: &Value) -> &str {
    let global = user["global_name"].as_str().filter(|it| !it.is_empty());
    global.unwrap_or(text(&user["username"]))
}

/// Who did something: a server names its member, a private chat the user.
pub(crate) fn doer(event: &Value) -> &Value {
    let member = &event["member"]["user"];
    if member.is_null() { &event["user"] } else { member }
}

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: Id,
    kind: u64,
    pub(crate) server: Option<Id>,
    /// Empty where Discord does not tell it.
    pub(crate) name: String,
    pub(crate) parent: Option<Id>,
}

impl Channel {
    /// `None` for what is no channel. `server`: which it is in, where it does not say that itself.
    pub(crate) fn of(value: &Value, server: Option<Id>) -> Option<Self> {
        Some(Self {
            id: Id::of(&value["id"])?,
            kind: value["type"].as_u64().unwrap_or_default(),
            server: Id::of(&value["guild_id"]).or(server),
            name: text(&value["name"]).to_owned(),
            parent: Id::of(&value["parent_id"]),
        })
    }

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_snowflake_tells_its_time() {
        // The example of Discord's reference.
        assert_eq!(Id(175_928_847_299_117_063).millis(), 1_462_015_105_796);
        assert_eq!(
            [Id::of(&json!("7")), Id::of(&json!(7)), Id::of(&json!([]))],
            [Some(Id(7)), None, None]
        );
    }

    #[test]
    fn what_is_unknown_is_left_alone() {
        let value =
            json!({ "id": "1", "type": 77, "name": ["new"], "something": { "else": true } });
        let channel = Channel::of(&value, Some(Id(5))).unwrap();
        assert_eq!((channel.id, channel.server, channel.name.as_str()), (Id(1), Some(Id(5)), ""));
        assert!(Channel::of(&json!({ "id": {} }), None).is_none());
    }
}
