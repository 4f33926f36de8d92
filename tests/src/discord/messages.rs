//! What can be asked about messages.
//!
//! Source: <https://discord.com/developers/docs/resources/message>.

use serde_json::{Value, json};

use super::http::{Answer, Asked};
use super::world::{File, Message, World};

const CHARS_MAX: usize = 2_000;
const NONCE_CHARS_MAX: usize = 25;

pub(super) fn page(world: &World, asked: &Asked, channel: u64) -> Answer {
    let limit = asked.query("limit").and_then(|it| usize::try_from(it).ok()).unwrap_or(50).min(100);
    let here = world.messages.iter().filter(|it| it.1.channel == channel).map(|it| *it.0);
    let mut ids: Vec<u64> = match (asked.query("after"), asked.query("before")) {
        (Some(after), _) => here.filter(|it| after < *it).take(limit).collect(),
        (None, before) => {
            let before = before.unwrap_or(u64::MAX);
            let all: Vec<u64> = here.filter(|it| *it < before).collect();
            all[all.len().saturating_sub(limit)..].to_vec()
        }
    };
    ids.reverse();
    Answer::Json(200, ids.into_iter().map(|it| world.message(it, false)).collect())
}

pub(super) fn create(world: &mut World, asked: &Asked, channel: u64) -> Answer {
    let body = &asked.body;
    let content = body["content"].as_str().unwrap_or_default().to_owned();
    let components = body["components"].clone();
    let empty = components.as_array().is_none_or(Vec::is_empty);
    if let Some(wrong) = unfit(&content, &components) {
        return wrong;
    }
    if content.trim().is_empty() && asked.files.is_empty() && empty {
        return Answer::error(400, 50_006, "Cannot send an empty message");
    }
    let nonce = body["nonce"].as_str().map(ToOwned::to_owned);
    if nonce.as_ref().is_some_and(|it| NONCE_CHARS_MAX < it.chars().count()) {
        return invalid("nonce", "Must be 25 or fewer in length.");
    }
    if body["enforce_nonce"] == true && nonce.is_some() {
        let knows = !world.keeps_no_nonces;
        let same = |it: &Message| knows && it.nonce == nonce && it.channel == channel;
        if let Some((id, _)) = world.messages.iter().find(|it| same(it.1)) {
            return Answer::Json(200, with_nonce(world, *id));
        }
    }
    let reference = match reference(world, body, channel) {
        Ok(reference) => reference,
        Err(wrong) => return wrong,
    };
    let files = files(world, asked);
    let replied = reference.map(|it| world.messages[&it].author.clone());
    let notified = notified(world, body, &content, replied);
    world.notified.extend(notified.clone());
    let message = Message {
        flags: body["flags"].as_u64().unwrap_or_default(),
        notified,
        channel,
        author: world.bot.to_string(),
        content,
        nonce,
        reference,
        files,
        components,
        ..Message::default()
    };
    let id = world.say(message);
    Answer::Json(200, with_nonce(world, id))
}

/// The answer to a new message has its nonce; none that is asked for later has one.
fn with_nonce(world: &World, id: u64) -> Value {
    let mut value = world.message(id, false);
    value["nonce"] = json!(world.messages[&id].nonce);
    value
}

fn invalid(field: &str, why: &str) -> Answer {
    let errors = json!({ field: { "_errors": [{ "code": "BASE_TYPE", "message": why }] } });
    Answer::Json(400, json!({ "code": 50_035, "message": "Invalid Form Body", "errors": errors }))
}

fn unfit(content: &str, components: &Value) -> Option<Answer> {
    if CHARS_MAX < content.chars().count() {
        return Some(invalid("content", "Must be 2000 or fewer in length."));
    }
    let rows = components.as_array().map_or(&[][..], Vec::as_slice);
    let buttons: Vec<_> = rows.iter().map(|it| it["components"].as_array()).collect();
    let full = |it: &Option<&Vec<Value>>| it.is_none_or(|row| row.is_empty() || 5 < row.len());
    if 5 < rows.len() || buttons.iter().any(full) {
        return Some(invalid("components", "Must be between 1 and 5 in length."));
    }
    let mut seen = Vec::new();
    for button in buttons.into_iter().flatten().flatten() {
        let text = |name: &str| button[name].as_str().unwrap_or_default();
        let (label, id) = (text("label"), text("custom_id"));
        let length = |it: &str, max| (1..=max).contains(&it.chars().count());
        if !length(label, 80) || !length(id, 100) || seen.contains(&id) {
            return Some(invalid("components", "Must be between 1 and 80 in length, and unique."));
        }
        seen.push(id);
    }
    None
}

fn reference(world: &World, body: &Value, channel: u64) -> Result<Option<u64>, Answer> {
    let wanted = &body["message_reference"];
    let Some(id) = wanted["message_id"].as_str() else { return Ok(None) };
    let found = id
        .parse()
        .ok()
        .filter(|it| world.messages.get(it).is_some_and(|message| message.channel == channel));
    match found {
        None if wanted["fail_if_not_exists"] != false => {
            Err(invalid("message_reference", "Unknown message"))
        }
        found => Ok(found),
    }
}

fn files(world: &mut World, asked: &Asked) -> Vec<File> {
    let described = asked.body["attachments"].as_array().cloned().unwrap_or_default();
    let name = |at: u64, given: &str| {
        let text = at.to_string();
        let same = |it: &&Value| it["id"].as_u64() == Some(at) || it["id"].as_str() == Some(&text);
        let name = described.iter().find(same).and_then(|it| it["filename"].as_str());
        name.unwrap_or(given).to_owned()
    };
    let file = |upload: &super::multipart::Upload| File {
        id: world.id(),
        name: name(upload.at, &upload.name),
        mime: upload.mime.clone(),
        content: upload.content.clone(),
    };
    asked.files.iter().map(file).collect()
}

/// Whom a message of the bot notifies
/// (<https://discord.com/developers/docs/resources/message#allowed-mentions-object>).
fn notified(world: &World, body: &Value, content: &str, replied: Option<String>) -> Vec<String> {
    let all = body.get("allowed_mentions").is_none_or(Value::is_null);
    let allowed = |kind: &str| {
        let parse = body["allowed_mentions"]["parse"].as_array();
        all || parse.is_some_and(|it| it.iter().any(|it| it == kind))
    };
    let named = |id: &String| {
        let users = body["allowed_mentions"]["users"].as_array();
        allowed("users") || users.is_some_and(|it| it.iter().any(|it| it == id))
    };
    let everyone = content.contains("@everyone") && allowed("everyone");
    let mentioned = |id: &&String| content.contains(&format!("<@{id}>")) && named(id);
    let replied = replied.filter(|_| all || body["allowed_mentions"]["replied_user"] == true);
    let people = world.people.keys().filter(mentioned).cloned();
    everyone.then(|| "everyone".to_owned()).into_iter().chain(people).chain(replied).collect()
}

/// Takes away a message of the bot, and tells of it as of any.
pub(super) fn delete(world: &mut World, id: u64) -> Answer {
    if !world.is_bot(&world.messages[&id].author) {
        return Answer::error(403, 50_013, "Missing Permissions");
    }
    world.remove(id);
    Answer::Empty
}

pub(super) fn edit(world: &mut World, asked: &Asked, id: u64) -> Answer {
    if !world.is_bot(&world.messages[&id].author) {
        return Answer::error(403, 50_005, "Cannot edit a message authored by another user");
    }
    let content = asked.body["content"].as_str();
    let components = &asked.body["components"];
    if let Some(wrong) = unfit(content.unwrap_or_default(), components) {
        return wrong;
    }
    let now = world.id();
    if let Some(message) = world.messages.get_mut(&id) {
        message.content = content.unwrap_or(&message.content).to_owned();
        if components.is_array() {
            message.components = components.clone();
        }
        message.edits += 1;
        message.edited = Some(now);
    }
    world.tell_message("MESSAGE_UPDATE", id);
    Answer::Json(200, world.message(id, false))
}

pub(super) fn react(world: &mut World, id: u64, emoji: &str, set: bool) -> Answer {
    let bot = world.bot.to_string();
    react_as(world, id, emoji, set, &bot)
}

/// What was done is told to those that listen.
pub(super) fn react_as(world: &mut World, id: u64, emoji: &str, set: bool, by: &str) -> Answer {
    let Some(message) = world.messages.get_mut(&id) else {
        return Answer::error(404, 10_008, "Unknown Message");
    };
    if emoji.is_ascii() && !emoji.contains(':') {
        return Answer::error(400, 10_014, "Unknown Emoji");
    }
    match message.reactions.iter_mut().find(|it| it.0 == emoji) {
        Some((_, all)) => all.retain(|it| it != by),
        None => message.reactions.push((emoji.to_owned(), vec![])),
    }
    if set && let Some((_, all)) = message.reactions.iter_mut().find(|it| it.0 == emoji) {
        all.push(by.to_owned());
    }
    message.reactions.retain(|it| !it.1.is_empty());
    let (channel, author) = (message.channel, message.author.clone());
    let mut value = json!({
        "user_id": by, "message_id": id.to_string(), "emoji": { "id": null, "name": emoji },
        "burst": false, "type": 0,
    });
    if set {
        value["message_author_id"] = json!(author);
        if world.channels[&channel].in_guild() {
            value["member"] = world.member(by);
        }
    }
    let event = if set { "MESSAGE_REACTION_ADD" } else { "MESSAGE_REACTION_REMOVE" };
    world.tell_of(event, channel, value, [1 << 10, 1 << 13]);
    Answer::Empty
}
