//! What each event of the gateway leads to.

use channel::{Event, Gap};
use domain::message::{Address, Incoming};
use serde_json::Value;
use tracing::warn;

use super::DiscordSource;
use crate::catch_up::CatchUp;
use crate::gateway::Dispatch;
use crate::position::{DIRECT, Session};
use crate::wire::{Channel, Id, list, text};

impl DiscordSource {
    pub(super) fn handle(&mut self, event: &Dispatch) {
        let data = &event.data;
        match event.kind.as_str() {
            "READY" => self.begin(data),
            "RESUMED" => self.gap = Some(Gap::None),
            "GUILD_CREATE" => self.enter(data),
            // Otherwise it is out of order, which passes.
            "GUILD_DELETE" if data["unavailable"] != true => self.leave(data),
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
                self.update(data);
            }
            "CHANNEL_DELETE" => self.lose(data),
            "THREAD_LIST_SYNC" => {
                for thread in list(&data["threads"]) {
                    self.directory.learn(thread, None);
                }
            }
            "MESSAGE_CREATE" => self.take(data),
            "MESSAGE_UPDATE" => self.say(self.directory.edited(data)),
            "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => {
                // What this host took away is no news.
                let is_news = |it: &Id| !self.directory.doings.lock().deleted.contains(it);
                self.say(self.directory.deleted(data, is_news));
            }
            "MESSAGE_REACTION_ADD" | "MESSAGE_REACTION_REMOVE" => {
                let session = self.position.session.as_ref().map_or("", |it| &it.id);
                let stamp = format!("{session}:{}", event.sequence);
                let added = event.kind.ends_with("ADD");
                self.say(self.directory.reaction(data, added, &stamp));
            }
            "INTERACTION_CREATE" => self.ready.extend(self.directory.interaction(data)),
            _ => {}
        }
        self.position.passed(event.sequence);
    }

    /// A session begins that knows nothing of what was before. Servers come with their ids alone; the rest of them
    /// follows.
    fn begin(&mut self, ready: &Value) {
        let servers: Vec<Id> = list(&ready["guilds"]).filter_map(|it| Id::of(&it["id"])).collect();
        // Where the bot was taken out before is entered once more.
        let stayed = servers.iter().filter(|it| !self.position.left.contains(it));
        self.directory.servers = stayed.map(|it| (*it, String::new())).collect();
        let [id, url] = ["session_id", "resume_gateway_url"].map(|it| text(&ready[it]).to_owned());
        self.known = self.position.newest;
        self.position.begin(Session { id, url, sequence: 0 }, &servers);
        if self.position.is_new() {
            // Nothing to begin from: it was lost, or another credential was stored.
            self.gap = Some(if self.had_before { Gap::Unknown } else { Gap::None });
        } else {
            self.missed = Some(Gap::Backfilled(0));
        }
        if let Some(from) = self.position.behind.get(&DIRECT).copied() {
            let chats = self.position.chats.clone();
            self.catching.push_back(CatchUp::new(DIRECT, from, chats));
        }
    }

    fn enter(&mut self, guild: &Value) {
        let Some(server) = Id::of(&guild["id"]) else { return };
        if self.directory.learn_server(guild).is_none() {
            self.position.left.retain(|it| *it != server);
            let reachable = |chat| Event::Reachable { chat, by: None, title: None };
            self.ready.extend(self.chats(server).map(reachable));
        }
        let channels = list(&guild["channels"]).chain(list(&guild["threads"]));
        let channels =
            channels.filter_map(|it| Some((Id::of(&it["id"])?, Id::of(&it["last_message_id"]))));
        if let Some(from) = self.position.behind.get(&server).copied() {
            let missed = channels.filter(|it| Some(from) < it.1).map(|it| it.0);
            self.catching.push_back(CatchUp::new(server, from, missed));
        } else {
            // It begins with now. Ids of channels are of the same sequence, should nothing have been written yet.
            let newest = channels.map(|(id, message)| message.unwrap_or(id)).max();
            self.position.saw(newest.unwrap_or(server));
        }
    }

    fn leave(&mut self, guild: &Value) {
        let Some(server) = Id::of(&guild["id"]) else { return };
        self.directory.servers.remove(&server);
        self.position.leave(server);
        self.ready.extend(self.chats(server).map(Event::Left));
    }

    fn lose(&mut self, channel: &Value) {
        let Some(id) = Id::of(&channel["id"]) else { return };
        self.ready.push(Event::Left(self.directory.place(id).0));
        self.directory.channels.remove(&id);
    }

    /// Learns of a channel, and whether it has another name.
    fn update(&mut self, channel: &Value) {
        let name = text(&channel["name"]);
        if let Some(before) = self.directory.learn(channel, None)
            && ![before.name.as_str(), ""].contains(&name)
            && !before.name.is_empty()
        {
            let (chat, title) = self.directory.place(before.id);
            let title = if chat.thread.is_some() { name.to_owned() } else { title };
            self.ready.push(Event::Renamed { chat, title });
        }
    }

    pub(super) fn take(&mut self, message: &Value) {
        let Some((id, chat)) = Id::of(&message["id"]).zip(Id::of(&message["channel_id"])) else {
            warn!("skipped a message that is malformed");
            return;
        };
        self.directory.meet(&message["author"]);
        self.say(self.directory.message(message));
        self.position.saw(id);
        if message["guild_id"].is_null() {
            self.position.saw_direct(chat);
        }
    }

    /// Where one can write in a server.
    fn chats(&self, server: Id) -> std::vec::IntoIter<Address> {
        let is_there = |it: &&Channel| it.server == Some(server) && it.is_chat();
        let chats = self.directory.channels.values().filter(is_there);
        chats.map(|it| self.directory.place(it.id).0).collect::<Vec<_>>().into_iter()
    }

    fn say(&mut self, said: impl IntoIterator<Item = Incoming>) {
        self.ready.extend(said.into_iter().map(Event::Message));
    }
}
