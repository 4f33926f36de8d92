//! What people do on the double, apart from what every platform has.

use super::FakeDiscord;
use super::world::{File, Message};

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
        self.state.lock().messages.remove(&message.parse().unwrap());
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
        let bot = world.bot.to_string();
        let mut mentions = message.mentions.clone();
        for id in world.people.keys().chain([&bot]) {
            if message.content.contains(&format!("<@{id}>")) && !mentions.contains(id) {
                mentions.push(id.clone());
            }
        }
        world.say(Message { channel, mentions, ..message }).to_string()
    }

    pub(super) fn file(&self, (name, mime, content): (String, String, Vec<u8>)) -> File {
        File { id: self.state.lock().id(), name, mime, content }
    }
}
