//! The receiving half: puts what comes over the gateway and what was missed into one order.
//!
//! Messages of a server come only after what was missed there. The position that goes with a batch
//! covers exactly what was in this batch and those before, so whatever is lost with this process is
//! asked for again.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use channel::http::Failure;
use channel::{Account, Batch, ChannelError, Cursor, Event, Gap, Source};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::api::Api;
use crate::catch_up::CatchUp;
use crate::directory::{Directory, PrivateChats};
use crate::gateway::{Arrival, Arrived, Gateway};
use crate::incoming::Reader;
use crate::position::{DIRECT, Position, Session};
use crate::wire::{Channel, Guild, Id, Message, Ready};

/// Events of one batch, and so of one commit per session.
const BATCH_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct DiscordSource {
    api: Api,
    directory: Directory,
    private: Arc<PrivateChats>,
    account: String,
    /// The bot's user id.
    bot: String,
    gateway: Gateway,
    /// Open from the first `receive` on.
    line: Option<(Receiver<Arrived>, JoinSet<()>)>,
    /// Taken out of the line and not dealt with.
    held: Option<Arrived>,
    position: Position,
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
        private: Arc<PrivateChats>,
        account: &Account,
        bot: String,
    ) -> Self {
        Self {
            api,
            directory: Directory::default(),
            private,
            account: account.name.clone(),
            bot,
            gateway,
            line: None,
            held: None,
            position: Position::default(),
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
        let opened = self.private.take_opened();
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
            let next = catching.next(&self.api).await?;
            let is_cut = catching.is_cut;
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
    async fn arrival(&mut self) -> Result<Option<&Arrival>, ChannelError> {
        if self.held.is_none() {
            let gone = || ChannelError::Unreachable("the gateway is not read any more".into());
            let (inbox, _) = self.line.as_mut().ok_or_else(gone)?;
            self.held = if self.ready.is_empty() {
                Some(inbox.recv().await.ok_or_else(gone)?)
            } else {
                inbox.try_recv().ok()
            };
        }
        Ok(self.held.as_ref().map(|it| &it.what))
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
            Arrival::Channel(channel) => self.directory.learn(&channel, None),
            Arrival::Threads(threads) => {
                threads.iter().for_each(|it| self.directory.learn(it, None));
            }
            Arrival::Message(message) => self.take(&message),
            Arrival::Press(press) => {
                let event = self.reader().press(&press);
                self.ready.extend(event);
            }
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
        if let Some(from) = self.position.behind(DIRECT) {
            let chats = self.position.chats.clone();
            self.catching.push_back(CatchUp::new(DIRECT, from, chats));
        }
    }

    fn enter(&mut self, guild: &Guild) {
        self.directory.learn_server(guild, &self.bot);
        let channels = guild.channels.iter().chain(&guild.threads);
        if let Some(from) = self.position.behind(guild.id) {
            let missed = channels.filter(|it| Some(from) < it.last_message_id).map(|it| it.id);
            self.catching.push_back(CatchUp::new(guild.id, from, missed));
        } else if self.fresh {
            // Ids of channels are of the same sequence, should nothing have been written yet.
            let newest = channels.map(|it| it.last_message_id.unwrap_or(it.id)).max();
            self.position.saw(newest.unwrap_or(guild.id));
            self.gap = self.gap_at_entry.take().or(self.gap);
        }
    }

    fn take(&mut self, message: &Message) {
        let event = self.reader().message(message);
        self.ready.extend(event);
        self.position.saw(message.id);
        if message.guild_id.is_none() {
            self.position.saw_direct(message.channel_id);
            self.private.learn(message.channel_id);
        }
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
            if ready && matches!(arrival, Arrival::Ended(_)) {
                return Ok(self.batch());
            }
            if let Some((channel, server)) = arrival.in_server() {
                self.identify(channel, server).await?;
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
