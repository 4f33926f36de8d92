//! The objects of the double as Discord writes them.
//!
//! Source: <https://discord.com/developers/docs/resources>; that a client which we did not write
//! understands them is a test (`channels/discord/foreign.rs`).

use serde_json::{Value, json};

use super::world::{DIRECT, File, THREAD, World};

/// Where files are, for the readers of a message.
pub(super) const CDN: &str = "https://cdn.discordapp.com";

impl World {
    pub(super) fn user(&self, id: &str) -> Value {
        let bot = self.is_bot(id);
        let name = self.people.get(id).map_or("nano", String::as_str);
        json!({
            "id": id, "username": name.to_lowercase().replace(' ', "_"), "discriminator": "0",
            "global_name": if bot { Value::Null } else { json!(name) },
            "avatar": null, "bot": bot, "public_flags": 0,
        })
    }

    /// The user alone, as `member` of a message has no user in it.
    pub(super) fn member(&self, id: &str) -> Value {
        json!({
            "user": self.user(id), "nick": null, "avatar": null, "roles": [], "deaf": false,
            "mute": false, "joined_at": "2025-01-01T00:00:00.000000+00:00", "flags": 0,
            "pending": false, "permissions": "2248473465835073",
        })
    }

    pub(super) fn channel(&self, id: u64) -> Value {
        let channel = &self.channels[&id];
        let mut value = json!({
            "id": id.to_string(), "type": channel.kind, "flags": 0,
            "last_message_id": channel.last_message.map(|it| it.to_string()),
        });
        if channel.kind == DIRECT {
            let person = channel.person.clone().unwrap_or_default();
            value["recipients"] = json!([self.user(&person)]);
            return value;
        }
        value["guild_id"] = json!(self.guild.to_string());
        value["name"] = json!(channel.name);
        value["parent_id"] = json!(channel.parent.map(|it| it.to_string()));
        value["rate_limit_per_user"] = json!(0);
        if channel.kind == THREAD {
            value["owner_id"] = json!(self.bot.to_string());
            value["message_count"] = json!(0);
            value["member_count"] = json!(1);
            value["thread_metadata"] = json!({
                "archived": channel.locked, "auto_archive_duration": 1440, "locked": channel.locked,
                "archive_timestamp": timestamp(id), "create_timestamp": timestamp(id),
            });
        } else {
            value["position"] = json!(0);
            value["permission_overwrites"] = json!([]);
            value["nsfw"] = json!(false);
            value["topic"] = Value::Null;
        }
        value
    }

    pub(super) fn roles(&self) -> Value {
        let role = |id: u64, name: &str| {
            json!({
                "id": id.to_string(), "name": name, "permissions": "2248473465835073", "position": 0,
                "color": 0, "colors": { "primary_color": 0 }, "hoist": false, "managed": false,
                "mentionable": false, "flags": 0,
            })
        };
        let mut ours = role(self.bot_role, "nano");
        ours["managed"] = json!(true);
        ours["tags"] = json!({ "bot_id": self.bot.to_string() });
        json!([role(self.guild, "@everyone"), ours])
    }

    /// Without channels, as the API gives it.
    pub(super) fn guild(&self) -> Value {
        json!({
            "id": self.guild.to_string(), "name": "Home", "icon": null, "owner_id": "1",
            "roles": self.roles(), "emojis": [], "stickers": [], "features": [], "afk_timeout": 300,
            "afk_channel_id": null, "system_channel_id": null, "system_channel_flags": 0,
            "verification_level": 0, "default_message_notifications": 0, "mfa_level": 0,
            "explicit_content_filter": 0, "premium_tier": 0, "preferred_locale": "en-US",
            "nsfw_level": 0, "application_id": null, "rules_channel_id": null, "splash": null,
            "discovery_splash": null, "banner": null, "description": null, "vanity_url_code": null,
            "public_updates_channel_id": null, "safety_alerts_channel_id": null,
            "premium_progress_bar_enabled": false,
        })
    }

    /// As the gateway tells it when a session begins.
    pub(super) fn guild_create(&self) -> Value {
        let of_kind = |kind: u64| -> Vec<Value> {
            let here = self.channels.iter().filter(|it| it.1.kind == kind);
            here.map(|(id, _)| self.channel(*id)).collect()
        };
        let mut value = self.guild();
        let bot = self.bot.to_string();
        let more = json!({
            "joined_at": "2025-01-01T00:00:00.000000+00:00", "large": false, "unavailable": false,
            "member_count": self.people.len() + 1, "members": [self.member(&bot)],
            "channels": of_kind(0), "threads": of_kind(THREAD), "presences": [],
            "voice_states": [], "stage_instances": [], "guild_scheduled_events": [],
            "soundboard_sounds": [],
        });
        for (name, field) in more.as_object().into_iter().flatten() {
            value[name] = field.clone();
        }
        value
    }

    /// A message; the gateway says where it was written and by which member, the API does not.
    pub(super) fn message(&self, id: u64, by_gateway: bool) -> Value {
        let message = &self.messages[&id];
        let users = |ids: &[String]| ids.iter().map(|it| self.user(it)).collect::<Vec<_>>();
        let replied = message.reference.filter(|it| self.messages.contains_key(it));
        let mut value = json!({
            "id": id.to_string(), "type": if message.reference.is_some() { 19 } else { 0 },
            "channel_id": message.channel.to_string(), "author": self.user(&message.author),
            "content": message.content, "timestamp": timestamp(id), "tts": false, "pinned": false,
            "edited_timestamp": message.edited.map(timestamp),
            "mention_everyone": false, "mentions": users(&message.mentions), "mention_roles": [],
            "attachments": message.files.iter().map(|it| file(message.channel, it)).collect::<Vec<_>>(),
            "embeds": [], "flags": message.flags,
            "components": if message.components.is_null() { json!([]) } else { message.components.clone() },
        });
        if !message.reactions.is_empty() {
            let bot = self.bot.to_string();
            let reaction = |(emoji, people): &(String, Vec<String>)| {
                json!({
                    "emoji": { "id": null, "name": emoji }, "count": people.len(),
                    "count_details": { "normal": people.len(), "burst": 0 }, "burst_colors": [],
                    "me": people.contains(&bot), "me_burst": false,
                })
            };
            value["reactions"] = message.reactions.iter().map(reaction).collect();
        }
        for (name, field) in message.more.as_object().into_iter().flatten() {
            value[name] = field.clone();
        }
        if let Some(original) = &message.forwarded {
            value["message_reference"] = json!({ "type": 1, "message_id": "1", "channel_id": "1" });
            let files: Vec<_> = original.files.iter().map(|it| file(message.channel, it)).collect();
            value["message_snapshots"] = json!([{ "message": {
                "type": 0, "content": original.content, "mentions": [], "mention_roles": [],
                "attachments": files, "embeds": [], "timestamp": timestamp(id),
                "edited_timestamp": null, "flags": 0, "components": [],
            } }]);
        }
        if let Some(reference) = message.reference {
            value["message_reference"] = json!({
                "type": 0, "message_id": reference.to_string(),
                "channel_id": message.channel.to_string(),
            });
            value["referenced_message"] =
                replied.map_or(Value::Null, |it| self.without_reference(it));
        }
        if by_gateway {
            value["channel_type"] = json!(self.channels[&message.channel].kind);
            if let Some(nonce) = &message.nonce {
                value["nonce"] = json!(nonce);
            }
            if self.channels[&message.channel].in_guild() {
                value["guild_id"] = json!(self.guild.to_string());
                value["member"] = self.member(&message.author);
                if let Some(member) = value["member"].as_object_mut() {
                    member.remove("user");
                }
            }
        }
        value
    }

    fn without_reference(&self, id: u64) -> Value {
        let mut value = self.message(id, false);
        if let Some(fields) = value.as_object_mut() {
            fields.remove("referenced_message");
        }
        value
    }
}

/// The name that people see is the title; all but plain characters are replaced in the other one.
fn file(channel: u64, file: &File) -> Value {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = file.name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let mut value = json!({
        "id": file.id.to_string(), "filename": name, "content_type": file.mime, "size": file.content.len(),
        "url": format!("{CDN}/attachments/{channel}/{}/{name}?ex=1&is=1&hm=1", file.id),
        "proxy_url": format!("{CDN}/attachments/{channel}/{}/{name}?ex=1&is=1&hm=1", file.id),
    });
    if name != file.name {
        let title = file.name.rsplit_once('.').map_or(file.name.as_str(), |it| it.0);
        value["title"] = json!(title);
    }
    value
}

/// When an id was made, as in `2025-06-01T00:00:05.000000+00:00`.
fn timestamp(id: u64) -> String {
    let millis = (id >> 22) + 1_420_070_400_000;
    let (days, left) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (left / 3_600_000, left / 60_000 % 60, left / 1_000 % 60);
    let micros = left % 1_000 * 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+00:00")
}

/// Days since 1970 to a date, by eras of 400 years that begin in March
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        assert_eq!(timestamp(175_928_847_299_117_063), "2016-04-30T11:18:25.796000+00:00");
        assert_eq!(timestamp(0), "2015-01-01T00:00:00.000000+00:00");
    }
}
