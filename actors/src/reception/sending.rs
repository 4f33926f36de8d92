//! Sends what the host says by itself: claims first, hands over to the channel, writes down how it
//! ended.

use domain::delivery::by_hand::HostKey;
use domain::delivery::{self, Attempt, Effect, PartKey, Tried, Verdict, conclude};
use store::{CentralStore, StoreError};
use tracing::warn;

use super::{ReceptionMessage, ReceptionState};
use crate::channels::ChannelsMessage;

/// How an attempt at a part ended.
#[derive(Debug)]
pub(super) struct Landed {
    tried: Tried,
    attempt: Attempt,
}

impl ReceptionState {
    /// Starts to send what is due. Returns whether the next look may see something else.
    pub(super) async fn send_parts(&mut self) -> Result<bool, StoreError> {
        let mut parts = self.host.central.read(|central| central.open_parts()).await?;
        for part in &mut parts {
            part.in_flight = self.in_flight.contains(&part.key);
        }
        let mut changed = false;
        let now = self.now();
        for effect in delivery::decide(&parts, now) {
            match effect {
                Effect::Send(key) => changed |= self.send(key).await?,
                Effect::Doubt(key) => {
                    let verdict = Verdict::Uncertain { retry_at: now };
                    let doubt = move |it: &mut CentralStore| it.conclude_part(&key, &verdict, now);
                    self.host.central.write("a doubt", doubt).await?;
                    changed = true;
                }
            }
        }
        Ok(changed)
    }

    async fn send(&mut self, key: PartKey) -> Result<bool, StoreError> {
        let (now, claim) = (self.now(), key.clone());
        let claim = self
            .host
            .central
            .write("the claim of a part", move |it| it.claim_part(&claim, now))
            .await?;
        let Some(part) = claim else {
            return Ok(true);
        };
        self.in_flight.insert(key.clone());
        let platform_key = HostKey { session: None, part: key }.to_string();
        let (channels, myself) = (self.host.peers.channels.clone(), self.myself.clone());
        let (landings, within) = (self.landings.0.clone(), self.host.policy.deliver_max);
        self.calls.spawn(async move {
            let tried = part.tried();
            let ask = |reply| ChannelsMessage::Deliver { part, platform_key, pass: None, reply };
            // A channel that died in between may have sent it.
            let attempt = channels.call_within(within, ask).await;
            let attempt = attempt.unwrap_or(Attempt::Unknown);
            let _ = landings.send(Landed { tried, attempt });
            let _ = myself.cast(ReceptionMessage::Landed);
        });
        Ok(false)
    }

    /// Writes down how attempts ended.
    pub(super) async fn take_landings(&mut self) -> Result<(), StoreError> {
        while let Ok(landed) = self.landings.1.try_recv() {
            self.take_landed(landed).await?;
        }
        Ok(())
    }

    async fn take_landed(&mut self, landed: Landed) -> Result<(), StoreError> {
        let Landed { tried, attempt } = landed;
        let key = tried.key.clone();
        let now = self.now();
        let verdict = conclude(attempt, &tried, now);
        if let Verdict::Dead { why } = &verdict {
            warn!(part = key.0, why, "given up");
        }
        self.in_flight.remove(&key);
        let conclude = move |it: &mut CentralStore| it.conclude_part(&key, &verdict, now);
        self.host.central.write("the end of a part", conclude).await
    }
}
