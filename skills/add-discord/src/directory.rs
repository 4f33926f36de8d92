//! What the bot knows of servers and channels: names, and which thread belongs to which channel.
//! Each session learns it again; nothing here outlives one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wire::{Channel, Guild, Id, Role, RoleTags};

#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Names of servers.
    pub(crate) servers: HashMap<Id, String>,
    pub(crate) channels: HashMap<Id, Channel>,
    /// Roles that Discord made for this bot; people mention them instead of the bot.
    pub(crate) own_roles: HashSet<Id>,
}

impl Directory {
    pub(crate) fn learn_server(&mut self, guild: &Guild, bot: &str) {
        let is_of_bot = |tags: &RoleTags| tags.bot_id.as_deref() == Some(bot);
        let is_ours = |role: &&Role| role.tags.as_ref().is_some_and(is_of_bot);
        self.own_roles.extend(guild.roles.iter().filter(is_ours).map(|it| it.id));
        self.servers.insert(guild.id, guild.name.clone());
        for channel in guild.channels.iter().chain(&guild.threads) {
            self.learn(channel, Some(guild.id));
        }
    }

    pub(crate) fn learn(&mut self, channel: &Channel, server: Option<Id>) {
        let known = Channel { guild_id: channel.guild_id.or(server), ..channel.clone() };
        self.channels.insert(channel.id, known);
    }

    /// The chat that a channel is or belongs to, and the thread that it is.
    pub(crate) fn find(&self, channel: Id) -> (Id, Option<Id>) {
        let thread = self.channels.get(&channel).filter(|it| it.is_thread());
        let parent = thread.and_then(|it| it.parent_id);
        (parent.unwrap_or(channel), parent.map(|_| channel))
    }

    /// Empty where it is not known.
    pub(crate) fn title(&self, chat: Id) -> String {
        let Some(name) = self.channel_name(chat) else { return String::new() };
        let server = self.channels.get(&chat).and_then(|it| self.servers.get(&it.guild_id?));
        match server.filter(|it| !it.is_empty()) {
            Some(server) => format!("#{name} ({server})"),
            None => format!("#{name}"),
        }
    }

    pub(crate) fn channel_name(&self, channel: Id) -> Option<&str> {
        self.channels.get(&channel)?.name.as_deref().filter(|it| !it.is_empty())
    }
}

/// Chats with one person, shared by both halves of the adapter.
#[derive(Debug, Default)]
pub(crate) struct PrivateChats(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashSet<Id>,
    /// Those that this host opened; the source puts them into its position.
    opened: Vec<Id>,
}

impl PrivateChats {
    pub(crate) fn learn(&self, chat: Id) {
        self.lock().known.insert(chat);
    }

    /// This host opened it.
    pub(crate) fn opened(&self, chat: Id) {
        self.learn(chat);
        self.lock().opened.push(chat);
    }

    pub(crate) fn take_opened(&self) -> Vec<Id> {
        std::mem::take(&mut self.lock().opened)
    }

    /// As far as is known: one that nothing was heard of since this host started may be, too.
    pub(crate) fn contain(&self, chat: Id) -> bool {
        self.lock().known.contains(&chat)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_found_under_its_channel() {
        let guild: Guild = serde_json::from_str(
            r#"{"id":"1","name":"Home","channels":[{"id":"2","type":0,"name":"general","parent_id":"9"}],
                "threads":[{"id":"3","type":11,"name":"talk","parent_id":"2"}],
                "roles":[{"id":"4","tags":{"bot_id":"me"}},{"id":"5","tags":{"bot_id":"you"}},{"id":"1"}]}"#,
        )
        .unwrap();
        let mut directory = Directory::default();
        directory.learn_server(&guild, "me");
        assert_eq!(directory.find(Id(2)), (Id(2), None), "a category is no chat");
        assert_eq!(directory.find(Id(3)), (Id(2), Some(Id(3))));
        assert_eq!(directory.title(Id(2)), "#general (Home)");
        assert_eq!(directory.own_roles, HashSet::from([Id(4)]));
    }
}
