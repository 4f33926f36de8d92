//! One attempt at a part: hands it to the platform, beside the mailbox, and writes down how that ended.
//! Until then no other part of its chat is sent.

use std::collections::BTreeSet;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channel::{Caps, DeliverError, Part, Sink};
use domain::delivery::by_hand::HostKey;
use domain::delivery::{DeliveryOutcome, RETRY_AFTER_MAX, Tried, Verdict, conclude, deadline};
use domain::outgoing::{Card, Content};
use domain::plain::chain;
use domain::texts::notices::LINE_ENDED;
use domain::time::Timestamp;
use engine::stops::SendPermit;
use futures_util::FutureExt;
use store::{CentralStore, ClaimedPart, LaneHead, PartKind, StoreError};
use tokio::time::timeout;
use tracing::{info, warn};

use super::{ChannelActor, ChannelMessage};
use crate::actor::SOON;

#[derive(Clone, Debug)]
pub(super) struct Ended {
    key: HostKey,
    chat: String,
    tried: Tried,
    outcome: DeliveryOutcome,
}

impl ChannelActor {
    pub(super) fn send(
        &mut self,
        head: LaneHead,
        claimed: ClaimedPart,
        permit: Option<SendPermit>,
    ) {
        let Some(sink) = self.sink.clone() else { return };
        let host = Arc::clone(&self.args.host);
        let (chat, session) = (head.chat, head.of.map(|it| it.0));
        let draft = self.lanes.drafts.get(&chat).cloned();
        self.lanes.sending.insert(chat.clone(), claimed.host_key.clone());
        let run = self.lanes.runs.entry(chat.clone()).or_insert((session, 0));
        *run = (session, if run.0 == session { run.1 + 1 } else { 1 });
        let caps = host.caps_of(&claimed.to);
        let (to, actor) = (Arc::clone(&self.lanes.ended), self.myself.clone());
        let pulse = self.line.pulse.clone();
        self.sending.spawn(async move {
            if let Some(draft) = draft {
                drop(draft.lock().await);
            }
            // The last moment in which it can be kept back.
            let outcome = if permit.is_none_or(|it| host.stops.allows(&it)) {
                let policy = &host.policy;
                let within = deadline(policy.deliver_max, claimed.bytes, policy.file_rate);
                let delivery = deliver(&*sink, part(&claimed, caps), within);
                // Of an adapter that panics nobody knows.
                AssertUnwindSafe(delivery).catch_unwind().await.unwrap_or(DeliveryOutcome::Unknown)
            } else {
                DeliveryOutcome::Unreachable
            };
            if matches!(outcome, DeliveryOutcome::Delivered(_)) {
                pulse.beat();
            }
            let (key, tried) = (claimed.host_key.clone(), claimed.tried.clone());
            let ended = Ended { key, chat, tried, outcome };
            report(&ended);
            locked(&to).push(ended);
            let _ = actor.cast(ChannelMessage::DeliveryEnded);
        });
    }

    /// Writes down how attempts ended, and sends what is next in their chats, or in all. What could
    /// not be written down is tried again soon.
    pub(super) async fn conclude_ended(&mut self, sends_all: bool) {
        let chats = self.write_ended().await;
        if !locked(&self.lanes.ended).is_empty() {
            self.look_after(SOON);
        }
        if sends_all || !chats.is_empty() {
            self.send_parts((!sends_all).then_some(chats)).await;
        }
    }

    /// Returns the chats in which another part can be sent now. What cannot be written down keeps its
    /// chat waiting, so that nothing is sent twice.
    pub(super) async fn write_ended(&mut self) -> BTreeSet<String> {
        let all = std::mem::take(&mut *locked(&self.lanes.ended));
        let mut chats = BTreeSet::new();
        if all.is_empty() {
            return chats;
        }
        for ended in &all {
            if let DeliveryOutcome::Throttled { after, everywhere: true } = ended.outcome {
                self.lanes.pacing.hold(after.min(RETRY_AFTER_MAX));
            }
        }
        let now = self.args.host.clock.now();
        let verdict = |it: &Ended| (it.key.clone(), conclude(it.outcome.clone(), &it.tried, now));
        let together = self.conclude(all.iter().map(verdict).collect(), now).await;
        for ended in all {
            let written = match &together {
                Ok(()) => true,
                Err(err) if err.passes() => false,
                Err(_) => self.conclude(vec![verdict(&ended)], now).await.is_ok(),
            };
            if written {
                self.lanes.sending.remove(&ended.chat);
                chats.insert(ended.chat);
            } else {
                warn!(part = %ended.key, "how it was sent is not written down yet");
                locked(&self.lanes.ended).push(ended);
            }
        }
        chats
    }

    pub(super) async fn conclude(
        &self,
        ended: Vec<(HostKey, Verdict)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let host = &self.args.host;
        let is_dead = ended.iter().any(|it| matches!(it.1, Verdict::Dead { .. }));
        let conclude = move |it: &mut CentralStore| it.conclude_parts(&ended, now);
        let copies = host.central.write("the end of a part", conclude).await?;
        if !copies.is_empty() {
            // One that stays is found by the next pruning.
            let remove = move || copies.iter().for_each(|it| drop(fs::remove_file(it)));
            host.central.beside(remove).await;
        }
        if is_dead {
            host.wake_approvals();
        }
        Ok(())
    }
}

/// What the sink gets, by what can be done in its chat.
fn part(claimed: &ClaimedPart, caps: Caps) -> Part {
    let mut content = claimed.content.clone();
    if let Content::Delete { target } = &claimed.content
        && !caps.deletes
    {
        let card = Card { text: LINE_ENDED.to_owned(), buttons: vec![] };
        content = Content::Edit { target: target.clone(), card };
    }
    Part {
        key: claimed.host_key.to_string(),
        to: claimed.to.clone(),
        content,
        reply_to: claimed.reply_to.clone(),
        also: claimed.also.clone(),
        last: claimed.kind != PartKind::Interim,
        no_answer: match claimed.kind {
            PartKind::Answer => false,
            PartKind::Notice => true,
            // More follows after a reply.
            PartKind::Interim => claimed.host_key.session.is_none(),
        },
        repeat: claimed.is_repeat && !caps.idempotent,
        in_group: claimed.in_group,
        silent: claimed.is_silent && caps.silent,
        notify: claimed.asker.clone().filter(|_| !claimed.is_silent),
    }
}

async fn deliver(sink: &dyn Sink, part: Part, within: Duration) -> DeliveryOutcome {
    match timeout(within, sink.deliver(&part)).await {
        Ok(Ok(platform_id)) => DeliveryOutcome::Delivered(platform_id),
        Ok(Err(DeliverError::Unreachable(_))) => DeliveryOutcome::Unreachable,
        Ok(Err(DeliverError::Throttled { after, everywhere })) => {
            DeliveryOutcome::Throttled { after, everywhere }
        }
        Ok(Err(err @ DeliverError::Refused(_))) => DeliveryOutcome::Refused(chain(&err)),
        Ok(Err(DeliverError::Unknown(_))) | Err(_) => DeliveryOutcome::Unknown,
    }
}

fn locked(ended: &Mutex<Vec<Ended>>) -> MutexGuard<'_, Vec<Ended>> {
    ended.lock().unwrap_or_else(PoisonError::into_inner)
}

fn report(ended: &Ended) {
    let part = ended.key.to_string();
    match &ended.outcome {
        DeliveryOutcome::Delivered(_) => info!(part, "delivered"),
        DeliveryOutcome::Refused(why) => {
            warn!(part, why, "the platform refused a part for good")
        }
        outcome @ (DeliveryOutcome::Unreachable
        | DeliveryOutcome::Throttled { .. }
        | DeliveryOutcome::Unknown) => {
            info!(part, ?outcome, "not delivered yet");
        }
    }
}
