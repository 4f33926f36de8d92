//! The methods that are called, with their parameters
//! (<https://core.telegram.org/bots/api#available-methods>).

use std::time::Duration;

use channel::ChannelError;
use channel::http::Failure;
use domain::outgoing::Button;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::api::Api;
use crate::html;
use crate::ids::Target;
use crate::refusal::is_about_the_content;
use crate::types::{Me, Sent, Stored};

/// How long a poll waits when there is nothing to tell.
pub(crate) const POLL: Duration = Duration::from_secs(30);
/// How much longer than that the answer may take to arrive.
const POLL_SLACK: Duration = Duration::from_secs(15);
/// The longest time between two answers to polls.
pub(crate) const POLL_MAX: Duration = POLL.saturating_add(POLL_SLACK);
/// <https://core.telegram.org/bots/api#sendmessage>, UTF-16 code units without the tags.
pub(crate) const TEXT_MAX: usize = 4096;
/// Labels up to this length share a row; a phone cuts longer ones.
const SHORT_CHARS_MAX: usize = 20;
const PER_ROW_MAX: usize = 3;

impl Api {
    pub(crate) async fn get_me(&self) -> Result<Me, ChannelError> {
        self.call_patiently(POLL_SLACK, "getMe", json!({})).await
    }

    pub(crate) async fn delete_webhook(&self) -> Result<(), ChannelError> {
        let parameters = json!({ "drop_pending_updates": false });
        let done = self.call_patiently::<IgnoredAny>(POLL_SLACK, "deleteWebhook", parameters);
        done.await.map(drop)
    }

    /// Waits so long for updates from `offset` on; the server forgets those before it. Edited messages
    /// and channel posts are not asked for. Each comes as it is, so that one that cannot be read spoils
    /// no other.
    pub(crate) async fn get_updates(
        &self,
        offset: Option<i64>,
        wait: Duration,
    ) -> Result<Vec<Value>, ChannelError> {
        let parameters = json!({
            "offset": offset,
            "limit": 100,
            "timeout": wait.as_secs(),
            "allowed_updates": ["message", "callback_query", "my_chat_member"],
        });
        self.call_patiently(wait + POLL_SLACK, "getUpdates", parameters).await
    }

    /// Ends the spinner on a button.
    pub(crate) async fn answer_callback_query(&self, id: &str) -> Result<(), Failure> {
        self.tell("answerCallbackQuery", json!({ "callback_query_id": id })).await
    }

    /// Returns the message's number. `reply`: see [`reply_to`].
    pub(crate) async fn send(
        &self,
        to: Target,
        markdown: &str,
        reply: &Value,
        buttons: &[Button],
    ) -> Result<i64, Failure> {
        let parameters = json!({
            "chat_id": to.chat,
            "message_thread_id": to.thread,
            "reply_parameters": reply,
            "reply_markup": keyboard(buttons),
        });
        let sent: Sent = self.show("sendMessage", parameters, markdown).await?;
        Ok(sent.message_id)
    }

    /// Puts a text, and buttons or none, in the place of a message of ours.
    pub(crate) async fn edit(
        &self,
        (chat, message): (i64, i64),
        markdown: &str,
        buttons: &[Button],
    ) -> Result<(), Failure> {
        let keyboard = keyboard(buttons);
        let parameters =
            json!({ "chat_id": chat, "message_id": message, "reply_markup": keyboard });
        match self.show::<IgnoredAny>("editMessageText", parameters, markdown).await {
            // It shows that already; perhaps an earlier attempt did it.
            Err(Failure::Refused(no)) if no.why.contains("message is not modified") => Ok(()),
            done => done.map(drop),
        }
    }

    /// As [`Self::edit`] of half a text, which has half its formats and goes without any.
    pub(crate) async fn draft(
        &self,
        (chat, message): (i64, i64),
        text: &str,
    ) -> Result<(), Failure> {
        let parameters = json!({ "chat_id": chat, "message_id": message, "text": text });
        self.tell("editMessageText", parameters).await
    }

    /// Shows a text with formats or, where Telegram takes those not, without: formatting never costs a
    /// message.
    async fn show<T: DeserializeOwned>(
        &self,
        method: &str,
        mut parameters: Value,
        markdown: &str,
    ) -> Result<T, Failure> {
        if let Some(html) = html::within(markdown, TEXT_MAX) {
            parameters["text"] = html.into();
            parameters["parse_mode"] = html::PARSE_MODE.into();
            match self.call(method, parameters.clone()).await {
                Err(err) if is_about_the_content(&err) => parameters["parse_mode"] = Value::Null,
                shown => return shown,
            }
        }
        parameters["text"] = markdown.into();
        self.call(method, parameters).await
    }

    /// An empty emoji takes the bot's reaction away.
    pub(crate) async fn set_reaction(
        &self,
        (chat, message): (i64, i64),
        emoji: &str,
    ) -> Result<(), Failure> {
        let one = json!([{ "type": "emoji", "emoji": emoji }]);
        let reaction = if emoji.is_empty() { json!([]) } else { one };
        let parameters = json!({ "chat_id": chat, "message_id": message, "reaction": reaction });
        self.tell("setMessageReaction", parameters).await
    }

    /// Shows "typing" for five seconds or until the next message.
    pub(crate) async fn show_typing(&self, to: Target) -> Result<(), Failure> {
        let parameters =
            json!({ "chat_id": to.chat, "message_thread_id": to.thread, "action": "typing" });
        self.tell("sendChatAction", parameters).await
    }

    pub(crate) async fn get_file(&self, file_id: &str) -> Result<Stored, Failure> {
        self.call("getFile", json!({ "file_id": file_id })).await
    }

    async fn tell(&self, method: &str, parameters: Value) -> Result<(), Failure> {
        self.call::<IgnoredAny>(method, parameters).await.map(drop)
    }
}

/// A reference to a message that may be gone by now; `null` without a number.
pub(crate) fn reply_to(number: Option<i64>) -> Value {
    let reply = |it| json!({ "message_id": it, "allow_sending_without_reply": true });
    number.map_or(Value::Null, reply)
}

/// Buttons below a message; `null` without any
/// (<https://core.telegram.org/bots/api#inlinekeyboardmarkup>).
fn keyboard(buttons: &[Button]) -> Value {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut is_open = false;
    for button in buttons {
        let key = json!({ "text": button.label, "callback_data": button.data });
        let is_short = button.label.chars().count() <= SHORT_CHARS_MAX;
        match rows.last_mut() {
            Some(row) if is_open && is_short && row.len() < PER_ROW_MAX => row.push(key),
            Some(_) | None => rows.push(vec![key]),
        }
        is_open = is_short;
    }
    if rows.is_empty() { Value::Null } else { json!({ "inline_keyboard": rows }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(labels: &[&str]) -> Vec<usize> {
        let button = |it: &&str| Button { label: (*it).into(), data: "d".into() };
        let buttons: Vec<Button> = labels.iter().map(button).collect();
        let keyboard = keyboard(&buttons);
        let rows = keyboard["inline_keyboard"].as_array().into_iter().flatten();
        rows.map(|it| it.as_array().unwrap().len()).collect()
    }

    #[test]
    fn short_buttons_share_a_row_and_long_ones_have_their_own() {
        let long = "a label of more than twenty characters";
        assert_eq!(rows(&[]), Vec::<usize>::new());
        assert_eq!(rows(&["a", "b", "c", "d"]), [3, 1]);
        assert_eq!(rows(&["a", long, "b", "c"]), [1, 1, 2]);
        assert_eq!(rows(&[long, long]), [1, 1]);
    }
}
