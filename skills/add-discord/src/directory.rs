//! What the bot knows of servers and channels: names, and which thread belongs to which channel.
//! Each session learns it again; nothing here outlives one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wire::{Channel, Guild, Id};

/// Shared by both halves of the adapter.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    servers: HashMap<Id, Server>,
    channels: HashMap<Id, CachedChannel>,
    /// Chats with one person.
    private: HashSet<Id>,
    /// Those that this host opened; the source puts them into its position.
    opened: Vec<Id>,
}

#[derive(Debug, Default)]
struct Server {
    name: String,
    /// Roles that Discord made for this bot; people mention them instead of the bot.
    own_roles: Vec<Id>,
}

#[derive(Debug)]
struct CachedChannel {
    server: Option<Id>,
    name: String,
    /// Set for threads.
    parent: Option<Id>,
}

/// Where a message was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    pub(crate) chat: Id,
    pub(crate) thread: Option<Id>,
    /// Empty where it is not known.
    pub(crate) title: String,
}

impl Directory {
    pub(crate) fn learn_server(&self, guild: &Guild, bot: &str) {
        let made_for_us = |bot_id: &Option<String>| bot_id.as_deref() == Some(bot);
        let ours = guild
            .roles
            .iter()
            .filter(|role| role.tags.as_ref().is_some_and(|tags| made_for_us(&tags.bot_id)));
        let server = Server { name: guild.name.clone(), own_roles: ours.map(|it| it.id).collect() };
        self.lock().servers.insert(guild.id, server);
        for channel in guild.channels.iter().chain(&guild.threads) {
            self.learn(channel, Some(guild.id));
        }
    }

    pub(crate) fn learn(&self, channel: &Channel, server: Option<Id>) {
        let known = CachedChannel {
            server: channel.guild_id.or(server),
            name: channel.name.clone().unwrap_or_default(),
            parent: channel.parent_id.filter(|_| channel.is_thread()),
        };
        self.lock().channels.insert(channel.id, known);
    }

    pub(crate) fn opened(&self, chat: Id) {
        self.learn_private(chat);
        self.lock().opened.push(chat);
    }

    pub(crate) fn take_opened(&self) -> Vec<Id> {
        std::mem::take(&mut self.lock().opened)
    }

    pub(crate) fn knows(&self, channel: Id) -> bool {
        self.lock().channels.contains_key(&channel)
    }

    pub(crate) fn knows_server(&self, server: Id) -> bool {
        self.lock().servers.contains_key(&server)
    }

    pub(crate) fn learn_private(&self, chat: Id) {
        self.lock().private.insert(chat);
    }

    /// As far as is known: one that nothing was heard of since this host started may be, too.
    pub(crate) fn is_private(&self, chat: Id) -> bool {
        self.lock().private.contains(&chat)
    }

    pub(crate) fn find(&self, channel: Id) -> Whereabouts {
        let inner = self.lock();
        let known = inner.channels.get(&channel);
        let thread = known.and_then(|it| it.parent).map(|_| channel);
        let chat = known.and_then(|it| it.parent).unwrap_or(channel);
        let home = inner.channels.get(&chat);
        let title = home.map_or_else(String::new, |home| inner.title(home));
        Whereabouts { chat, thread, title }
    }

    pub(crate) fn channel_name(&self, channel: Id) -> Option<String> {
        let name = self.lock().channels.get(&channel).map(|it| it.name.clone());
        name.filter(|it| !it.is_empty())
    }

    pub(crate) fn is_own_role(&self, role: Id) -> bool {
        self.lock().servers.values().any(|it| it.own_roles.contains(&role))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn title(&self, channel: &CachedChannel) -> String {
        let server = channel.server.and_then(|it| self.servers.get(&it));
        match server.filter(|it| !it.name.is_empty()) {
            _ if channel.name.is_empty() => String::new(),
            Some(server) => format!("#{} ({})", channel.name, server.name),
            None => format!("#{}", channel.name),
        }
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
        let directory = Directory::default();
        directory.learn_server(&guild, "me");
        let title = "#general (Home)".to_owned();
        let channel = Whereabouts { chat: Id(2), thread: None, title: title.clone() };
        assert_eq!(directory.find(Id(2)), channel, "a category is no chat");
        assert_eq!(directory.find(Id(3)), Whereabouts { chat: Id(2), thread: Some(Id(3)), title });
        assert!(directory.knows(Id(3)) && directory.knows_server(Id(1)) && !directory.knows(Id(8)));
        assert!(directory.is_own_role(Id(4)) && !directory.is_own_role(Id(5)));
    }
}
