//! What a session needs from outside of it: how its platforms are written for, where its agent may
//! write to, and who keeps what its agent asks for.

use std::sync::Arc;
use std::time::Duration;

use domain::OutSeq;
use domain::people::Handle;
use store::{CentralStore, SessionStore, StoreError, Surroundings};
use tracing::warn;

use super::state::SessionState;
use super::{SessionError, SessionMessage};
use crate::reception::{self, Passed};
use crate::sessions::child::chain;

const TRY_AGAIN: Duration = Duration::from_secs(1);

impl SessionState {
    /// Read for each taking over anew, so that what is taken away from an agent is gone at once.
    pub(super) async fn surroundings(&self) -> Result<Surroundings, SessionError> {
        let agent = self.args.row.agent.clone();
        let (manners, now) = (self.host().manners(), self.now());
        let read = move |central: &mut CentralStore| {
            let destinations = central.destinations_of(&agent)?;
            Ok(Surroundings {
                manners,
                destinations: destinations.into_iter().map(|it| (it.name, it.address)).collect(),
                quiet: central.quiet_chats(now)?.into_iter().map(|it| it.0).collect(),
                heartbeats: central.heartbeats()?,
            })
        };
        Ok(self.host().central.read(read).await?)
    }

    /// Shows the runner what of the world outside concerns it.
    pub(super) async fn show_around(&self) -> Result<(), SessionError> {
        self.show_destinations().await?;
        self.show_zones().await
    }

    /// Shows the runner which chats its agent may write to.
    async fn show_destinations(&self) -> Result<(), SessionError> {
        let agent = self.args.row.agent.clone();
        let read = move |central: &mut CentralStore| central.destinations_of(&agent);
        let all = self.host().central.read(read).await?;
        let rows: Vec<(String, String, String)> =
            all.into_iter().map(|it| (it.name, it.title, it.address.channel)).collect();
        let shown = rows.clone();
        // Nothing is written, and no crash point passed, where nothing is new.
        if self.store.read(move |it| it.inbound.shows_destinations(&shown)).await? {
            return Ok(());
        }
        let show = move |it: &mut SessionStore| it.inbound.show_destinations(&rows);
        self.store.write("the destinations", show).await?;
        Ok(())
    }

    /// Shows the runner in whose time its people live. A change is seen with the next sweep, or the
    /// next start.
    async fn show_zones(&self) -> Result<(), SessionError> {
        let senders = self.store.read(|it| it.inbound.recent_senders()).await?;
        let zones = self.host().central.read(move |central| zones(central, senders)).await?;
        let shown = zones.clone();
        // Nothing is written, and no crash point passed, where nothing is new.
        if !self.store.read(move |it| it.inbound.shows_zones(&shown)).await? {
            let show = move |it: &mut SessionStore| it.inbound.show_zones(&zones);
            self.store.write("the zones", show).await?;
        }
        Ok(())
    }

    /// Passes on what the agent asked for, in a task that reports back.
    pub(super) async fn pass(&mut self, seq: OutSeq) -> Result<(), SessionError> {
        let request = self.store.read(move |it| it.inbound.request(seq)).await?;
        self.set_passing(true);
        let (host, row) = (Arc::clone(self.host()), self.args.row.clone());
        let (myself, store) = (self.myself.clone(), self.store.clone());
        self.calls.spawn(async move {
            let ok = match reception::pass(&host, &row, request).await {
                Ok(Passed::Kept) => {
                    let kept = move |it: &mut SessionStore| it.inbound.passed(seq);
                    store.write("a request", kept).await
                }
                Ok(Passed::Repeats(first)) => {
                    let repeated = move |it: &mut SessionStore| it.inbound.repeated(seq, first);
                    store.write("a repeated request", repeated).await
                }
                Ok(Passed::Answered { ok, text }) => {
                    let answer = move |it: &mut SessionStore| it.inbound.answer(seq, ok, &text);
                    store.write("an answer", answer).await
                }
                Err(err) => Err(err),
            };
            if let Err(err) = &ok {
                warn!(why = chain(err), "a request waits");
            }
            let _ = myself.cast(SessionMessage::Passed { seq, ok: ok.is_ok() });
        });
        Ok(())
    }

    pub(super) fn take_passed(&mut self, seq: OutSeq, ok: bool) {
        if ok {
            self.set_passing(false);
            self.ring();
        } else {
            // Not at once: what failed just now fails again.
            self.myself.send_after(TRY_AGAIN, move || SessionMessage::Passed { seq, ok: true });
        }
    }
}

/// The name of the zone of each sender, and of everybody else; empty where nobody said one.
fn zones(
    central: &CentralStore,
    senders: Vec<String>,
) -> Result<Vec<(String, String)>, StoreError> {
    let install = central.install_zone()?.map(|it| it.name().to_owned()).unwrap_or_default();
    let mut zones = Vec::with_capacity(senders.len() + 1);
    for sender in senders {
        let person = match Handle::parse(&sender) {
            Some(handle) => central.person_of(&handle)?,
            None => None,
        };
        let own = person.map(|it| central.person_zone(it)).transpose()?.flatten();
        let zone = own.map_or_else(|| install.clone(), |it| it.name().to_owned());
        zones.push((sender, zone));
    }
    zones.push((String::new(), install));
    Ok(zones)
}
