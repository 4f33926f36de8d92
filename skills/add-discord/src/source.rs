//! The receiving half: puts what comes over the gateway and what was missed into one order.
//!
//! Messages of a server come only after what was missed there. The position that goes with a batch
//! covers exactly what was in this batch and those before, so whatever is lost with this process is
//! asked for again.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::http::Failure;
use channel::{Account, Batch, ChannelError, Cursor, Event, Gap, Source};
use domain::message::{Address, Incoming};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::api::Api;
use crate::catch_up::CatchUp;
use crate::directory::{Directory, Doings, PEOPLE_MAX};
use crate::gateway::{Arrival, Arrived, Gateway, Place};
use crate::incoming::Reader;
use crate::position::{DIRECT, Position, Session};
use crate::wire::{Channel, Guild, Id, Message, Ready};

/// Events of one batch, and so of one commit per session.
const BATCH_MAX: usize = 64;
/// How long the first message of a thread is waited for.
const ROOT_WITHIN: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct DiscordSource {
    api: Api,
    directory: Directory,
    doings: Arc<Doings>,
    account: String,
    /// The bot's user id.
    bot: String,
    gateway: Gateway,
    /// Open from the first `receive` on.
    line: Option<(Receiver<Arrived>, JoinSet<()>)>,
    /// Taken out of the line and not dealt with.
    held: Option<Arrived>,
    position: Position,
    /// Servers that the bot was in when the session began, and has joined since.
    servers: HashSet<Id>,
    /// Nothing was read before this source, so it begins with now.
    fresh: bool,
    /// The newest message when the session began; catching up begins a little before it.
    known: Id,
    catching: VecDeque<CatchUp>,
    ready: Vec<Event>,
    /// Somebody was connected before this source.
    had_before: bool,
    /// What catching up found so far, from the beginning of a session until it is stated.
    missed: Option<Missed>,
    /// Known and not stated yet.
    gap: Option<Gap>,
    /// What is to be stated once the first server of the session is known.
    gap_at_entry: Option<Gap>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Missed {
    found: usize,
    is_cut: bool,
}

impl DiscordSource {
    pub(crate) fn new(
        api: Api,
        gateway: Gateway,
        doings: Arc<Doings>,
        account: &Account,
        bot: String,
    ) -> Self {
        Self {
            api,
            directory: Directory { doings: Arc::clone(&doings), ..Directory::default() },
            doings,
            account: account.name.clone(),
            bot,
            gateway,
            line: None,
            held: None,
            position: Position::default(),
            servers: HashSet::new(),
            fresh: false,
            known: Id::default(),
            catching: VecDeque::new(),
            ready: Vec::new(),
            had_before: account.heard_until.is_some(),
            missed: None,
            gap: None,
            gap_at_entry: None,
        }
    }

    /// Connects, to go on behind what was committed.
    fn open(&mut self, after: &Cursor) {
        self.position = Position::parse(&after.0).unwrap_or_else(|| {
            warn!(
                "what was stored of how far discord was read is not understood; starting with now"
            );
            Position::default()
        });
        self.line = Some(self.gateway.open(self.position.resumable()));
    }

    /// Every event that is ready, with the position behind them.
    fn batch(&mut self) -> Batch {
        let opened = std::mem::take(&mut self.doings.lock().opened);
        opened.into_iter().for_each(|chat| self.position.saw_direct(chat));
        let cursor = Cursor(self.position.to_text());
        let events = std::mem::take(&mut self.ready);
        Batch { events, cursor }
    }

    /// Takes up to a batch of what was missed.
    async fn catch_up(&mut self) -> Result<(), ChannelError> {
        while let Some(catching) = self.catching.front_mut() {
            if BATCH_MAX <= self.ready.len() {
                return Ok(());
            }
            let group = catching.group;
            if let Some(first) = catching.first(&self.api).await? {
                let channel = first.channel_id;
                self.learn_root(channel).await;
            }
            let Some(catching) = self.catching.front_mut() else { return Ok(()) };
            let (next, is_cut) = (catching.take_first(), catching.is_cut);
            if let Some(missed) = &mut self.missed {
                missed.found += usize::from(next.is_some());
                missed.is_cut |= is_cut;
            }
            match next {
                Some(message) => {
                    if message.id != self.known {
                        self.take(&message);
                    }
                    self.position.advance(group, message.id);
                }
                None => {
                    self.catching.pop_front();
                    self.position.behind.remove(&group);
                }
            }
        }
        Ok(())
    }

    /// Once nothing is left to catch up, it is known what became of the gap. A server that is out of
    /// order holds that up: it may have something to tell.
    fn look_back(&mut self) {
        if self.catching.is_empty() && self.position.behind.is_empty() {
            self.gap = self.missed.take().map_or(self.gap, |missed| {
                Some(if missed.is_cut { Gap::Unknown } else { Gap::Backfilled(missed.found) })
            });
        }
    }

    /// What came next; `None` when events are ready and nothing else is there yet.
    async fn arrival(&mut self) -> Result<Option<&Arrived>, ChannelError> {
        if self.held.is_none() {
            let gone = || ChannelError::Unreachable("the gateway is not read any more".into());
            let (inbox, _) = self.line.as_mut().ok_or_else(gone)?;
            self.held = if self.ready.is_empty() {
                Some(inbox.recv().await.ok_or_else(gone)?)
            } else {
                inbox.try_recv().ok()
            };
        }
        Ok(self.held.as_ref())
    }

    /// Asks about a server and a channel that no event told of, as after a session was resumed:
    /// otherwise a thread would be taken for a chat.
    async fn identify(&mut self, channel: Id, server: Id) -> Result<(), ChannelError> {
        if !self.directory.servers.contains_key(&server)
            && let Some(guild) = self.look_up::<Guild>(&format!("guilds/{server}")).await?
        {
            self.directory.learn_server(&guild, &self.bot);
        }
        let mut next = Some(channel);
        while let Some(channel) = next.filter(|it| !self.directory.channels.contains_key(it)) {
            let Some(found) = self.look_up::<Channel>(&format!("channels/{channel}")).await? else {
                break;
            };
            self.directory.learn(&found, Some(server));
            next = found.parent_id.filter(|_| found.is_thread());
        }
        Ok(())
    }

    /// What a thread began with: asked once, and empty where it is not to be had.
    async fn learn_root(&mut self, thread: Id) {
        let (chat, Some(_)) = self.directory.find(thread) else { return };
        if self.directory.roots.contains_key(&thread) {
            return;
        }
        // The message has the thread's id; a post's is in the thread itself.
        let is_post = self.directory.channels.get(&chat).is_some_and(Channel::is_forum);
        let path = format!("channels/{}/messages/{thread}", if is_post { thread } else { chat });
        // Messages wait behind it, also those of people whom nobody knows: one that is not had soon is never asked
        // for again.
        let root = timeout(ROOT_WITHIN, self.look_up::<Message>(&path)).await;
        let root = root.ok().and_then(Result::ok).flatten();
        let text = root.map(|it| self.reader().text(&it)).unwrap_or_default();
        if PEOPLE_MAX <= self.directory.roots.len() {
            self.directory.roots.clear();
        }
        self.directory.roots.insert(thread, text);
    }

    /// `None` for what the bot is not told.
    async fn look_up<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ChannelError> {
        match self.api.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused(why)) => {
                debug!(path, code = why.code, "discord does not tell about this");
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    fn handle(&mut self, arrived: Arrived) -> Result<(), ChannelError> {
        match arrived.what {
            Arrival::Ready(ready) => self.begin(ready),
            Arrival::Server(guild) => self.enter(&guild),
            Arrival::ServerGone(guild) if guild.unavailable => {}
            Arrival::ServerGone(guild) => {
                self.servers.remove(&guild.id);
                self.position.behind.remove(&guild.id);
                self.ready.extend(self.chats(guild.id).map(Event::Left));
            }
            Arrival::Channel(channel) => self.update(&channel),
            Arrival::ChannelGone(channel) => {
                self.ready.push(Event::Left(self.reader().place(channel.id).0));
                self.directory.channels.remove(&channel.id);
            }
            Arrival::Threads(threads) => {
                threads.iter().for_each(|it| self.directory.learn(it, None));
            }
            Arrival::Message(message) => self.take(&message),
            Arrival::Edited(message) => self.say(self.reader().edited(&message)),
            Arrival::Deleted(deleted) => {
                // What this host took away is no news.
                let is_news = |it: &Id| !self.doings.lock().deleted.contains(it);
                self.say(self.reader().deleted(&deleted, is_news));
            }
            Arrival::Reacted(reaction, added) => {
                let session = self.position.session.as_ref().map_or("", |it| &it.id);
                let stamp = format!("{session}:{}", arrived.sequence.unwrap_or_default());
                self.say(self.reader().reaction(&reaction, added, &stamp));
            }
            Arrival::Interaction(taken) => self.ready.extend(self.reader().interaction(&taken)),
            Arrival::Resumed => self.gap = Some(Gap::None),
            Arrival::SessionLost => {
                self.position.session = None;
                self.line = Some(self.gateway.open(None));
            }
            Arrival::Ended(err) => return Err(err),
        }
        if let Some(sequence) = arrived.sequence {
            self.position.passed(sequence);
        }
        Ok(())
    }

    fn begin(&mut self, ready: Ready) {
        let servers: Vec<Id> = ready.guilds.iter().map(|it| it.id).collect();
        self.servers = servers.iter().copied().collect();
        let (id, url) = (ready.session_id, ready.resume_gateway_url);
        (self.fresh, self.known) = (self.position.is_new(), self.position.newest);
        self.position.begin(Session { id, url, sequence: 0 }, &servers);
        if self.fresh {
            // Nothing to begin from: it was lost, or another credential was stored.
            let gap = Some(if self.had_before { Gap::Unknown } else { Gap::None });
            // Stated with the first place, which the first server gives: a batch without one would
            // make the next session begin with whatever is newest by then.
            *(if servers.is_empty() { &mut self.gap } else { &mut self.gap_at_entry }) = gap;
        } else {
            self.missed = Some(Missed::default());
        }
        if let Some(from) = self.position.behind.get(&DIRECT).copied() {
            let chats = self.position.chats.clone();
            self.catching.push_back(CatchUp::new(DIRECT, from, chats));
        }
    }

    fn enter(&mut self, guild: &Guild) {
        self.directory.learn_server(guild, &self.bot);
        if self.servers.insert(guild.id) {
            let reachable = |chat| Event::Reachable { chat, by: None };
            self.ready.extend(self.chats(guild.id).map(reachable));
        }
        let channels = guild.channels.iter().chain(&guild.threads);
        if let Some(from) = self.position.behind.get(&guild.id).copied() {
            let missed = channels.filter(|it| Some(from) < it.last_message_id).map(|it| it.id);
            self.catching.push_back(CatchUp::new(guild.id, from, missed));
        } else if self.fresh {
            // Ids of channels are of the same sequence, should nothing have been written yet.
            let newest = channels.map(|it| it.last_message_id.unwrap_or(it.id)).max();
            self.position.saw(newest.unwrap_or(guild.id));
            self.gap = self.gap_at_entry.take().or(self.gap);
        }
    }

    /// Learns of a channel, and whether it has another name.
    fn update(&mut self, channel: &Channel) {
        let before = self.directory.channel_name(channel.id).map(ToOwned::to_owned);
        self.directory.learn(channel, None);
        if before.is_some_and(|it| channel.name.as_ref().is_some_and(|name| *name != it)) {
            let (chat, title) = self.reader().place(channel.id);
            let own = channel.name.clone().unwrap_or_default();
            let title = if chat.thread.is_some() { own } else { title };
            self.ready.push(Event::Renamed { chat, title });
        }
    }

    fn take(&mut self, message: &Message) {
        self.directory.meet(&message.author);
        self.say(self.reader().message(message));
        self.position.saw(message.id);
        if message.guild_id.is_none() {
            self.position.saw_direct(message.channel_id);
        }
    }

    /// Where one can write in a server.
    fn chats(&self, server: Id) -> std::vec::IntoIter<Address> {
        let is_there = |it: &&Channel| it.guild_id == Some(server) && it.is_chat();
        let chats = self.directory.channels.values().filter(is_there);
        chats.map(|it| self.reader().place(it.id).0).collect::<Vec<_>>().into_iter()
    }

    fn say(&mut self, said: impl IntoIterator<Item = Incoming>) {
        self.ready.extend(said.into_iter().map(Event::Message));
    }

    fn reader(&self) -> Reader<'_> {
        Reader { account: &self.account, bot: &self.bot, directory: &self.directory }
    }
}

#[async_trait]
impl Source for DiscordSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        if self.line.is_none() {
            self.open(after);
        }
        loop {
            self.catch_up().await?;
            self.look_back();
            // The first position is worth a commit of its own: what comes from now on is not lost.
            let first = after.0.is_empty() && !self.position.is_new();
            let full = BATCH_MAX <= self.ready.len();
            if full || self.gap.is_some() || (first && self.ready.is_empty()) {
                return Ok(self.batch());
            }
            let ready = !self.ready.is_empty();
            let Some(arrival) = self.arrival().await? else { return Ok(self.batch()) };
            // What came before the end goes out before it.
            if ready && matches!(arrival.what, Arrival::Ended(_)) {
                return Ok(self.batch());
            }
            if let Place { channel_id: Some(channel), guild_id: Some(server) } = arrival.place {
                self.identify(channel, server).await?;
                self.learn_root(channel).await;
            }
            if let Some(arrived) = self.held.take() {
                self.handle(arrived)?;
            }
        }
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }
}
