//! Texts on their way to people.

use serde_json::{Value, json};

use super::call::{Call, Outcome, Refusal, number};
use super::html::{self, OF_RICH_MESSAGES, OF_TEXTS};
use super::state::{Inner, Stored};

const TEXT_MAX: usize = 4096;
const RICH_MAX: usize = 32_768;
const CALLBACK_DATA_MAX: usize = 64;

pub(super) fn send_message(inner: &mut Inner, call: &Call) -> Outcome {
    let mut message = addressed(inner, call)?;
    message.text = text(call)?;
    sent(inner, message)
}

pub(super) fn send_rich_message(inner: &mut Inner, call: &Call) -> Outcome {
    let mut message = addressed(inner, call)?;
    message.text = rich(call)?.ok_or_else(|| Refusal::bad("message text is empty"))?;
    message.rich = true;
    sent(inner, message)
}

pub(super) fn sent(inner: &mut Inner, message: Stored) -> Outcome {
    let kept = inner.keep(message);
    Ok(inner.show(&kept))
}

/// In a group with topics, only who says in which one is seen; the first, "General", is 1 here and nowhere else.
pub(super) fn send_chat_action(inner: &mut Inner, call: &Call) -> Outcome {
    let chat = chat(inner, call)?;
    let thread = call.number("message_thread_id");
    let topics = &inner.chats[&chat].topics;
    let is_general = thread == Some(1) && !topics.is_empty();
    let is_seen = topics.is_empty() || thread.is_some();
    if !is_general {
        addressed(inner, call)?;
    }
    let known = ["typing", "upload_photo", "upload_document", "record_voice", "upload_voice"];
    if !call.text("action").is_some_and(|it| known.contains(&it.as_str())) {
        return Err(Refusal::bad("wrong parameter action in request"));
    }
    inner.typing += usize::from(is_seen);
    Ok(true.into())
}

/// A message of the bot's with everything but its content.
pub(super) fn addressed(inner: &Inner, call: &Call) -> Result<Stored, Refusal> {
    let chat = chat(inner, call)?;
    let thread = call.number("message_thread_id");
    if let Some(thread) = thread
        && !inner.chats[&chat].topics.contains(&thread)
    {
        return Err(Refusal::bad("message thread not found"));
    }
    Ok(Stored {
        chat,
        thread,
        reply_to: reply_to(inner, call, chat)?,
        keyboard: keyboard(call)?,
        ..Stored::default()
    })
}

pub(super) fn chat(inner: &Inner, call: &Call) -> Result<i64, Refusal> {
    let id = call.number("chat_id").ok_or_else(|| Refusal::bad("chat not found"))?;
    let chat = inner.chats.get(&id).ok_or_else(|| Refusal::bad("chat not found"))?;
    match chat.moved_to {
        Some(to) => Err(Refusal::moved(to)),
        None => Ok(id),
    }
}

fn reply_to(inner: &Inner, call: &Call, chat: i64) -> Result<Option<i64>, Refusal> {
    let Some(reply) = call.value("reply_parameters")? else {
        return Ok(None);
    };
    let id = number(&reply["message_id"]).unwrap_or_default();
    if inner.message(chat, id).is_some() {
        return Ok(Some(id));
    }
    match reply["allow_sending_without_reply"].as_bool() {
        Some(true) => Ok(None),
        Some(false) | None => Err(Refusal::bad("message to be replied not found")),
    }
}

/// # Errors
/// As the server refuses buttons.
pub(super) fn keyboard(call: &Call) -> Result<Option<Value>, Refusal> {
    let Some(markup) = call.value("reply_markup")? else { return Ok(None) };
    let Some(rows) = markup["inline_keyboard"].as_array() else { return Ok(None) };
    for button in rows.iter().filter_map(Value::as_array).flatten() {
        if button["text"].as_str().is_none_or(|it| it.trim().is_empty()) {
            return Err(Refusal::bad("inline keyboard button text must be non-empty"));
        }
        let data = button["callback_data"].as_str().map(str::len);
        match (data, button["url"].as_str()) {
            (Some(1..=CALLBACK_DATA_MAX), _) | (None, Some(_)) => {}
            (Some(_), _) => return Err(Refusal::bad("BUTTON_DATA_INVALID")),
            (None, None) => {
                return Err(Refusal::bad(
                    "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
                ));
            }
        }
    }
    Ok(Some(json!({"inline_keyboard": rows})))
}

/// What a reader sees of the parameter `text`.
pub(super) fn text(call: &Call) -> Result<String, Refusal> {
    let text = parsed(call, "text")?;
    if text.is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if TEXT_MAX < text.encode_utf16().count() {
        return Err(Refusal::bad("message is too long"));
    }
    Ok(text)
}

/// What a reader sees of a text with a `parse_mode`.
pub(super) fn parsed(call: &Call, key: &str) -> Result<String, Refusal> {
    let text = call.text(key).unwrap_or_default();
    let visible = match call.text("parse_mode").as_deref() {
        None | Some("") => text,
        Some(mode) if mode.eq_ignore_ascii_case("html") => html::visible(&text, OF_TEXTS)
            .map_err(|why| Refusal::bad(format_args!("can't parse entities: {why}")))?,
        Some(_) => return Err(Refusal::bad("unsupported parse_mode")),
    };
    Ok(visible.trim().to_owned())
}

/// What a reader sees of the parameter `rich_message`, if it is there.
pub(super) fn rich(call: &Call) -> Result<Option<String>, Refusal> {
    let Some(rich) = call.value("rich_message")? else { return Ok(None) };
    let visible = match (rich["html"].as_str(), rich["markdown"].as_str()) {
        (Some(html), None) => html::visible(html, OF_RICH_MESSAGES)
            .map_err(|why| Refusal::bad(format_args!("can't parse rich message: {why}")))?,
        (None, Some(markdown)) => markdown.to_owned(),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::bad("exactly one of html, markdown or blocks must be used"));
        }
    };
    let visible = visible.trim().to_owned();
    if visible.is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if RICH_MAX < visible.chars().count() {
        return Err(Refusal::bad("RICH_MESSAGE_TOO_LONG"));
    }
    Ok(Some(visible))
}
