//! From an update to what the host knows.

use channel::Event;
use domain::message::{Author, Body, ChatInfo, Click, Incoming, Quote};
use domain::time::Timestamp;

use crate::content::{files, stand_in};
use crate::entities::{names_bot, to_markdown};
use crate::ids;
use crate::types::{CallbackQuery, Chat, ChatMemberUpdated, Me, Message, Update};

/// `None` for what is nothing to the host: posts of channels, words of bots, service messages.
pub(crate) fn event(update: Update, me: &Me, account: &str) -> Option<Event> {
    if let Some(message) = update.message {
        return moved(&message, account).or_else(|| said(&message, me, account));
    }
    if let Some(press) = update.callback_query {
        return click(press, account);
    }
    update.my_chat_member.and_then(|it| reachable(&it, account))
}

/// A group that becomes a supergroup gets another id, and both chats say so.
fn moved(message: &Message, account: &str) -> Option<Event> {
    let here = message.chat.id;
    let (from, to) = match (message.migrate_to_chat_id, message.migrate_from_chat_id) {
        (Some(to), _) => (here, to),
        (None, Some(from)) => (from, here),
        (None, None) => return None,
    };
    let address = |id| ids::address(account, &Chat { id, ..Chat::default() }, None);
    Some(Event::Moved { from: address(from), to: address(to) })
}

fn said(message: &Message, me: &Me, account: &str) -> Option<Event> {
    if message.chat.kind == "channel" {
        return None;
    }
    let sender = author(message)?;
    let (text, entities) = match (&message.text, &message.caption) {
        (Some(text), _) => (text.as_str(), &message.entities[..]),
        (None, Some(caption)) => (caption.as_str(), &message.caption_entities[..]),
        (None, None) => ("", &[][..]),
    };
    let files = files(message);
    let shown = match stand_in(message) {
        Some(words) if text.is_empty() => words,
        Some(_) | None => to_markdown(text, entities, me),
    };
    if shown.is_empty() && files.is_empty() {
        return None;
    }
    let to_bot = replied(message).and_then(|it| it.from.as_ref()).is_some_and(|it| it.id == me.id);
    Some(Event::Message(Incoming {
        from: ids::address(account, &message.chat, ids::topic(message)),
        platform_id: ids::of_message(message.chat.id, message.message_id),
        body: Body {
            chat: chat_info(&message.chat),
            quote: quote(message),
            sent_at: sent_at(message),
            ..Body::new(sender, shown)
        },
        mentioned: to_bot || names_bot(text, entities, me),
        files,
        to_agent: None,
    }))
}

/// A chat that speaks for itself, such as an anonymous administrator, comes with a bot of
/// Telegram's as its sender; the channel of a group speaks through forwards.
fn author(message: &Message) -> Option<Author> {
    if message.is_automatic_forward {
        return None;
    }
    if let Some(chat) = &message.sender_chat {
        return Some(Author::new(chat.id.to_string(), title(chat)));
    }
    let user = message.from.as_ref().filter(|it| !it.is_bot)?;
    Some(Author::new(user.id.to_string(), user.name()))
}

fn chat_info(chat: &Chat) -> ChatInfo {
    ChatInfo { title: title(chat), is_group: chat.kind != "private" }
}

fn title(chat: &Chat) -> String {
    if let Some(title) = &chat.title {
        return title.clone();
    }
    let names = [chat.first_name.as_deref(), chat.last_name.as_deref()];
    names.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What this one replies to. In a topic, what replies to nothing seems to reply to its beginning.
fn replied(message: &Message) -> Option<&Message> {
    message.reply_to_message.as_deref().filter(|it| it.forum_topic_created.is_none())
}

fn quote(message: &Message) -> Option<Quote> {
    let replied = replied(message);
    let chosen = message.quote.as_ref().and_then(|it| it["text"].as_str());
    let text = match (chosen, replied) {
        (Some(text), _) => text.to_owned(),
        (None, Some(quoted)) => excerpt(quoted),
        (None, None) => return None,
    };
    let name = |quoted: &Message| match (&quoted.sender_chat, &quoted.from) {
        (Some(chat), _) => title(chat),
        (None, Some(user)) => user.name(),
        (None, None) => String::new(),
    };
    Some(Quote { sender: replied.map(name).unwrap_or_default(), text, ..Quote::default() })
}

fn excerpt(message: &Message) -> String {
    let text = message.text.clone().or_else(|| message.caption.clone());
    let file = || files(message).first().map(|it| format!("[{}]", it.kind.as_str()));
    text.or_else(|| stand_in(message)).or_else(file).unwrap_or_default()
}

/// 0 stands for a message that the bot may not see.
fn sent_at(message: &Message) -> Option<Timestamp> {
    (0 < message.date).then(|| Timestamp(message.date.saturating_mul(1_000)))
}

fn click(press: CallbackQuery, account: &str) -> Option<Event> {
    // A press without data belongs to a game, one without a message to an inline result.
    let (message, data) = (press.message?, press.data?);
    Some(Event::Click(Click {
        from: ids::address(account, &message.chat, ids::topic(&message)),
        chat: chat_info(&message.chat),
        platform_id: press.id.clone(),
        press: press.id,
        sender: Author::new(press.from.id.to_string(), press.from.name()),
        data,
    }))
}

/// Somebody unblocked the bot, or added it to a chat again.
fn reachable(change: &ChatMemberUpdated, account: &str) -> Option<Event> {
    let present = ["creator", "administrator", "member", "restricted"];
    let status = change.new_chat_member["status"].as_str();
    let here = status.is_some_and(|it| present.contains(&it));
    (here && change.chat.kind != "channel")
        .then(|| Event::Reachable { chat: ids::address(account, &change.chat, None), by: None })
}

#[cfg(test)]
mod tests;
