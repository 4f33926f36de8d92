//! Which method does what.

use serde_json::{Value, json};

use super::call::{Call, Outcome, Refusal};
use super::serve::Lost;
use super::state::Inner;
use super::{BOT, State, edits, files, polling, sends};
use crate::conformance::Fault;

/// The methods that show something to people, and so meet the faults of sending.
const SENDING: [&str; 11] = [
    "sendMessage",
    "sendRichMessage",
    "sendPhoto",
    "sendDocument",
    "sendAudio",
    "sendVideo",
    "sendVoice",
    "sendMediaGroup",
    "editMessageText",
    "deleteMessage",
    "setMessageReaction",
];

/// # Errors
/// [`Lost`] when the method took effect and nobody shall hear of it.
pub(super) async fn perform(state: &State, call: &Call) -> Result<Outcome, Lost> {
    if call.is("getUpdates") {
        let outcome = polling::get_updates(state, call).await;
        let brings =
            outcome.as_ref().is_ok_and(|it| it.as_array().is_some_and(|it| !it.is_empty()));
        let lost = brings && std::mem::take(&mut state.lock().poll_is_lost);
        return if lost { Err(Lost) } else { Ok(outcome) };
    }
    let mut inner = state.lock();
    let sends = SENDING.iter().any(|it| call.is(it));
    let fault = if sends { inner.faults.pop_front() } else { None };
    let refused = match fault {
        Some(Fault::Throttle(given)) => Some(Refusal::wait(given)),
        Some(Fault::ServerError) => Some(Refusal::new(500, "Internal Server Error")),
        Some(Fault::Forbidden) => Some(Refusal::new(403, "Forbidden: bot was blocked by the user")),
        Some(Fault::BadFormat) if has_formats(call) => {
            Some(Refusal::bad("can't parse entities: Unsupported start tag \"b\" at byte offset 0"))
        }
        Some(Fault::BadFormat | Fault::AnswerLost | Fault::Disconnect | Fault::Garbage) | None => {
            None
        }
    };
    if let Some(refused) = refused {
        return Ok(Err(refused));
    }
    let outcome = dispatch(&mut inner, call);
    if fault == Some(Fault::AnswerLost) { Err(Lost) } else { Ok(outcome) }
}

fn has_formats(call: &Call) -> bool {
    call.parameters.contains_key("parse_mode") || call.parameters.contains_key("rich_message")
}

fn dispatch(inner: &mut Inner, call: &Call) -> Outcome {
    let name = call.method.to_ascii_lowercase();
    match name.as_str() {
        "getme" => Ok(me(inner)),
        "setwebhook" => {
            inner.webhook = call.text("url").unwrap_or_default();
            Ok(true.into())
        }
        "getwebhookinfo" => Ok(json!({"url": inner.webhook, "has_custom_certificate": false,
            "pending_update_count": inner.updates.len()})),
        "deletewebhook" => {
            inner.webhook.clear();
            if call.text("drop_pending_updates").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
                inner.updates.clear();
            }
            Ok(true.into())
        }
        "sendmessage" => sends::send_message(inner, call),
        "sendrichmessage" => sends::send_rich_message(inner, call),
        "sendphoto" => files::send(inner, call, "photo"),
        "senddocument" => files::send(inner, call, "document"),
        "sendaudio" => files::send(inner, call, "audio"),
        "sendvideo" => files::send(inner, call, "video"),
        "sendvoice" => files::send(inner, call, "voice"),
        "sendmediagroup" => files::send_album(inner, call),
        "setmycommands" => set_my_commands(inner, call),
        "sendchataction" => sends::send_chat_action(inner, call),
        "editmessagetext" => edits::edit_message_text(inner, call),
        "editmessagereplymarkup" => edits::edit_message_reply_markup(inner, call),
        "deletemessage" => edits::delete_message(inner, call),
        "setmessagereaction" => edits::set_message_reaction(inner, call),
        "answercallbackquery" => answer_callback_query(inner, call),
        "getfile" => files::get_file(inner, call),
        _ => Err(Refusal::new(404, "Not Found: method not found")),
    }
}

fn me(inner: &Inner) -> Value {
    let mut me = inner.user(BOT);
    me["can_join_groups"] = json!(true);
    me["can_read_all_group_messages"] = json!(inner.reads_all);
    me["supports_inline_queries"] = json!(false);
    me["has_main_web_app"] = json!(false);
    me
}

/// <https://core.telegram.org/bots/api#botcommand>.
fn set_my_commands(inner: &mut Inner, call: &Call) -> Outcome {
    let commands = call.value("commands")?.unwrap_or_default();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    for command in commands.as_array().into_iter().flatten() {
        let (name, about) = (text(command, "command"), text(command, "description"));
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || 32 < name.len() || !name.chars().all(is_plain) {
            return Err(Refusal::bad("BOT_COMMAND_INVALID"));
        }
        if about.is_empty() || 256 < about.encode_utf16().count() {
            return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    inner.menu = commands;
    Ok(true.into())
}

/// A press can be answered once, and not for ever.
fn answer_callback_query(inner: &mut Inner, call: &Call) -> Outcome {
    let id = call.text("callback_query_id").unwrap_or_default();
    let Some(at) = inner.presses.iter().position(|it| *it == id) else {
        let why = "query is too old and response timeout expired or query ID is invalid";
        return Err(Refusal::bad(why));
    };
    if 200 < call.text("text").unwrap_or_default().encode_utf16().count() {
        return Err(Refusal::bad("MESSAGE_TOO_LONG"));
    }
    inner.presses.remove(at);
    inner.answered.push(id);
    Ok(true.into())
}
