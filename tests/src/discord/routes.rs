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
        ("POST", ["users", "@me", "channels"]) => open_direct(world, &asked.body),
        ("GET", ["guilds", id]) if **id == world.guild.to_string() => {
            Answer::Json(200, world.guild())
        }
        ("POST", ["interactions", id, token, "callback"]) => interaction(world, id, token),
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
        ("POST", ["messages"]) => messages::create(world, asked, channel),
        (method, ["messages", id, rest @ ..]) => {
            let here = |it: &u64| world.messages.get(it).is_some_and(|it| it.channel == channel);
            match (id.parse().ok().filter(here), method, rest) {
                (None, _, _) => Answer::error(404, 10_008, "Unknown Message"),
                (Some(id), "GET", []) => Answer::Json(200, world.message(id, false)),
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

fn interaction(world: &mut World, id: &str, token: &str) -> Answer {
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
    Answer::Empty
}

/// A file, by the path that its address has at Discord.
pub(super) fn attachment(world: &World, path: &str) -> Answer {
    let id = path.split('/').nth(1).and_then(|it| it.parse::<u64>().ok());
    let files = world.messages.values().flat_map(|it| &it.files);
    match files.into_iter().find(|it| Some(it.id) == id) {
        Some(file) => Answer::Bytes(file.mime.clone(), file.content.clone()),
        None => Answer::error(404, 0, "This content is no longer available."),
    }
}
