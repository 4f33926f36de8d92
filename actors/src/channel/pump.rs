//! Moves events from a platform to whom they are for: receive, store, move the cursor, settle.

use std::sync::Arc;
use std::time::Duration;

use channel::{Batch, ChannelError, Cursor, Event, Source, Verdict};
use store::StoreError;
use tokio::time::sleep;
use tracing::warn;

use crate::host::Host;
use crate::router::RouterMessage;
use crate::sessions::child::chain;

/// A router that is being restarted is back within this.
const ROUTER_BACK: Duration = Duration::from_millis(100);

pub(super) struct Pump {
    pub(super) host: Arc<Host>,
    pub(super) channel: &'static str,
    pub(super) account: String,
    pub(super) owner_only: bool,
    pub(super) source: Box<dyn Source>,
}

impl Pump {
    /// Runs until the source fails. What was received and not settled then is received again.
    pub(super) async fn run(mut self) -> ChannelError {
        match self.receive().await {
            Ok(never) => match never {},
            Err(err) => err,
        }
    }

    async fn receive(&mut self) -> Result<std::convert::Infallible, ChannelError> {
        let mut cursor =
            self.cursor().await.map_err(|err| ChannelError::Unreachable(err.into()))?;
        loop {
            let Batch { events, cursor: next } = self.source.receive(&cursor).await?;
            let verdicts = self.store(events).await;
            if next != cursor {
                self.move_cursor(&next)
                    .await
                    .map_err(|err| ChannelError::Unreachable(err.into()))?;
                cursor = next;
            }
            self.source.settle(&verdicts).await?;
        }
    }

    /// Returns after everybody concerned committed, with a verdict for each event.
    async fn store(&self, events: Vec<Event>) -> Vec<Verdict> {
        if events.is_empty() {
            return Vec::new();
        }
        loop {
            let (events, owner_only) = (events.clone(), self.owner_only);
            let count = events.len();
            let ask = |reply| RouterMessage::Route { events, owner_only, reply };
            match self.host.peers.router.call(ask).await {
                Some(verdicts) if verdicts.len() == count => return verdicts,
                // It died with the batch in hand. Storing an event again is harmless.
                _ => sleep(ROUTER_BACK).await,
            }
        }
    }

    async fn cursor(&self) -> Result<Cursor, StoreError> {
        let (channel, account) = (self.channel, self.account.clone());
        let read = self.host.central.read(move |it| it.cursor(channel, &account)).await;
        Ok(Cursor(read?.unwrap_or_default()))
    }

    async fn move_cursor(&self, to: &Cursor) -> Result<(), StoreError> {
        let (channel, account, value) = (self.channel, self.account.clone(), to.0.clone());
        let moved =
            self.host.central.write("a cursor", move |it| it.set_cursor(channel, &account, &value));
        moved.await.inspect_err(|err| warn!(why = chain(err), "the cursor was not stored"))
    }
}
