//! What happens to messages that are there.

use serde_json::Value;

use super::call::{Call, Outcome, Refusal};
use super::sends::{chat, keyboard, rich, text};
use super::state::Inner;

/// The beginning of the list that every client has
/// (<https://core.telegram.org/bots/api#reactiontypeemoji>).
const REACTIONS: [&str; 24] = [
    "👍", "👎", "❤", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢", "🎉", "🤩", "🤮", "💩",
    "🙏", "👌", "🕊", "🤡", "👀", "💯", "🤝", "✍",
];

/// The chat and the number of a message of the bot's that has a text.
fn own(inner: &Inner, call: &Call) -> Result<(i64, i64), Refusal> {
    let chat = chat(inner, call)?;
    let id = call.number("message_id").unwrap_or_default();
    let found = inner.message(chat, id);
    let message = found.ok_or_else(|| Refusal::bad("message to edit not found"))?;
    if message.author.is_some() {
        return Err(Refusal::bad("message can't be edited"));
    }
    Ok((chat, id))
}

fn not_modified() -> Refusal {
    Refusal::bad(
        "message is not modified: specified new message content and reply markup are exactly the \
         same as a current content and reply markup of the message",
    )
}

pub(super) fn edit_message_text(inner: &mut Inner, call: &Call) -> Outcome {
    let (chat, id) = own(inner, call)?;
    let message = inner.message_mut(chat, id).ok_or_else(not_modified)?;
    if !message.files.is_empty() {
        return Err(Refusal::bad("there is no text in the message to edit"));
    }
    let rich = rich(call)?;
    let is_rich = rich.is_some();
    let text = match rich {
        Some(text) => text,
        None => text(call)?,
    };
    // Without a keyboard, the one that is there goes away.
    let keyboard = keyboard(call)?;
    if (&message.text, message.rich, &message.keyboard) == (&text, is_rich, &keyboard) {
        return Err(not_modified());
    }
    (message.text, message.rich, message.keyboard) = (text, is_rich, keyboard);
    message.edits += 1;
    let shown = message.clone();
    Ok(inner.show(&shown))
}

pub(super) fn edit_message_reply_markup(inner: &mut Inner, call: &Call) -> Outcome {
    let (chat, id) = own(inner, call)?;
    let keyboard = keyboard(call)?;
    let message = inner.message_mut(chat, id).ok_or_else(not_modified)?;
    if message.keyboard == keyboard {
        return Err(not_modified());
    }
    message.keyboard = keyboard;
    let shown = message.clone();
    Ok(inner.show(&shown))
}

pub(super) fn delete_message(inner: &mut Inner, call: &Call) -> Outcome {
    let chat = chat(inner, call)?;
    let id = call.number("message_id").unwrap_or_default();
    let before = inner.messages.len();
    inner.messages.retain(|it| (it.chat, it.id) != (chat, id));
    if inner.messages.len() == before {
        return Err(Refusal::bad("message to delete not found"));
    }
    Ok(true.into())
}

/// A bot has one reaction to a message; another takes its place.
pub(super) fn set_message_reaction(inner: &mut Inner, call: &Call) -> Outcome {
    let chat = chat(inner, call)?;
    let id = call.number("message_id").unwrap_or_default();
    let reactions = call.value("reaction")?.unwrap_or_default();
    let emoji: Vec<String> = reactions
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| Some(it["emoji"].as_str()?.to_owned()))
        .collect();
    let message = inner.message_mut(chat, id);
    let message = message.ok_or_else(|| Refusal::bad("message to react not found"))?;
    if 1 < emoji.len() {
        return Err(Refusal::bad("REACTIONS_TOO_MANY"));
    }
    if emoji.iter().any(|it| !REACTIONS.contains(&it.as_str())) {
        return Err(Refusal::bad("REACTION_INVALID"));
    }
    message.reactions = emoji;
    Ok(Value::Bool(true))
}
