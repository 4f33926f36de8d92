//! What the bot knows of itself, servers and channels: names, and which thread belongs to which channel. Each
//! session learns it again; nothing here outlives one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channel::ChannelError;
use serde_json::Value;
use tokio::time::timeout;

use crate::api::Api;
use crate::wire::{Channel, Id, list, name, text};

/// Far more than are deleted before Discord tells of it.
const DELETED_MAX: usize = 100;
/// Names of people; a reaction that is taken back comes without one.
const PEOPLE_MAX: usize = 10_000;
/// How long the first message of a thread is waited for.
const ROOT_WITHIN: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The account's name, and the bot's user id.
    pub(crate) account: String,
    pub(crate) bot: String,
    /// Names of servers that the bot is in; empty until they are told.
    pub(crate) servers: HashMap<Id, String>,
    pub(crate) channels: HashMap<Id, Channel>,
    /// Roles that Discord made for this bot; people mention them instead of the bot.
    pub(crate) own_roles: HashSet<Id>,
    /// The texts with which threads began.
    pub(crate) roots: HashMap<Id, String>,
    /// By id, of those who were heard last.
    pub(crate) people: HashMap<String, String>,
    /// Hears of threads here.
    pub(crate) doings: Arc<Doings>,
}

impl Directory {
    /// A server, in a `GUILD_CREATE` event or, without its channels, from the API. What it was called until now
    /// comes back.
    pub(crate) fn learn_server(&mut self, guild: &Value) -> Option<String> {
        let id = Id::of(&guild["id"])?;
        let ours = list(&guild["roles"]).filter(|it| it["tags"]["bot_id"] == self.bot);
        self.own_roles.extend(ours.filter_map(|it| Id::of(&it["id"])));
        for channel in list(&guild["channels"]).chain(list(&guild["threads"])) {
            self.learn(channel, Some(id));
        }
        self.servers.insert(id, text(&guild["name"]).to_owned())
    }

    /// What it was known as until now comes back.
    pub(crate) fn learn(&mut self, channel: &Value, server: Option<Id>) -> Option<Channel> {
        let known = Channel::of(channel, server)?;
        if known.is_public_thread() {
            self.doings.lock().public_threads.insert(known.id);
        }
        self.channels.insert(known.id, known)
    }

    /// Asks about a server and a channel that no event told of, as after a session was resumed: otherwise a thread
    /// would be taken for a chat.
    pub(crate) async fn identify(
        &mut self,
        api: &Api,
        channel: Id,
        server: Id,
    ) -> Result<(), ChannelError> {
        if self.servers.get(&server).is_none_or(String::is_empty)
            && let Some(guild) = api.look_up(&format!("guilds/{server}")).await?
        {
            self.learn_server(&guild);
        }
        let mut next = Some(channel);
        while let Some(channel) = next.filter(|it| !self.channels.contains_key(it)) {
            let Some(found) = api.look_up(&format!("channels/{channel}")).await? else {
                break;
            };
            self.learn(&found, Some(server));
            next = self.find(channel).1.and(Id::of(&found["parent_id"]));
        }
        Ok(())
    }

    /// What a thread began with: asked once, and empty where it is not to be had.
    pub(crate) async fn learn_root(&mut self, api: &Api, thread: Id) {
        let (chat, Some(_)) = self.find(thread) else { return };
        if self.roots.contains_key(&thread) {
            return;
        }
        // The message has the thread's id; a post's is in the thread itself.
        let is_post = self.channels.get(&chat).is_some_and(Channel::is_forum);
        let path = format!("channels/{}/messages/{thread}", if is_post { thread } else { chat });
        // Messages wait behind it, also those of people whom nobody knows: one that is not had soon is never asked
        // for again.
        let root = timeout(ROOT_WITHIN, api.look_up(&path)).await;
        let root = root.ok().and_then(Result::ok).flatten();
        let text = root.map(|it| self.text(&it)).unwrap_or_default();
        if PEOPLE_MAX <= self.roots.len() {
            self.roots.clear();
        }
        self.roots.insert(thread, text);
    }

    pub(crate) fn meet(&mut self, person: &Value) {
        if PEOPLE_MAX <= self.people.len() {
            self.people.clear();
        }
        self.people.insert(text(&person["id"]).to_owned(), name(person).to_owned());
    }

    /// The chat that a channel is or belongs to, and the thread that it is.
    pub(crate) fn find(&self, channel: Id) -> (Id, Option<Id>) {
        let thread = self.channels.get(&channel).filter(|it| it.is_thread());
        let parent = thread.and_then(|it| it.parent);
        (parent.unwrap_or(channel), parent.map(|_| channel))
    }

    /// Empty where it is not known.
    pub(crate) fn title(&self, chat: Id) -> String {
        let Some(name) = self.channel_name(chat) else { return String::new() };
        let server = self.channels.get(&chat).and_then(|it| self.servers.get(&it.server?));
        match server.filter(|it| !it.is_empty()) {
            Some(server) => format!("#{name} ({server})"),
            None => format!("#{name}"),
        }
    }

    pub(crate) fn channel_name(&self, channel: Id) -> Option<&str> {
        self.channels.get(&channel).map(|it| it.name.as_str()).filter(|it| !it.is_empty())
    }
}

/// What the sending half did that the receiving one has to know.
#[derive(Debug, Default)]
pub(crate) struct Doings(Mutex<Inner>);

#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// Private chats, for the position.
    pub(crate) opened: Vec<Id>,
    /// Messages, of whose end Discord tells as if somebody else had done it; the latest.
    pub(crate) deleted: VecDeque<Id>,
    /// Threads that all members of their channel may read.
    pub(crate) public_threads: HashSet<Id>,
}

impl Doings {
    pub(crate) fn deletes(&self, message: Id) {
        let deleted = &mut self.lock().deleted;
        deleted.truncate(DELETED_MAX - 1);
        deleted.push_front(message);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_found_under_its_channel() {
        let guild: Value = serde_json::from_str(
            r#"{"id":"1","name":"Home","channels":[{"id":"2","type":0,"name":"general","parent_id":"9"}],
                "threads":[{"id":"3","type":11,"name":"talk","parent_id":"2"}],
                "roles":[{"id":"4","tags":{"bot_id":"me"}},{"id":"5","tags":{"bot_id":"you"}},{"id":"1"}]}"#,
        )
        .unwrap();
        let mut directory = Directory { bot: "me".into(), ..Directory::default() };
        directory.learn_server(&guild);
        assert_eq!(directory.find(Id(2)), (Id(2), None), "a category is no chat");
        assert_eq!(directory.find(Id(3)), (Id(2), Some(Id(3))));
        assert_eq!(directory.title(Id(2)), "#general (Home)");
        assert_eq!(directory.own_roles, HashSet::from([Id(4)]));
    }
}
