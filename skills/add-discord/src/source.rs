//! The receiving half: puts what comes over the gateway and what was missed into one order.
//!
//! Messages of a server come only after what was missed there. The position that goes with a batch covers exactly
//! what was in this batch and those before, so whatever is lost with this process is asked for again.

mod events;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use channel::{Account, Batch, ChannelError, Cursor, Event, Gap, Source};
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tracing::warn;

use crate::catch_up::CatchUp;
use crate::directory::{Directory, Doings};
use crate::gateway::{Arrival, Gateway};
use crate::position::Position;
use crate::wire::Id;

/// Events of one batch, and so of one commit per session.
const BATCH_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct DiscordSource {
    directory: Directory,
    gateway: Gateway,
    /// Open from the first `receive` on.
    line: Option<(Receiver<Arrival>, JoinSet<()>)>,
    /// Taken out of the line and not dealt with.
    held: Option<Arrival>,
    position: Position,
    /// The newest message when the session began; catching up begins a little before it.
    known: Id,
    catching: VecDeque<CatchUp>,
    ready: Vec<Event>,
    /// Somebody was connected before this source.
    had_before: bool,
    /// What catching up found so far, from the beginning of a session until it is stated.
    missed: Option<Gap>,
    /// Known and not stated yet.
    gap: Option<Gap>,
}

impl DiscordSource {
    pub(crate) fn new(
        gateway: Gateway,
        doings: Arc<Doings>,
        account: &Account,
        bot: String,
    ) -> Self {
        Self {
            directory: Directory {
                account: account.name.clone(),
                bot,
                doings,
                ..Directory::default()
            },
            gateway,
            line: None,
            held: None,
            position: Position::default(),
            known: Id::default(),
            catching: VecDeque::new(),
            ready: Vec::new(),
            had_before: account.heard_until.is_some(),
            missed: None,
            gap: None,
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
        let opened = std::mem::take(&mut self.directory.doings.lock().opened);
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
            let (group, api) = (catching.group, &self.gateway.api);
            if let Some((_, first)) = catching.first(api).await?
                && let Some(channel) = Id::of(&first["channel_id"])
            {
                self.directory.learn_root(api, channel).await;
            }
            let Some(catching) = self.catching.front_mut() else { return Ok(()) };
            let (next, is_cut) = (catching.take_first(), catching.is_cut);
            match &mut self.missed {
                Some(missed) if is_cut => *missed = Gap::Unknown,
                Some(Gap::Backfilled(found)) => *found += usize::from(next.is_some()),
                Some(Gap::None | Gap::Unknown) | None => {}
            }
            match next {
                Some((id, message)) => {
                    if id != self.known {
                        self.take(&message);
                    }
                    self.position.advance(group, id);
                }
                None => {
                    self.catching.pop_front();
                    self.position.behind.remove(&group);
                }
            }
        }
        Ok(())
    }

    /// Once nothing is left to catch up, it is known what became of the gap. A server that is out of order holds
    /// that up: it may have something to tell.
    fn look_back(&mut self) {
        if self.catching.is_empty() && self.position.behind.is_empty() {
            self.gap = self.missed.take().or(self.gap);
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
        Ok(self.held.as_ref())
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
            // A batch without a place, which the first server gives, would make the next session begin with
            // whatever is newest by then.
            let has_place = !self.position.is_new() || self.directory.servers.is_empty();
            let states = self.gap.is_some() && has_place;
            if full || states || (first && self.ready.is_empty()) {
                return Ok(self.batch());
            }
            let is_ready = !self.ready.is_empty();
            let place = match self.arrival().await? {
                None => return Ok(self.batch()),
                // What came before the end goes out before it.
                Some(Arrival::Ended(_)) if is_ready => return Ok(self.batch()),
                Some(Arrival::Ended(_) | Arrival::SessionLost) => None,
                Some(Arrival::Event(event)) => place(&event.data),
            };
            if let Some((channel, server)) = place {
                self.directory.identify(&self.gateway.api, channel, server).await?;
                self.directory.learn_root(&self.gateway.api, channel).await;
            }
            match self.held.take() {
                Some(Arrival::Event(event)) => self.handle(&event),
                Some(Arrival::SessionLost) => {
                    self.position.session = None;
                    self.line = Some(self.gateway.open(None));
                }
                Some(Arrival::Ended(err)) => return Err(err),
                None => {}
            }
        }
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }
}

/// The channel and the server of an event; private chats need no asking.
fn place(event: &Value) -> Option<(Id, Id)> {
    Id::of(&event["channel_id"]).zip(Id::of(&event["guild_id"]))
}
