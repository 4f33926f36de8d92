//! The methods that are called, with their parameters
//! (<https://core.telegram.org/bots/api#available-methods>).

use std::time::Duration;

use channel::ChannelError;
use channel::http::Failure;
use domain::outgoing::{Button, Dialect, Unit};
use reqwest::Url;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::api::Api;
use crate::ids::Target;
use crate::refusal::{channel_error, is_about_the_content};
use crate::types::Bot;

/// How long a poll waits when there is nothing to tell.
pub(crate) const POLL: Duration = Duration::from_secs(30);
/// How much longer than that the answer may take to arrive.
const POLL_SLACK: Duration = Duration::from_secs(15);
/// The longest time between two answers to polls.
pub(crate) const POLL_MAX: Duration = POLL.saturating_add(POLL_SLACK);
/// The most that one poll brings (<https://core.telegram.org/bots/api#getupdates>).
pub(crate) const UPDATES_MAX: usize = 100;
/// <https://core.telegram.org/bots/api#sendmessage>, UTF-16 code units without the tags.
pub(crate) const TEXT_MAX: usize = 4096;
/// What Markdown is rendered as (<https://core.telegram.org/bots/api#html-style>).
pub(crate) const PARSE_MODE: &str = "HTML";
/// Labels up to this length share a row; a phone cuts longer ones.
const SHORT_CHARS_MAX: usize = 20;
const PER_ROW_MAX: usize = 3;

impl Api {
    pub(crate) async fn get_me(&self) -> Result<Bot, ChannelError> {
        self.call_patiently(POLL_SLACK, "getMe", json!({})).await.map_err(channel_error)
    }

    /// Fails where another program is served, which a poll cannot be beside. Its webhook is left alone.
    pub(crate) async fn has_no_webhook(&self) -> Result<(), ChannelError> {
        let asked = self.call_patiently::<Value>(POLL_SLACK, "getWebhookInfo", json!({})).await;
        let info = asked.map_err(channel_error)?;
        let Some(url) = info["url"].as_str().filter(|it| !it.is_empty()) else { return Ok(()) };
        // The rest of the address may hold a secret of that program.
        let url = Url::parse(url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("another address");
        let why = format!(
            "another program serves this bot at {host}; make another bot with @BotFather for this host, or stop that \
             program and open https://api.telegram.org/bot<token>/deleteWebhook, with the bot's token in it"
        );
        Err(ChannelError::Misconfigured(why.into()))
    }

    /// Waits so long for updates from `offset` on; the server forgets those before it. Channel posts are not
    /// asked for. Each comes as it is, so that one that cannot be read spoils no other.
    pub(crate) async fn get_updates(
        &self,
        offset: Option<i64>,
        wait: Duration,
    ) -> Result<Vec<Value>, Failure> {
        let parameters = json!({
            "offset": offset,
            "limit": UPDATES_MAX,
            "timeout": wait.as_secs(),
            "allowed_updates":
                ["message", "edited_message", "callback_query", "my_chat_member", "message_reaction"],
        });
        self.call_patiently(wait + POLL_SLACK, "getUpdates", parameters).await
    }

    /// Returns the message's number. `frame`: where it goes and how, see [`frame`].
    pub(crate) async fn send(
        &self,
        mut frame: Value,
        markdown: &str,
        buttons: &[Button],
    ) -> Result<i64, Failure> {
        frame["reply_markup"] = keyboard(buttons);
        number(&self.show("sendMessage", frame, markdown).await?)
    }

    /// Puts a text, and buttons or none, in the place of a message of ours: see `sink::own_message`.
    pub(crate) async fn edit(
        &self,
        mut own: Value,
        markdown: &str,
        buttons: &[Button],
    ) -> Result<(), Failure> {
        own["reply_markup"] = keyboard(buttons);
        match self.show("editMessageText", own, markdown).await {
            // It shows that already; perhaps an earlier attempt did it.
            Err(Failure::Refused(no)) if no.why.contains("message is not modified") => Ok(()),
            done => done.map(drop),
        }
    }

    /// Shows a text with formats or, where Telegram takes those not, without: formatting never costs a
    /// message.
    async fn show(
        &self,
        method: &str,
        mut parameters: Value,
        markdown: &str,
    ) -> Result<Value, Failure> {
        parameters["link_preview_options"] = no_preview();
        if let Some(html) = html_within(markdown, TEXT_MAX) {
            parameters["text"] = html.into();
            parameters["parse_mode"] = PARSE_MODE.into();
            match self.call(method, parameters.clone()).await {
                Err(err) if is_about_the_content(&err) => parameters["parse_mode"] = Value::Null,
                shown => return shown,
            }
        }
        parameters["text"] = markdown::calling_nobody(markdown).into();
        self.call(method, parameters).await
    }

    /// For what gives no result that anybody needs.
    pub(crate) async fn tell(&self, method: &str, parameters: Value) -> Result<(), Failure> {
        self.call::<IgnoredAny>(method, parameters).await.map(drop)
    }
}

/// The text with tags; `None` where these show nothing, or more than `max` UTF-16 code units.
pub(crate) fn html_within(markdown: &str, max: usize) -> Option<String> {
    let units = markdown::measure(markdown, Dialect::TelegramHtml, Unit::Utf16);
    (1..=max).contains(&units).then(|| markdown::render(markdown, Dialect::TelegramHtml))
}

/// What every message of ours has beside its content. It replies to the message of that number, which may be
/// gone by now.
pub(crate) fn frame(to: Target, reply: Option<i64>, is_silent: bool) -> Value {
    let reply = reply.map(|it| json!({ "message_id": it, "allow_sending_without_reply": true }));
    json!({
        "chat_id": to.chat,
        "message_thread_id": to.thread,
        "reply_parameters": reply,
        "disable_notification": is_silent.then_some(true),
    })
}

/// The number of the message that a method sent, or of the first of an album.
pub(crate) fn number(sent: &Value) -> Result<i64, Failure> {
    let number = sent["message_id"].as_i64().or_else(|| sent[0]["message_id"].as_i64());
    number.ok_or_else(|| Failure::Unknown("the server answers with what is no message".into()))
}

/// Telegram fetches the address in a text to show what is there; its owner would get what an agent that
/// was talked into it puts in the address.
pub(crate) fn no_preview() -> Value {
    json!({ "is_disabled": true })
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
    fn what_tags_make_empty_or_too_long_is_not_shown_with_them() {
        assert_eq!(html_within("**a**", 1).as_deref(), Some("<b>a</b>"));
        assert_eq!((html_within("**ab**", 1), html_within("", 5)), (None, None));
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
