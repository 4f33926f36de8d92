//! What the Bot API sends, as far as it is read here; anything else in it is ignored.
//! Field names and meanings: <https://core.telegram.org/bots/api#available-types>.

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Me {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) username: String,
    /// Privacy mode is off.
    #[serde(default)]
    pub(crate) can_read_all_group_messages: bool,
}

/// At most one of the fields beside the id is there.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Update {
    pub(crate) message: Option<Box<Message>>,
    pub(crate) callback_query: Option<CallbackQuery>,
    pub(crate) my_chat_member: Option<ChatMemberUpdated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) is_bot: bool,
    #[serde(default)]
    pub(crate) first_name: String,
    pub(crate) last_name: Option<String>,
}

impl User {
    pub(crate) fn name(&self) -> String {
        match &self.last_name {
            Some(last) => format!("{} {last}", self.first_name),
            None => self.first_name.clone(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Chat {
    pub(crate) id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    pub(crate) title: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: i64,
    pub(crate) message_thread_id: Option<i64>,
    #[serde(default)]
    pub(crate) is_topic_message: bool,
    pub(crate) from: Option<User>,
    /// Set when a chat speaks: an anonymous administrator, a channel.
    pub(crate) sender_chat: Option<Chat>,
    #[serde(default)]
    pub(crate) is_automatic_forward: bool,
    /// Unix seconds; 0 for a message that the bot may not see.
    pub(crate) date: i64,
    pub(crate) chat: Chat,
    pub(crate) reply_to_message: Option<Box<Message>>,
    /// The part of that message that was chosen.
    pub(crate) quote: Option<Value>,
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
    pub(crate) caption: Option<String>,
    #[serde(default)]
    pub(crate) caption_entities: Vec<Entity>,
    #[serde(default)]
    pub(crate) photo: Vec<File>,
    pub(crate) document: Option<File>,
    pub(crate) animation: Option<File>,
    pub(crate) audio: Option<File>,
    pub(crate) voice: Option<File>,
    pub(crate) video: Option<File>,
    pub(crate) video_note: Option<File>,
    pub(crate) sticker: Option<File>,
    pub(crate) location: Option<Value>,
    pub(crate) venue: Option<Value>,
    pub(crate) contact: Option<Value>,
    pub(crate) poll: Option<Value>,
    pub(crate) dice: Option<Value>,
    pub(crate) migrate_to_chat_id: Option<i64>,
    pub(crate) migrate_from_chat_id: Option<i64>,
    /// A service message, which every message of a topic seems to reply to.
    pub(crate) forum_topic_created: Option<serde::de::IgnoredAny>,
}

/// Offsets and lengths count UTF-16 code units.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) url: Option<String>,
    pub(crate) user: Option<User>,
    pub(crate) language: Option<String>,
}

/// Everything that is a file. Only pictures have a size, and only stickers may move.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct File {
    pub(crate) file_id: String,
    pub(crate) file_name: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) file_size: Option<u64>,
    #[serde(default)]
    pub(crate) width: u32,
    #[serde(default)]
    pub(crate) height: u32,
    #[serde(default)]
    pub(crate) is_animated: bool,
    #[serde(default)]
    pub(crate) is_video: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct CallbackQuery {
    pub(crate) id: String,
    pub(crate) from: User,
    /// Where the button is; missing for messages that no bot sent to a chat.
    pub(crate) message: Option<Box<Message>>,
    pub(crate) data: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ChatMemberUpdated {
    pub(crate) chat: Chat,
    /// Its `status` is `creator`, `administrator`, `member`, `restricted`, `left` or `kicked`.
    pub(crate) new_chat_member: Value,
}

/// What a method that sends returns.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Sent {
    pub(crate) message_id: i64,
}

/// What `getFile` returns; good for an hour.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Stored {
    pub(crate) file_path: Option<String>,
    pub(crate) file_size: Option<u64>,
}
