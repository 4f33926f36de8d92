//! What there is on the double: people, channels, messages, files. Every change of it returns what
//! the gateway tells, if anything.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::conformance::Fault;

use super::sessions::Sessions;

/// Mid 2025, in Discord's time.
const FIRST_ID: u64 = 328_665_600_000 << 22;
/// Five seconds between any two things: people do not write faster.
const ID_STEP: u64 = (5_000 << 22) + 1;

pub(super) const TEXT: u64 = 0;
pub(super) const DIRECT: u64 = 1;
pub(super) const THREAD: u64 = 11;

#[derive(Debug)]
pub(super) struct World {
    last_id: u64,
    pub(super) bot: u64,
    pub(super) guild: u64,
    pub(super) bot_role: u64,
    pub(super) people: BTreeMap<String, String>,
    pub(super) channels: BTreeMap<u64, Channel>,
    pub(super) messages: BTreeMap<u64, Message>,
    pub(super) interactions: HashMap<u64, Interaction>,
    pub(super) sessions: Sessions,
    pub(super) faults: VecDeque<Fault>,
    /// Those that the next requests meet which read.
    pub(super) read_faults: VecDeque<Fault>,
    pub(super) keeps_no_nonces: bool,
    /// One line for each request: method and path, ids as they are.
    pub(super) requests: Vec<String>,
    pub(super) typing: usize,
    /// Commands in the menu, as the bot wrote them.
    pub(super) commands: Value,
    /// Words that one person alone saw, behind a press or a command.
    pub(super) whispers: Vec<String>,
    /// The next request that sends is one too many of all requests.
    pub(super) paused: Option<Duration>,
    /// Who was notified by messages of the bot.
    pub(super) notified: Vec<String>,
    pub(super) limits: Limits,
}

#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) kind: u64,
    pub(super) name: String,
    pub(super) parent: Option<u64>,
    /// The other person, in private.
    pub(super) person: Option<String>,
    pub(super) last_message: Option<u64>,
    /// The bot may not read what was written here.
    pub(super) hidden: bool,
    /// A thread that takes no messages any more.
    pub(super) locked: bool,
}

impl Channel {
    pub(super) fn in_guild(&self) -> bool {
        self.kind != DIRECT
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) channel: u64,
    pub(super) author: String,
    pub(super) content: String,
    pub(super) nonce: Option<String>,
    pub(super) reference: Option<u64>,
    pub(super) mentions: Vec<String>,
    pub(super) files: Vec<File>,
    pub(super) components: Value,
    /// An emoji and who reacted with it.
    pub(super) reactions: Vec<(String, Vec<String>)>,
    pub(super) edits: usize,
    /// An id of the time when its author changed it last.
    pub(super) edited: Option<u64>,
    /// What it passes on.
    pub(super) forwarded: Option<Box<Message>>,
    /// More fields, as Discord writes them.
    pub(super) more: Value,
    pub(super) flags: u64,
    /// Whom it notified.
    pub(super) notified: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) content: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Interaction {
    pub(super) token: String,
    pub(super) made: Instant,
    pub(super) answered: bool,
}

/// Requests of one kind that one channel takes within a second.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) per_second: u16,
    pub(super) seen: HashMap<String, (Instant, u16)>,
    pub(super) exceeded: usize,
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            last_id: FIRST_ID,
            bot: 0,
            guild: 0,
            bot_role: 0,
            people: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            interactions: HashMap::new(),
            sessions: Sessions::default(),
            faults: VecDeque::new(),
            read_faults: VecDeque::new(),
            keeps_no_nonces: false,
            requests: Vec::new(),
            typing: 0,
            commands: json!([]),
            whispers: Vec::new(),
            paused: None,
            notified: Vec::new(),
            limits: Limits { per_second: 1_000, seen: HashMap::new(), exceeded: 0 },
        };
        world.bot = world.id();
        world.guild = world.id();
        world.bot_role = world.id();
        world
    }

    pub(super) fn id(&mut self) -> u64 {
        self.last_id += ID_STEP;
        self.last_id
    }

    /// Whom a text mentions, by their ids.
    pub(super) fn mentioned(&self, content: &str) -> Vec<String> {
        let bot = self.bot.to_string();
        let all = self.people.keys().chain([&bot]);
        all.filter(|it| content.contains(&format!("<@{it}>"))).cloned().collect()
    }

    pub(super) fn is_bot(&self, user: &str) -> bool {
        user == self.bot.to_string()
    }

    pub(super) fn add_channel(&mut self, kind: u64, name: &str, parent: Option<u64>) -> u64 {
        let id = self.id();
        let channel = Channel {
            kind,
            name: name.into(),
            parent,
            person: None,
            last_message: None,
            hidden: false,
            locked: false,
        };
        self.channels.insert(id, channel);
        id
    }

    /// The private chat with a person, made if need be.
    pub(super) fn direct(&mut self, person: &str) -> u64 {
        let has = |it: &Channel| it.person.as_deref() == Some(person);
        if let Some((id, _)) = self.channels.iter().find(|it| has(it.1)) {
            return *id;
        }
        let id = self.add_channel(DIRECT, "", None);
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.person = Some(person.into());
        }
        id
    }

    /// Keeps a message and tells those that listen.
    pub(super) fn say(&mut self, message: Message) -> u64 {
        let id = self.id();
        let channel = message.channel;
        self.messages.insert(id, message);
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.last_message = Some(id);
        }
        self.tell_message("MESSAGE_CREATE", id);
        id
    }

    /// Takes a message away and tells those that listen.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(gone) = self.messages.remove(&id) {
            let value = json!({ "id": id.to_string() });
            self.tell_of("MESSAGE_DELETE", gone.channel, value, [1 << 9, 1 << 12]);
        }
    }

    pub(super) fn tell_message(&mut self, event: &str, id: u64) {
        let value = self.message(id, true);
        let channel = self.messages[&id].channel;
        let bits = if self.channels[&channel].in_guild() { 1 << 9 } else { 1 << 12 };
        self.sessions.tell(event, &value, bits, self.reads_anyway(id));
    }

    /// Tells those that listen of what happened to a message, which may be gone.
    pub(super) fn tell_of(&mut self, event: &str, channel: u64, mut value: Value, bits: [u64; 2]) {
        let in_guild = self.channels[&channel].in_guild();
        value["channel_id"] = json!(channel.to_string());
        if in_guild {
            value["guild_id"] = json!(self.guild.to_string());
        }
        self.sessions.tell(event, &value, bits[usize::from(!in_guild)], true);
    }

    /// What a bot may read without the intent for it
    /// (<https://discord.com/developers/docs/events/gateway#message-content-intent>).
    fn reads_anyway(&self, id: u64) -> bool {
        let message = &self.messages[&id];
        let bot = self.bot.to_string();
        !self.channels[&message.channel].in_guild()
            || message.author == bot
            || message.mentions.contains(&bot)
    }

    pub(super) fn press(&mut self, message: u64, data: &str, by: &str) -> u64 {
        let more = json!({
            "type": 3, "message": self.message(message, false),
            "data": { "custom_id": data, "component_type": 2, "id": 1 },
        });
        self.interact(self.messages[&message].channel, &more, by)
    }

    /// Somebody chooses a command from the menu.
    pub(super) fn command(&mut self, channel: u64, name: &str, text: &str, by: &str) -> u64 {
        let menu = self.commands.as_array().cloned().unwrap_or_default();
        let chosen = menu.iter().find(|it| it["name"] == name);
        let chosen = chosen.unwrap_or_else(|| panic!("/{name} is not in the menu"));
        let option = json!({ "type": 3, "name": chosen["options"][0]["name"], "value": text });
        let options = if text.is_empty() { json!([]) } else { json!([option]) };
        let data = json!({ "id": "1", "type": 1, "name": name, "options": options });
        self.interact(channel, &json!({ "type": 2, "data": data }), by)
    }

    fn interact(&mut self, channel: u64, more: &Value, by: &str) -> u64 {
        let id = self.id();
        let token = format!("press-token-{id}");
        let in_guild = self.channels[&channel].in_guild();
        let mut value = json!({
            "id": id.to_string(), "application_id": self.bot.to_string(), "version": 1,
            "token": token, "channel_id": channel.to_string(), "channel": self.channel(channel),
            "locale": "en-US", "entitlements": [],
            "attachment_size_limit": 10_485_760, "authorizing_integration_owners": {}, "context": 0,
        });
        for (name, field) in more.as_object().into_iter().flatten() {
            value[name] = field.clone();
        }
        if in_guild {
            value["guild_id"] = json!(self.guild.to_string());
            value["member"] = self.member(by);
        } else {
            value["user"] = self.user(by);
        }
        let made = Instant::now();
        self.interactions.insert(id, Interaction { token, made, answered: false });
        self.sessions.tell("INTERACTION_CREATE", &value, 0, true);
        id
    }

    pub(super) fn add_thread(&mut self, parent: u64, name: &str) -> u64 {
        let id = self.id();
        self.thread_from(parent, id, name)
    }

    /// A thread with the id of the message that it begins with.
    pub(super) fn thread_from(&mut self, parent: u64, id: u64, name: &str) -> u64 {
        let made = self.add_channel(THREAD, name, Some(parent));
        let channel = self.channels.remove(&made).unwrap();
        self.channels.insert(id, channel);
        let mut value = self.channel(id);
        value["newly_created"] = json!(true);
        self.sessions.tell("THREAD_CREATE", &value, 1, true);
        id
    }
}
