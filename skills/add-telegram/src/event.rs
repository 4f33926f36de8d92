//! From an update to what the host knows.

use channel::Event;
use domain::message::{
    Attachment, Author, AuthorKind, Body, Change, ChatInfo, Click, Incoming, Quote, Thread,
};
use serde::Deserialize;
use serde_json::Value;

use crate::content::{files, stand_in, unread};
use crate::entities::{names_bot, to_markdown};
use crate::ids;
use crate::types::{Bot, Entity, name, text, time};

/// None for what is nothing to the host: posts of channels, words of bots, service messages.
pub(crate) fn events(update: &Value, me: &Bot, account: &str) -> Vec<Event> {
    let one = if let Some(message) = update.get("message") {
        happened(message, account).or_else(|| said(message, me, account).map(Event::Message))
    } else if let Some(message) = update.get("edited_message") {
        edited(message, me, account)
    } else if let Some(press) = update.get("callback_query") {
        click(press, account)
    } else if let Some(change) = update.get("my_chat_member") {
        membership(change, account)
    } else {
        return reactions(&update["message_reaction"], account).unwrap_or_default();
    };
    one.into_iter().collect()
}

/// A chat has another title; or another id, as a group that becomes a supergroup, and both chats say so.
fn happened(message: &Value, account: &str) -> Option<Event> {
    let here = &message["chat"]["id"];
    let address = |id| ids::address(account, id, None);
    if let Some(title) = message["new_chat_title"].as_str() {
        return Some(Event::Renamed { chat: address(here), title: title.to_owned() });
    }
    let (from, to) = match ["migrate_to_chat_id", "migrate_from_chat_id"].map(|it| message.get(it))
    {
        [Some(to), _] => (here, to),
        [None, Some(from)] => (from, here),
        [None, None] => return None,
    };
    Some(Event::Moved { from: address(from), to: address(to) })
}

fn said(message: &Value, me: &Bot, account: &str) -> Option<Incoming> {
    let chat = &message["chat"];
    if chat["type"] == "channel" || message["is_automatic_forward"] == true {
        return None;
    }
    let sender = author(&message["sender_chat"], &message["from"])?;
    let (written, entities) = match message["text"].as_str() {
        Some(text) => (text, &message["entities"]),
        None => (message["caption"].as_str().unwrap_or_default(), &message["caption_entities"]),
    };
    let entities = Vec::<Entity>::deserialize(entities).unwrap_or_default();
    let mut attachments = files(message);
    let words =
        if written.is_empty() { stand_in(message) } else { to_markdown(written, &entities, me) };
    // A caption says nothing of what it is the caption of.
    let is_caption = !written.is_empty() && message["text"].is_null();
    let is_whole = !attachments.is_empty() || !(words.is_empty() || is_caption);
    let unread = if is_whole { None } else { unread(message) };
    if words.is_empty() && attachments.is_empty() && unread.is_none() {
        return None;
    }
    let quoted = replied(message).map_or(vec![], files).into_iter();
    attachments.extend(quoted.map(|it| Attachment { is_quoted: true, ..it }));
    let (quote, thread) = (quote(message, me), ids::topic(message));
    Some(Incoming {
        from: ids::address(account, &chat["id"], thread),
        platform_id: ids::of(message)?,
        mentioned: quote.as_ref().is_some_and(|it| it.is_ours) || names_bot(written, &entities, me),
        body: Body {
            chat: chat_info(chat),
            quote,
            sent_at: time(&message["date"]),
            // As far as the message tells: the title with which its topic began.
            thread: thread.map(|_| Thread {
                title: text(&message["reply_to_message"]["forum_topic_created"]["name"]),
                root: String::new(),
            }),
            forwarded_from: message.get("forward_origin").map(origin),
            unread,
            ..Body::new(sender, words)
        },
        files: attachments,
        to_agent: None,
    })
}

/// An edit of a text or a caption: a live location moves all the time.
fn edited(message: &Value, me: &Bot, account: &str) -> Option<Event> {
    message.get("text").or(message.get("caption"))?;
    let said = said(message, me, account)?;
    let (of, date) = (said.platform_id, &message["edit_date"]);
    let platform_id = format!("{of}#{date}");
    let body = Body { change: Some(Change::Edited { of }), sent_at: time(date), ..said.body };
    Some(Event::Message(Incoming { platform_id, body, ..said }))
}

/// The bot is told of reactions between two, and in groups of which it is an administrator.
fn reactions(update: &Value, account: &str) -> Option<Vec<Event>> {
    let sender = author(&update["actor_chat"], &update["user"])?;
    let (to, chat, date) = (ids::of(update)?, &update["chat"], &update["date"]);
    let (old, new) = (update["old_reaction"].as_array()?, update["new_reaction"].as_array()?);
    let gone = old.iter().filter(|it| !new.contains(it)).map(|it| (it, false));
    let changes = gone.chain(new.iter().filter(|it| !old.contains(it)).map(|it| (it, true)));
    let event = |(reaction, added): (&Value, bool)| {
        let emoji = reaction["emoji"].as_str().unwrap_or("a custom emoji").to_owned();
        let sign = if added { '+' } else { '-' };
        let platform_id = format!("{to}#{date}:{}{sign}{emoji}", sender.id);
        let change = Some(Change::Reacted { to: to.clone(), emoji, added });
        let (chat_info, sent_at) = (chat_info(chat), time(date));
        let body = Body { chat: chat_info, change, sent_at, ..Body::new(sender.clone(), "") };
        let from = ids::address(account, &chat["id"], None);
        Event::Message(Incoming { from, platform_id, body, ..Incoming::default() })
    };
    Some(changes.map(event).collect())
}

/// A chat that speaks for itself, such as an anonymous administrator, comes with a bot of Telegram's as
/// its user. Other bots are nobody.
fn author(chat: &Value, user: &Value) -> Option<Author> {
    let by = |of: &Value| Some(Author::new(of["id"].as_i64()?.to_string(), name(of)));
    if !chat.is_null() {
        return Some(Author { kind: AuthorKind::Shared, ..by(chat)? });
    }
    by(user).filter(|_| user["is_bot"] != true)
}

/// Who wrote what was forwarded; some hide all but their name.
fn origin(origin: &Value) -> String {
    let known = ["sender_user", "sender_chat", "chat"].iter().find_map(|it| origin.get(it));
    let name = known.map_or_else(|| text(&origin["sender_user_name"]), name);
    if name.is_empty() { "somebody".to_owned() } else { name }
}

fn chat_info(chat: &Value) -> ChatInfo {
    ChatInfo { title: name(chat), is_group: chat["type"] != "private" }
}

/// What this one replies to, here or in another chat. In a topic, what replies to nothing seems to reply to its
/// beginning.
fn replied(message: &Value) -> Option<&Value> {
    let here = message.get("reply_to_message").filter(|it| it["forum_topic_created"].is_null());
    here.or(message.get("external_reply"))
}

fn quote(message: &Value, me: &Bot) -> Option<Quote> {
    let replied = replied(message)?;
    let from = ["sender_chat", "from"].iter().find_map(|it| replied.get(it)).map(name);
    let sender = from.or_else(|| replied.get("origin").map(origin)).unwrap_or_default();
    let chosen = message["quote"]["text"].as_str().map(str::to_owned);
    Some(Quote {
        sender,
        text: chosen.unwrap_or_else(|| excerpt(replied)),
        id: ids::of(replied).unwrap_or_default(),
        is_ours: [&replied["from"], &replied["origin"]["sender_user"]]
            .iter()
            .any(|it| it["id"] == me.id),
    })
}

fn excerpt(message: &Value) -> String {
    let written = message.get("text").or(message.get("caption"));
    let words = written.map_or_else(|| stand_in(message), text);
    let file = || files(message).first().map(|it| format!("[{}]", it.kind.as_str()));
    let unread = || unread(message).map(|it| format!("[{it}]"));
    if words.is_empty() { file().or_else(unread).unwrap_or_default() } else { words }
}

/// A press without data belongs to a game, one without a message to an inline result.
fn click(press: &Value, account: &str) -> Option<Event> {
    let (message, id) = (press.get("message")?, text(&press["id"]));
    Some(Event::Click(Click {
        from: ids::address(account, &message["chat"]["id"], ids::topic(message)),
        chat: chat_info(&message["chat"]),
        platform_id: id.clone(),
        press: id,
        sender: author(&Value::Null, &press["from"])?,
        data: press["data"].as_str()?.to_owned(),
    }))
}

/// The bot was blocked or removed, or let in again, or may do more or less than before.
fn membership(change: &Value, account: &str) -> Option<Event> {
    let is_there = |member: &Value| match member["status"].as_str() {
        Some("creator" | "administrator" | "member") => true,
        Some("restricted") => member["is_member"] != false,
        Some(_) | None => false,
    };
    let was_there = is_there(&change["old_chat_member"]);
    let is_there = is_there(&change["new_chat_member"]);
    let chat = ids::address(account, &change["chat"]["id"], None);
    // Who unblocks the bot brings it into no group.
    let ChatInfo { title, is_group } = chat_info(&change["chat"]);
    let by = || author(&Value::Null, &change["from"]).filter(|_| is_group && !was_there);
    let title = Some(title).filter(|_| is_group);
    match (was_there, is_there) {
        _ if change["chat"]["type"] == "channel" => None,
        (false, false) => None,
        (true, false) => Some(Event::Left(chat)),
        (_, true) => Some(Event::Reachable { chat, by: by(), title }),
    }
}

#[cfg(test)]
mod tests;
