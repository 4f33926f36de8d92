//! What can be asked of the double, apart from messages.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::{Answer, Asked};
use super::world::World;
use super::{State, messages};

/// A press must be answered within this
/// (<https://discord.com/developers/docs/interactions/receiving-and-responding>).
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

pub(super) fn answer(world: &mut World, state: &State, asked: &Asked) -> Answer {
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    let bot = world.bot.to_string();
    match (asked.method.as_str(), &path[..]) {
        ("GET", ["users", "@me"]) => Answer::Json(200, world.user(&bot)),
        ("GET", ["gateway", "bot"]) => Answer::Json(200, gateway(world, state)),
        ("GET", ["applications", "@me"]) => Answer::Json(200, application(world)),
        (method, ["applications", id, "commands"]) if **id == bot => {
            if method == "PUT" {
                world.commands = asked.body.clone();
            }
            Answer::Json(200, menu(world))
        }
        ("POST", ["users", "@me", "channels"]) => open_direct(world, &asked.body),
        ("GET", ["guilds", id]) if **id == world.guild.to_string() => {
            Answer::Json(200, world.guild())
        }
        ("POST", ["interactions", id, token, "callback"]) => {
            interaction(world, id, token, &asked.body)
        }
        ("POST", ["webhooks", id, token]) if **id == bot => follow_up(world, token, &asked.body),
        (_, ["channels", id, rest @ ..]) => {
            let known = id.parse().ok().filter(|it| world.channels.contains_key(it));
            match known {
                Some(id) => in_channel(world, asked, id, rest),
                None => Answer::error(404, 10_003, "Unknown Channel"),
            }
        }
        _ => Answer::error(404, 0, "404: Not Found"),
    }
}

fn in_channel(world: &mut World, asked: &Asked, channel: u64, path: &[&str]) -> Answer {
    match (asked.method.as_str(), path) {
        ("GET", []) => Answer::Json(200, world.channel(channel)),
        ("POST", ["typing"]) => {
            world.typing += 1;
            Answer::Empty
        }
        ("POST", ["threads"] | ["messages", _, "threads"]) => {
            let name = asked.body["name"].as_str().unwrap_or_default().to_owned();
            let thread = world.add_thread(channel, &name);
            Answer::Json(201, world.channel(thread))
        }
        ("GET", ["messages"]) if world.channels[&channel].hidden => {
            Answer::error(403, 50_001, "Missing Access")
        }
        ("GET", ["messages"]) => messages::page(world, asked, channel),
        ("POST", ["messages"]) if world.channels[&channel].locked => {
            Answer::error(400, 50_083, "Thread is archived")
        }
        ("POST", ["messages"]) => messages::create(world, asked, channel),
        (method, ["messages", id, rest @ ..]) => {
            let here = |it: &u64| world.messages.get(it).is_some_and(|it| it.channel == channel);
            match (id.parse().ok().filter(here), method, rest) {
                (None, _, _) => Answer::error(404, 10_008, "Unknown Message"),
                (Some(id), "GET", []) => Answer::Json(200, world.message(id, false)),
                (Some(id), "DELETE", []) => messages::delete(world, id),
                (Some(id), "PATCH", []) => messages::edit(world, asked, id),
                (Some(id), "PUT" | "DELETE", ["reactions", emoji, "@me"]) => {
                    messages::react(world, id, emoji, method == "PUT")
                }
                _ => Answer::error(405, 0, "405: Method Not Allowed"),
            }
        }
        _ => Answer::error(404, 0, "404: Not Found"),
    }
}

fn gateway(world: &mut World, state: &State) -> Value {
    world.sessions.asked += 1;
    let limit = json!({
        "total": 1_000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1,
    });
    json!({ "url": state.gateway_url(), "shards": 1, "session_start_limit": limit })
}

fn open_direct(world: &mut World, body: &Value) -> Answer {
    match body["recipient_id"].as_str() {
        Some(person) if world.people.contains_key(person) => {
            let id = world.direct(person);
            Answer::Json(200, world.channel(id))
        }
        _ => Answer::error(400, 50_033, "Invalid Recipient(s)"),
    }
}

/// May read messages, unless the portal's switch is off.
fn application(world: &World) -> Value {
    let flags: u64 = if world.sessions.content_is_off { 0 } else { 1 << 19 };
    json!({
        "id": world.bot.to_string(), "name": "nano", "icon": null, "description": "",
        "bot_public": false, "bot_require_code_grant": false, "verify_key": "00", "flags": flags,
        "bot": world.user(&world.bot.to_string()),
    })
}

/// With what Discord adds to each command.
fn menu(world: &World) -> Value {
    let mut menu = world.commands.clone();
    for (at, command) in menu.as_array_mut().into_iter().flatten().enumerate() {
        command["id"] = json!((at + 1).to_string());
        command["application_id"] = json!(world.bot.to_string());
        command["version"] = json!("1");
        command["default_member_permissions"] = Value::Null;
    }
    menu
}

/// Words behind an interaction that was answered.
fn follow_up(world: &mut World, token: &str, body: &Value) -> Answer {
    let known = world.interactions.values().any(|it| it.token == token && it.answered);
    if !known {
        return Answer::error(404, 10_015, "Unknown Webhook");
    }
    whisper(world, body);
    Answer::Json(200, json!({ "id": world.id().to_string() }))
}

fn whisper(world: &mut World, body: &Value) {
    let is_for_one = body["flags"].as_u64().unwrap_or_default() & 1 << 6 != 0;
    assert!(is_for_one, "everybody sees {body}");
    world.whispers.push(body["content"].as_str().unwrap_or_default().to_owned());
}

fn interaction(world: &mut World, id: &str, token: &str, body: &Value) -> Answer {
    let id: u64 = id.parse().unwrap_or_default();
    let Some(found) = world.interactions.get_mut(&id).filter(|it| it.token == token) else {
        return Answer::error(404, 10_062, "Unknown interaction");
    };
    if ANSWER_WITHIN < Instant::now().duration_since(found.made) {
        return Answer::error(404, 10_062, "Unknown interaction");
    }
    if found.answered {
        return Answer::error(400, 40_060, "Interaction has already been acknowledged.");
    }
    found.answered = true;
    if body["type"] == 4 {
        whisper(world, &body["data"]);
    }
    Answer::Empty
}

/// A file, by the path that its address has at Discord.
pub(super) fn attachment(world: &World, path: &str) -> Answer {
    let id = path.split('/').nth(1).and_then(|it| it.parse::<u64>().ok());
    let forwarded = world.messages.values().filter_map(|it| it.forwarded.as_deref());
    let files = world.messages.values().chain(forwarded).flat_map(|it| &it.files);
    match files.into_iter().find(|it| Some(it.id) == id) {
        Some(file) => Answer::Bytes(file.mime.clone(), file.content.clone()),
        None => Answer::error(404, 0, "This content is no longer available."),
    }
}
