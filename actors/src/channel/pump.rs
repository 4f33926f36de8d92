//! Moves events from a platform to whom they are for: receive, store with the cursor, settle. What
//! the source says about the gap before it is committed before the cursor moves.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use channel::{Batch, ChannelError, Cursor, Event, Gap, Pulse, Source, Verdict};
use domain::outgoing::Caps;
use domain::texts::approval;
use engine::router::{Position, Routed};
use ractor::ActorRef;
use store::{CentralStore, StoreError};
use tokio::time::sleep;
use tracing::info;

use super::{ChannelArgs, ChannelMessage};
use crate::router::RouterMessage;

/// A router that is being restarted is back within this.
const ROUTER_BACK: Duration = Duration::from_millis(100);
/// For a batch on a slow disk. A second one beside it would only make it slower; a router that died
/// answers at once.
const ROUTE_WITHIN: Duration = Duration::from_secs(600);

pub(super) struct Pump {
    pub(super) args: ChannelArgs,
    pub(super) source: Box<dyn Source>,
    /// How often the account had started over before it connected. A connection from before that goes on behind
    /// no cursor, and writes none.
    pub(super) start: i64,
    /// As the connection said.
    pub(super) caps: Caps,
    pub(super) pulse: Pulse,
    /// Set while events are with the router.
    pub(super) storing: Arc<AtomicBool>,
    /// Who hears that the gap was stated, and for which line.
    pub(super) stated: (ActorRef<ChannelMessage>, u64),
}

impl Pump {
    /// Runs until the source fails. What was received and not settled then is received again.
    pub(super) async fn receive(mut self) -> Result<Infallible, ChannelError> {
        let unreachable = |err: StoreError| ChannelError::Unreachable(err.into());
        let (channel, account) = self.args.account.names();
        let stored = self.args.host.central.read(move |it| it.cursor(channel, &account)).await;
        let (stored, start) = stored.map_err(unreachable)?.unwrap_or_default();
        if start != self.start {
            let why = "it was given something else while it connected";
            return Err(ChannelError::Unreachable(why.into()));
        }
        let mut cursor = Cursor(stored.unwrap_or_default());
        loop {
            self.state_gap().await?;
            let Batch { events, cursor: next } = self.source.receive(&cursor).await?;
            self.pulse.beat();
            self.state_gap().await?;
            self.storing.store(true, Ordering::SeqCst);
            let (channel, account) = self.args.account.names();
            let to = (next != cursor).then(|| Position {
                channel,
                account,
                value: next.0.clone(),
                start,
            });
            let presses = presses(&events);
            let Routed { verdicts, is_moved, has_failed } = self.store(events, to.clone()).await;
            self.storing.store(false, Ordering::SeqCst);
            if has_failed {
                // A sender that waits for the protocol's answer hears it; the platform retries.
                self.source.settle(&verdicts).await?;
                return Err(ChannelError::Unreachable("nothing can be stored right now".into()));
            }
            if let Some(to) = to.filter(|_| !is_moved) {
                let set = move |it: &mut CentralStore| to.store(it);
                self.args.host.central.write("a cursor", set).await.map_err(unreachable)?;
            }
            cursor = next;
            for (at, press) in presses {
                let words = verdicts.get(at).is_some_and(|it| *it != Verdict::Stored);
                let words = words.then_some(approval::NOT_TAKEN);
                let _ = self.stated.0.cast(ChannelMessage::Pressed { press, words });
            }
            self.source.settle(&verdicts).await?;
        }
    }

    /// Commits what became of the gap, as soon as the source knows.
    async fn state_gap(&mut self) -> Result<(), ChannelError> {
        let Some(gap) = self.source.gap() else { return Ok(()) };
        let (host, (channel, account)) = (&self.args.host, self.args.account.names());
        // Nobody can be told where nothing can be sent.
        let now = host.clock.now();
        let said = if self.caps.mute { Gap::None } else { gap };
        let close = move |it: &mut CentralStore| it.close_gap(channel, &account, said, now);
        let closed = host.central.write("a gap", close).await;
        let told = closed.map_err(|err| ChannelError::Unreachable(err.into()))?;
        info!(channel, ?gap, told = told.is_some(), "what became of the gap");
        let (actor, line) = &self.stated;
        let _ = actor.cast(ChannelMessage::Stated(*line));
        Ok(())
    }

    /// Returns after the commit, with a verdict for each event. The cursor moves with it.
    async fn store(&self, events: Vec<Event>, to: Option<Position>) -> Routed {
        if events.is_empty() {
            return Routed { verdicts: Vec::new(), is_moved: false, has_failed: false };
        }
        loop {
            let (events, owner_only) = (events.clone(), self.caps.owner_only);
            let (count, cursor) = (events.len(), to.clone());
            let ask = |reply| RouterMessage::Route { events, owner_only, cursor, reply };
            match self.args.host.peers.router.call_within(ROUTE_WITHIN, ask).await {
                Some(routed) if routed.verdicts.len() == count => return routed,
                // It died with the batch in hand. Storing an event again is harmless.
                _ => sleep(ROUTER_BACK).await,
            }
        }
    }
}

/// The presses that somebody waits for the answer of, and which events they are.
fn presses(events: &[Event]) -> Vec<(usize, String)> {
    let press = |(at, event): (usize, &Event)| match event {
        Event::Click(click) => Some((at, click.press.clone())).filter(|it| !it.1.is_empty()),
        Event::Message(_)
        | Event::Moved { .. }
        | Event::Reachable { .. }
        | Event::Left(_)
        | Event::Renamed { .. }
        | Event::Undelivered { .. } => None,
    };
    events.iter().enumerate().filter_map(press).collect()
}
