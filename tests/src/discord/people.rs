//! What people do on the double, apart from what every platform has.

use std::time::Duration;

use serde_json::{Value, json};

use super::FakeDiscord;
use super::messages::react_as;
use super::world::{File, Message, THREAD};

impl FakeDiscord {
    #[must_use]
    pub fn general(&self) -> String {
        self.general.to_string()
    }

    #[must_use]
    pub fn thread(&self) -> String {
        self.thread.to_string()
    }

    /// The role that Discord made for the bot.
    #[must_use]
    pub fn bot_role(&self) -> String {
        self.state.lock().bot_role.to_string()
    }

    #[must_use]
    pub fn bot(&self) -> String {
        self.state.lock().bot.to_string()
    }

    /// A person writes this very content, ids and all, into a channel.
    pub fn write(&self, channel: &str, person: &str, content: &str) -> String {
        self.write_message(
            channel,
            Message { author: person.into(), content: content.into(), ..Message::default() },
        )
    }

    /// Another channel of the server; returns its id.
    pub fn add_channel(&self, name: &str) -> String {
        self.state.lock().add_channel(super::TEXT, name, None).to_string()
    }

    /// The bot may not read what was written in this channel.
    pub fn hide(&self, channel: &str) {
        let mut world = self.state.lock();
        let channel = world.channels.get_mut(&channel.parse().unwrap());
        channel.unwrap().hidden = true;
    }

    /// A thread that the gateway tells of; returns its id.
    pub fn add_thread(&self, name: &str) -> String {
        self.state.lock().add_thread(self.general, name).to_string()
    }

    /// A message, and the files of messages, that its author deletes.
    pub fn delete(&self, message: &str) {
        self.state.lock().remove(message.parse().unwrap());
    }

    /// A moderator takes away several messages of one channel at once.
    pub fn delete_all(&self, channel: &str, messages: &[String]) {
        let mut world = self.state.lock();
        for id in messages {
            world.messages.remove(&id.parse().unwrap());
        }
        let value = json!({ "ids": messages });
        world.tell_of("MESSAGE_DELETE_BULK", channel.parse().unwrap(), value, [1 << 9, 1 << 12]);
    }

    /// The author of a message makes it read as this.
    pub fn rewrite(&self, message: &str, content: &str) {
        let id = message.parse().unwrap();
        let mut world = self.state.lock();
        let now = world.id();
        let mentions = world.mentioned(content);
        let found = world.messages.get_mut(&id).unwrap();
        (found.content, found.edited) = (content.to_owned(), Some(now));
        found.mentions.extend(mentions);
        world.tell_message("MESSAGE_UPDATE", id);
    }

    /// A person puts an emoji under a message, or takes it away.
    pub fn react(&self, message: &str, person: &str, emoji: &str, added: bool) {
        react_as(&mut self.state.lock(), message.parse().unwrap(), emoji, added, person);
    }

    /// Discord shows where a link in a message leads.
    pub fn preview(&self, message: &str) {
        let id = message.parse().unwrap();
        let mut world = self.state.lock();
        let embeds = json!([{ "type": "link", "url": "https://example.org" }]);
        world.messages.get_mut(&id).unwrap().more = json!({ "embeds": embeds });
        world.tell_message("MESSAGE_UPDATE", id);
    }

    /// A person writes what has these fields beside its content.
    pub fn write_with(&self, channel: &str, person: &str, content: &str, more: Value) -> String {
        let (author, content) = (person.into(), content.into());
        self.write_message(channel, Message { author, content, more, ..Message::default() })
    }

    /// A person chooses a command from the menu, with a text behind it.
    pub fn choose(&self, channel: &str, person: &str, name: &str, text: &str) -> String {
        let channel = channel.parse().unwrap();
        self.state.lock().command(channel, name, text, person).to_string()
    }

    /// A thread that begins with a message of the channel, and has its id.
    pub fn add_thread_from(&self, message: &str, name: &str) -> String {
        self.state.lock().thread_from(self.general, message.parse().unwrap(), name).to_string()
    }

    /// A thread takes no messages any more.
    pub fn lock_thread(&self, thread: &str) {
        let mut world = self.state.lock();
        world.channels.get_mut(&thread.parse().unwrap()).unwrap().locked = true;
    }

    pub fn rename(&self, channel: &str, name: &str) {
        let id = channel.parse().unwrap();
        let mut world = self.state.lock();
        world.channels.get_mut(&id).unwrap().name = name.into();
        let value = world.channel(id);
        let is_thread = world.channels[&id].kind == THREAD;
        let event = if is_thread { "THREAD_UPDATE" } else { "CHANNEL_UPDATE" };
        world.sessions.tell(event, &value, 1, true);
    }

    pub fn remove_channel(&self, channel: &str) {
        let id = channel.parse().unwrap();
        let mut world = self.state.lock();
        let value = world.channel(id);
        world.messages.retain(|_, it| it.channel != id);
        let is_thread = world.channels.remove(&id).is_some_and(|it| it.kind == THREAD);
        let event = if is_thread { "THREAD_DELETE" } else { "CHANNEL_DELETE" };
        world.sessions.tell(event, &value, 1, true);
    }

    /// The bot is taken out of the server; or it is only out of order.
    pub fn lose_server(&self, is_unavailable: bool) {
        let mut world = self.state.lock();
        let mut value = json!({ "id": world.guild.to_string() });
        if is_unavailable {
            value["unavailable"] = json!(true);
        }
        world.sessions.tell("GUILD_DELETE", &value, 1, true);
    }

    /// The server is there again.
    pub fn join_server(&self) {
        let mut world = self.state.lock();
        let value = world.guild_create();
        world.sessions.tell("GUILD_CREATE", &value, 1, true);
    }

    /// The next request that sends is one too many for the bot as a whole.
    pub fn pause(&self, wait: Duration) {
        self.state.lock().paused = Some(wait);
    }

    /// The flags of a message.
    #[must_use]
    pub fn flags(&self, message: &str) -> u64 {
        self.state.lock().messages[&message.parse().unwrap()].flags
    }

    /// Whom one message notified.
    #[must_use]
    pub fn notified_by(&self, message: &str) -> Vec<String> {
        self.state.lock().messages[&message.parse().unwrap()].notified.clone()
    }

    /// What one person alone saw, behind presses and commands.
    #[must_use]
    pub fn whispers(&self) -> Vec<String> {
        self.state.lock().whispers.clone()
    }

    /// Names and descriptions of the menu.
    #[must_use]
    pub fn menu(&self) -> Vec<(String, String)> {
        let menu = self.state.lock().commands.as_array().cloned().unwrap_or_default();
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        menu.iter().map(|it| (text(&it["name"]), text(&it["description"]))).collect()
    }

    /// Every listener is told of this message once more.
    pub fn tell_again(&self, message: &str) {
        self.state.lock().tell_message("MESSAGE_CREATE", message.parse().unwrap());
    }

    /// The message that this one replies to.
    #[must_use]
    pub fn replied_to(&self, message: &str) -> Option<String> {
        let id: u64 = message.parse().unwrap();
        self.state.lock().messages[&id].reference.map(|it| it.to_string())
    }

    /// What is written in a message, formats and all.
    #[must_use]
    pub fn written(&self, message: &str) -> String {
        let id: u64 = message.parse().unwrap();
        self.state.lock().messages[&id].content.clone()
    }

    pub(super) fn write_message(&self, channel: &str, message: Message) -> String {
        let mut world = self.state.lock();
        let channel = channel.parse().unwrap();
        let mut mentions = message.mentions.clone();
        mentions.extend(world.mentioned(&message.content));
        mentions.sort();
        mentions.dedup();
        world.say(Message { channel, mentions, ..message }).to_string()
    }

    pub(super) fn file(&self, (name, mime, content): (String, String, Vec<u8>)) -> File {
        File { id: self.state.lock().id(), name, mime, content }
    }
}
