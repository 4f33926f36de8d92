//! The methods that are called, with their parameters
//! (<https://core.telegram.org/bots/api#available-methods>).

use std::time::Duration;

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::api::Api;
use crate::buttons::Keyboard;
use crate::error::ApiError;
use crate::ids::Target;
use crate::types::{Me, Sent, Stored};

/// How long a poll waits when there is nothing to tell.
const POLL: Duration = Duration::from_secs(30);
/// How much longer than that the answer may take to arrive.
const POLL_SLACK: Duration = Duration::from_secs(15);
/// The longest time between two answers to polls.
pub(crate) const POLL_MAX: Duration = POLL.saturating_add(POLL_SLACK);
/// What is asked for; edited messages and channel posts are not.
const UPDATES: [&str; 3] = ["message", "callback_query", "my_chat_member"];

/// What a message shows.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parse_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rich_message: Option<RichMessage>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct RichMessage {
    pub(crate) html: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Reply {
    pub(crate) message_id: i64,
    /// The message may be gone by now.
    pub(crate) allow_sending_without_reply: bool,
}

impl Reply {
    pub(crate) fn to(message_id: i64) -> Self {
        Self { message_id, allow_sending_without_reply: true }
    }
}

#[derive(Debug, Serialize)]
struct Send<'a> {
    chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<i64>,
    #[serde(flatten)]
    body: &'a Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_parameters: Option<Reply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<&'a Keyboard>,
}

#[derive(Debug, Serialize)]
struct Edit<'a> {
    chat_id: i64,
    message_id: i64,
    #[serde(flatten)]
    body: &'a Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<&'a Keyboard>,
}

#[derive(Debug, Serialize)]
struct GetUpdates {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    limit: u8,
    timeout: u64,
    allowed_updates: [&'static str; 3],
}

/// An object, since servers take no other JSON.
#[derive(Debug, Serialize)]
struct Nothing {}

#[derive(Debug, Serialize)]
struct DeleteWebhook {
    drop_pending_updates: bool,
}

#[derive(Debug, Serialize)]
struct AnswerCallbackQuery<'a> {
    callback_query_id: &'a str,
}

#[derive(Debug, Serialize)]
struct SetReaction<'a> {
    chat_id: i64,
    message_id: i64,
    reaction: &'a [Reaction<'a>],
}

#[derive(Debug, Serialize)]
struct Reaction<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    emoji: &'a str,
}

#[derive(Debug, Serialize)]
struct ChatAction {
    chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<i64>,
    action: &'static str,
}

#[derive(Debug, Serialize)]
struct GetFile<'a> {
    file_id: &'a str,
}

impl Api {
    pub(crate) async fn get_me(&self) -> Result<Me, ApiError> {
        self.call_patiently(POLL_SLACK, "getMe", &Nothing {}).await
    }

    pub(crate) async fn delete_webhook(&self) -> Result<(), ApiError> {
        let parameters = DeleteWebhook { drop_pending_updates: false };
        let done = self.call_patiently::<IgnoredAny>(POLL_SLACK, "deleteWebhook", &parameters);
        done.await.map(drop)
    }

    /// Waits for updates from `offset` on; the server forgets those before it. Each comes as it is,
    /// so that one that cannot be read spoils no other.
    pub(crate) async fn get_updates(&self, offset: Option<i64>) -> Result<Vec<Value>, ApiError> {
        self.poll(offset, POLL).await
    }

    /// As [`Self::get_updates`], of what is there already.
    pub(crate) async fn look(&self, offset: Option<i64>) -> Result<Vec<Value>, ApiError> {
        self.poll(offset, Duration::ZERO).await
    }

    async fn poll(&self, offset: Option<i64>, wait: Duration) -> Result<Vec<Value>, ApiError> {
        let timeout = wait.as_secs();
        let parameters = GetUpdates { offset, limit: 100, timeout, allowed_updates: UPDATES };
        self.call_patiently(wait + POLL_SLACK, "getUpdates", &parameters).await
    }

    /// Ends the spinner on a button.
    pub(crate) async fn answer_callback_query(&self, id: &str) -> Result<(), ApiError> {
        let parameters = AnswerCallbackQuery { callback_query_id: id };
        self.call::<IgnoredAny>("answerCallbackQuery", &parameters).await.map(drop)
    }

    pub(crate) async fn send(
        &self,
        to: Target,
        body: &Body,
        reply: Option<Reply>,
        keyboard: Option<&Keyboard>,
    ) -> Result<Sent, ApiError> {
        let method = if body.rich_message.is_some() { "sendRichMessage" } else { "sendMessage" };
        let parameters = Send {
            chat_id: to.chat,
            message_thread_id: to.thread,
            body,
            reply_parameters: reply,
            reply_markup: keyboard,
        };
        self.call(method, &parameters).await
    }

    pub(crate) async fn edit(
        &self,
        chat_id: i64,
        message_id: i64,
        body: &Body,
        reply_markup: Option<&Keyboard>,
    ) -> Result<(), ApiError> {
        let parameters = Edit { chat_id, message_id, body, reply_markup };
        self.call::<IgnoredAny>("editMessageText", &parameters).await.map(drop)
    }

    /// An empty emoji takes the bot's reaction away.
    pub(crate) async fn set_reaction(
        &self,
        chat_id: i64,
        message_id: i64,
        emoji: &str,
    ) -> Result<(), ApiError> {
        let one = [Reaction { kind: "emoji", emoji }];
        let reaction = if emoji.is_empty() { &one[..0] } else { &one[..] };
        let parameters = SetReaction { chat_id, message_id, reaction };
        self.call::<IgnoredAny>("setMessageReaction", &parameters).await.map(drop)
    }

    /// Shows "typing" for five seconds or until the next message.
    pub(crate) async fn show_typing(&self, to: Target) -> Result<(), ApiError> {
        let parameters =
            ChatAction { chat_id: to.chat, message_thread_id: to.thread, action: "typing" };
        self.call::<IgnoredAny>("sendChatAction", &parameters).await.map(drop)
    }

    pub(crate) async fn get_file(&self, file_id: &str) -> Result<Stored, ApiError> {
        self.call("getFile", &GetFile { file_id }).await
    }
}
