//! Sends parts: claims first, hands over to the channel, writes down how it ended.

use domain::delivery::{Attempt, Effect, Tried, Verdict, conclude};
use tracing::{info, warn};

use super::state::SessionState;
use super::{SessionError, SessionMessage};
use crate::channels::ChannelsMessage;
use crate::reception::ReceptionMessage;

/// How an attempt at a part ended.
#[derive(Debug)]
pub(super) struct Landed {
    tried: Tried,
    attempt: Attempt,
}

impl SessionState {
    pub(super) async fn perform_delivery(&mut self, effect: Effect) -> Result<bool, SessionError> {
        let now = self.now();
        match effect {
            Effect::Send(key) => {
                let pass = Some(Box::new(self.host().stops.pass(&self.args.row, &key)));
                let claim = {
                    let key = key.clone();
                    self.store.write("the claim of a part", move |it| it.claim_part(&key, now))
                };
                let Some(part) = claim.await? else {
                    self.host().peers.reception.cast(ReceptionMessage::Look);
                    return Ok(true);
                };
                self.in_flight.insert(key.clone());
                let platform_key = super::platform_key(&self.args.row, &key);
                let channels = self.host().peers.channels.clone();
                let within = self.host().policy.deliver_max;
                let (landings, myself) = (self.landings.0.clone(), self.myself.clone());
                self.calls.spawn(async move {
                    let tried = part.tried();
                    let ask = |reply| ChannelsMessage::Deliver { part, platform_key, pass, reply };
                    // A channel that died in between may have sent it.
                    let attempt = channels.call_within(within, ask).await;
                    let attempt = attempt.unwrap_or(Attempt::Unknown);
                    let _ = landings.send(Landed { tried, attempt });
                    let _ = myself.cast(SessionMessage::Landed);
                });
                Ok(false)
            }
            Effect::Doubt(key) => {
                self.store.write("a doubt", move |it| it.doubt(&key, now)).await?;
                Ok(true)
            }
        }
    }

    /// Writes down how attempts ended.
    pub(super) async fn take_landings(&mut self) -> Result<(), SessionError> {
        while let Ok(landed) = self.landings.1.try_recv() {
            self.take_landed(landed).await?;
        }
        Ok(())
    }

    async fn take_landed(&mut self, landed: Landed) -> Result<(), SessionError> {
        let Landed { tried, attempt } = landed;
        let key = tried.key.clone();
        self.in_flight.remove(&key);
        let now = self.now();
        match &attempt {
            Attempt::Delivered { .. } => info!(part = key.0, "delivered"),
            Attempt::Refused { why } => {
                warn!(part = key.0, why, "the platform refused a part for good")
            }
            Attempt::Unreachable | Attempt::Throttled { .. } | Attempt::Unknown => {
                info!(part = key.0, ?attempt, "not delivered yet");
            }
        }
        let verdict = conclude(attempt, &tried, now);
        let is_dead = matches!(verdict, Verdict::Dead { .. });
        let conclude = move |it: &store::SessionRows<'_>| it.conclude(&key, &verdict, now);
        self.store.write("the end of a part", conclude).await?;
        if is_dead {
            // The owner of the host is told.
            self.host().peers.reception.cast(ReceptionMessage::Look);
        }
        Ok(())
    }
}
