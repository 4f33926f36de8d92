//! The lanes of an account: sends the head of each, one part of a chat after the other.
//!
//! Invariants
//! - At most one part of a chat is with the platform, and no draft beside it.
//! - A part waits for its token, and is sent after the commit that claims it. How that ended is committed before the next part of
//!   its chat is claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::delivery::by_hand::HostKey;
use domain::delivery::{Effect, Head, RUN_MAX, Verdict, decide};
use domain::message::Address;
use domain::plain::chain;
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use engine::stops::SendPermit;
use store::{CentralStore, ClaimedPart, LaneHead, StoreError};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::warn;

use super::attempts::Ended;
use super::pacing::Pacing;
use super::{ChannelActor, ChannelMessage, HINT_MAX};
use crate::actor::{SOON, Timer};

/// Rounds of one look; each sends, marks or gives up the head of a lane.
const ROUNDS_MAX: usize = 32;
/// The longest time between two looks while a part waits.
const WAIT_MAX: Duration = Duration::from_secs(60);
const WAIT_MIN: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// Chats that a part is on its way to, until it is written down how that ended, and which.
    pub(super) sending: BTreeMap<String, HostKey>,
    /// Whose part was the last of a chat, and how many of theirs in a row; kept while the chat has more.
    pub(super) runs: BTreeMap<String, (Option<SessionId>, u32)>,
    /// Held while a draft is shown in a chat; the part behind it waits.
    pub(super) drafts: BTreeMap<String, Arc<Mutex<()>>>,
    /// Attempts whose end is not written down yet; beside the mailbox, which a stop of the actor leaves
    /// unread.
    pub(super) ended: Arc<std::sync::Mutex<Vec<Ended>>>,
    pub(super) pacing: Pacing,
    timer: Option<(Timestamp, Timer<ChannelMessage>)>,
}

/// A session that has something held for a chat, and until when, unless its quiet hours are over.
type HeldChat = (SessionId, Option<Timestamp>, Address);

/// `None`: it is finished already, or was given up.
type Claimed = Result<Option<ClaimedPart>, StoreError>;

impl ChannelActor {
    /// Sends what is due in these chats, or in all.
    pub(super) async fn send_parts(&mut self, chats: Option<BTreeSet<String>>) {
        for _ in 0..ROUNDS_MAX {
            match self.send_round(chats.clone()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(err) => {
                    warn!(why = chain(&err), "will look at the outbox again");
                    break;
                }
            }
        }
        self.look_after(SOON);
    }

    /// Returns whether the next round may find something else.
    async fn send_round(&mut self, chats: Option<BTreeSet<String>>) -> Result<bool, StoreError> {
        if self.sink.is_none() {
            return Ok(false); // Once it is connected, it looks.
        }
        let now = self.args.host.clock.now();
        let (heads, held) = self.read(chats.clone(), now).await?;
        match self.end_quiet_hours(held, now).await {
            // What was held is older than the heads that were read.
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(err) => {
                warn!(why = chain(&err), "what quiet hours held stays held");
                self.look_after(SOON);
            }
        }
        let (mut due, mut uncertain) = (Vec::new(), Vec::new());
        for mut lane in self.lanes_of(chats, heads) {
            let heads: Vec<Head<'_>> = lane.iter().map(|it| self.head(it)).collect();
            match decide(&heads, now) {
                Some(Effect::Send(index)) => due.push(lane.swap_remove(index)),
                Some(Effect::MarkUncertain(index)) => {
                    let key = lane.swap_remove(index).key();
                    uncertain.push((key, Verdict::Uncertain { retry_at: now }));
                }
                Some(Effect::Wait(until)) => self.look_after(until.since(now)),
                None => {}
            }
        }
        let mut is_changed = !uncertain.is_empty();
        if is_changed {
            self.conclude(uncertain, now).await?;
        }
        let due = self.paced(due);
        for (head, permit, claimed) in self.claim(due, now).await? {
            match claimed {
                Ok(Some(part)) => self.send(head, part, permit),
                Ok(None) => {
                    is_changed = true;
                    // It was given up; its owner is told.
                    self.args.host.wake_approvals();
                }
                Err(err) => {
                    warn!(part = %head.key(), why = chain(&err), "a part cannot be claimed");
                    self.look_after(SOON);
                }
            }
        }
        Ok(is_changed)
    }

    /// The heads of the lanes; and, in a look at all of them, what is held for chats in quiet hours.
    async fn read(
        &self,
        chats: Option<BTreeSet<String>>,
        now: Timestamp,
    ) -> Result<(Vec<LaneHead>, Vec<HeldChat>), StoreError> {
        let (channel, account) = (self.args.account.channel, self.args.account.name.clone());
        let read = move |central: &mut CentralStore| {
            if let Some(chats) = chats {
                let heads = chats.iter().map(|it| central.lane_heads(channel, &account, Some(it)));
                let heads: Vec<_> = heads.collect::<Result<_, _>>()?;
                return Ok((heads.concat(), vec![]));
            }
            let held = central.held_chats(channel, &account)?;
            let quiet = if held.is_empty() { vec![] } else { central.quiet_chats(now)? };
            let until = |chat: &Address| quiet.iter().find(|it| it.0 == *chat).map(|it| it.1);
            let held = held.into_iter().map(|(session, chat)| (session, until(&chat), chat));
            Ok((central.lane_heads(channel, &account, None)?, held.collect()))
        };
        self.args.host.central.read(read).await
    }

    /// Releases what is held for chats whose reader wants to hear of it again. Whether they do is read
    /// with each look, since they may change their mind in the night. Returns whether anything was.
    async fn end_quiet_hours(
        &mut self,
        held: Vec<HeldChat>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut over = Vec::new();
        for (session, until, chat) in held {
            match until {
                Some(until) => self.look_after(until.since(now)),
                None => over.push((session, chat)),
            }
        }
        if over.is_empty() {
            return Ok(false);
        }
        let host = Arc::clone(&self.args.host);
        let end = move |central: &mut CentralStore| {
            let limit = |chat: &Address| host.caps_of(chat).text;
            over.iter().try_for_each(|it| central.rows(it.0).end_quiet(&it.1, limit(&it.1), now))
        };
        self.args.host.central.write("the end of quiet hours", end).await?;
        Ok(true)
    }

    /// The heads of each lane that no part is being sent of.
    fn lanes_of(
        &mut self,
        chats: Option<BTreeSet<String>>,
        heads: Vec<LaneHead>,
    ) -> Vec<Vec<LaneHead>> {
        let mut lanes: Vec<Vec<LaneHead>> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let sending = &self.lanes.sending;
        for head in heads.into_iter().filter(|it| !sending.contains_key(&it.chat)) {
            let place = *places.entry(head.chat.clone()).or_insert(lanes.len());
            match lanes.get_mut(place) {
                Some(lane) => lane.push(head),
                None => lanes.push(vec![head]),
            }
        }
        // One that moved to another chat meanwhile is on its way to the old one.
        let is_sent = |head: &LaneHead| sending.values().any(|it| *it == head.key());
        lanes.retain(|lane| !lane.iter().any(is_sent));
        // A chat that has nothing more starts a new run.
        self.lanes.runs.retain(|chat, _| {
            let is_asked = chats.as_ref().is_none_or(|it| it.contains(chat));
            !is_asked || sending.contains_key(chat) || places.contains_key(chat)
        });
        lanes
    }

    fn head<'a>(&self, head: &'a LaneHead) -> Head<'a> {
        let stops = &self.args.host.stops;
        let session = head.of.as_ref().map(|it| it.0);
        let run = self.lanes.runs.get(&head.chat);
        Head {
            part: &head.part,
            is_kept_back: agents_part(head).is_some_and(|it| stops.is_closed(it.0, &it.1)),
            had_run: run.is_some_and(|it| it.0 == session && RUN_MAX <= it.1),
        }
    }

    /// Those that there is a token for. Where the account has few, chats take turns.
    fn paced(&mut self, mut due: Vec<LaneHead>) -> Vec<LaneHead> {
        due.sort_by_key(|it| self.lanes.pacing.turn(&it.chat));
        let mut wait = None;
        due.retain(|head| {
            let pace = self.args.host.caps_of(&self.address(&head.chat)).pace;
            let taken = self.lanes.pacing.take(&head.chat, head.in_group, pace);
            wait = wait.into_iter().chain(taken.err()).min();
            taken.is_ok()
        });
        if let Some(wait) = wait {
            self.look_after(wait);
        }
        due
    }

    pub(super) fn address(&self, chat: &str) -> Address {
        let (channel, account) =
            (self.args.account.channel.to_owned(), self.args.account.name.clone());
        Address { channel, account, chat: chat.to_owned(), thread: None }
    }

    /// Claims parts in one commit; one that fails for good fails alone.
    async fn claim(
        &self,
        heads: Vec<LaneHead>,
        now: Timestamp,
    ) -> Result<Vec<(LaneHead, Option<SendPermit>, Claimed)>, StoreError> {
        let stops = &self.args.host.stops;
        // Before the claim: a stop that comes meanwhile keeps the part back.
        let permitted = heads.into_iter().filter_map(|head| match agents_part(&head) {
            None => Some((head, None)),
            Some((session, agent)) => {
                let permit = stops.permit(*session, agent)?;
                Some((head, Some(permit)))
            }
        });
        let (heads, permits): (Vec<_>, Vec<_>) = permitted.unzip();
        if heads.is_empty() {
            return Ok(vec![]);
        }
        let keys: Vec<HostKey> = heads.iter().map(LaneHead::key).collect();
        let claim = move |central: &mut CentralStore| {
            let claim = |key| match central.claim_parts(std::slice::from_ref(key), now) {
                Err(err) if err.passes() => Err(err),
                claimed => Ok(claimed.map(|it| it.into_iter().next().flatten())),
            };
            keys.iter().map(claim).collect::<Result<Vec<Claimed>, _>>()
        };
        let claimed = self.args.host.central.write("the claim of a part", claim).await?;
        let all = heads.into_iter().zip(permits).zip(claimed);
        Ok(all.map(|((head, permit), claimed)| (head, permit, claimed)).collect())
    }

    /// Shows more of an answer, unless a part is on its way to the chat, which says more, or another
    /// draft.
    pub(super) fn draft(&mut self, to: Address, target: String, text: String) {
        let Some(sink) = self.sink.clone() else { return };
        let lanes = &mut self.lanes;
        lanes.drafts.retain(|_, it| 1 < Arc::strong_count(it));
        let is_busy = lanes.sending.contains_key(&to.chat) || lanes.drafts.contains_key(&to.chat);
        if is_busy || !lanes.pacing.may_draft(&to.chat, self.args.host.caps_of(&to)) {
            return;
        }
        let turn = Arc::new(Mutex::new(()));
        let Ok(shown) = Arc::clone(&turn).try_lock_owned() else { return };
        lanes.drafts.insert(to.chat.clone(), turn);
        self.sending.spawn(async move {
            let _shown = shown;
            drop(timeout(HINT_MAX, sink.draft(&to, &target, &text)).await);
        });
    }

    /// Shows that an answer is being worked on, if that keeps no part waiting.
    pub(super) fn working(&mut self, chat: Address) {
        let Some(sink) = self.sink.clone() else { return };
        if self.lanes.pacing.may_hint(&chat.chat, self.args.host.caps_of(&chat)) {
            let show = async move { drop(timeout(HINT_MAX, sink.working(&chat)).await) };
            self.sending.spawn(show);
        }
    }

    /// Looks at all lanes after a wait, unless that is about to happen anyway.
    pub(super) fn look_after(&mut self, wait: Duration) {
        let (now, wait) = (self.args.host.clock.now(), wait.clamp(WAIT_MIN, WAIT_MAX));
        let at = now + wait;
        let is_sooner = |(due, timer): &(Timestamp, Timer<ChannelMessage>)| {
            *due <= at && now < *due && !timer.0.is_finished()
        };
        if !self.lanes.timer.as_ref().is_some_and(is_sooner) {
            let timer = self.myself.send_after(wait, || ChannelMessage::Parts);
            self.lanes.timer = Some((at, Timer(timer)));
        }
    }
}

/// Whose part it is, unless the host wrote it; what the host says leaves while an agent is stopped.
fn agents_part(head: &LaneHead) -> Option<&(SessionId, AgentName)> {
    head.of.as_ref().filter(|_| !head.part.key.is_hosts())
}
