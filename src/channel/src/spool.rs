//! Raw events that a platform wants acknowledged within seconds: committed once, acknowledged, then decoded
//! and accepted like those of a source that reads.
//!
//! Invariants
//! - A sender hears of success after the commit and not before.
//! - What was acknowledged is yielded again until the host has committed it with the cursor, which is
//!   the number of the last row that it took.
//! - What was put once is not taken again, also long after it was accepted.

pub mod testing;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
pub use domain::spool::{Put, Raw, SpoolRow};
use hyper::StatusCode;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::door::{DoorInbox, Pace, Reply, Request};
use crate::{Batch, Cause, ChannelError, Cursor, Event, Gap, Source, Verdict};

/// Events taken in one batch, and so in one commit per session.
const BATCH_MAX: usize = 64;
/// Commits that are waited for at a time; they share what they can.
const PUTS_MAX: usize = 32;
/// Events that one path of an account may bring at once, and the time in which one more is free again.
const BURST: u32 = 60;
const ONE_EVERY: Duration = Duration::from_secs(1);
/// When a sender comes again that found no room.
const COME_AGAIN: Duration = Duration::from_secs(60);

/// The spool of one account. Each call fails when the database does.
#[async_trait]
pub trait Spool: fmt::Debug + Send + Sync {
    /// Returns after the commit.
    async fn put(&self, raw: Raw) -> Result<Put, Cause>;

    /// What lies behind a number, the oldest first, at most `max`.
    async fn after(&self, number: i64, max: usize) -> Result<Vec<SpoolRow>, Cause>;

    /// Forgets what was accepted, up to a number and with it; not which events they were.
    async fn prune(&self, number: i64) -> Result<(), Cause>;

    /// How the people of a chat want its events told; `None` where they said nothing.
    async fn template(&self, _chat: &str) -> Result<Option<String>, Cause> {
        Ok(None)
    }
}

/// Makes events of what a sender brought.
#[async_trait]
pub trait Decode: fmt::Debug + Send + Sync + 'static {
    /// What to store of a verified request.
    ///
    /// # Errors
    /// With the answer to one that cannot be an event.
    fn raw(&self, request: &Request) -> Result<Raw, Reply>;

    /// The events in it. It was acknowledged, so what cannot be read is said in an event.
    async fn events(&self, row: SpoolRow) -> Vec<Event>;
}

/// The receiving half of an account whose sender comes through the door.
#[derive(Debug)]
pub struct Spooled<D> {
    /// Takes requests, also while the host is busy. It goes with this value.
    taking: JoinSet<ChannelError>,
    has_more: Arc<Notify>,
    spool: Arc<dyn Spool>,
    decode: Arc<D>,
    gap: Option<Gap>,
    pruned: i64,
}

impl<D: Decode> Spooled<D> {
    pub fn new(inbox: DoorInbox, spool: Arc<dyn Spool>, decode: D, gap: Gap) -> Self {
        let (mut taking, has_more) = (JoinSet::new(), Arc::new(Notify::new()));
        let decode = Arc::new(decode);
        taking.spawn(take(inbox, Arc::clone(&spool), Arc::clone(&decode), Arc::clone(&has_more)));
        Self { taking, has_more, spool, decode, gap: Some(gap), pruned: 0 }
    }
}

async fn take<D: Decode>(
    mut inbox: DoorInbox,
    spool: Arc<dyn Spool>,
    decode: Arc<D>,
    has_more: Arc<Notify>,
) -> ChannelError {
    let (mut puts, turns) = (JoinSet::new(), Arc::new(Semaphore::new(PUTS_MAX)));
    let pace = Arc::new(Pace::new(BURST, ONE_EVERY));
    loop {
        let request = match inbox.receive().await {
            Ok(request) => request,
            Err(err) => return err,
        };
        while puts.try_join_next().is_some() {}
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { continue };
        let (spool, decode) = (Arc::clone(&spool), Arc::clone(&decode));
        let (has_more, pace) = (Arc::clone(&has_more), Arc::clone(&pace));
        puts.spawn(async move {
            let reply = match decode.raw(&request) {
                // It costs no token: a reader of one request could send it again with other headers.
                Err(refused) => refused,
                Ok(raw) => match pace.count(request.path.clone()) {
                    Ok(()) => put(&*spool, raw, || pace.give_back(&request.path)).await,
                    Err(wait) => too_many(wait),
                },
            };
            if reply.status.is_success() {
                has_more.notify_one();
            }
            let _ = request.reply.send(reply);
            drop(turn);
        });
    }
}

fn too_many(wait: Duration) -> Reply {
    let seconds = wait.as_secs().max(1);
    let why = format!("too many events come here; send it again in {seconds} s");
    Reply { wait: Some(wait), ..Reply::line(StatusCode::TOO_MANY_REQUESTS, why) }
}

/// `known` is called for what somebody sends again, who keeps no new event out by that.
async fn put(spool: &dyn Spool, raw: Raw, known: impl FnOnce()) -> Reply {
    let stored = spool.put(raw).await;
    if matches!(stored, Ok(Put::Known { .. })) {
        known();
    }
    match stored {
        Ok(Put::Stored | Put::Known { is_same: true }) => {
            Reply::line(StatusCode::ACCEPTED, "taken")
        }
        Ok(Put::Known { is_same: false }) => {
            let why = "this was taken before as another event; a sender that repeats itself puts a time \
                       or number into the body";
            Reply::line(StatusCode::CONFLICT, why)
        }
        Ok(Put::Full) => Reply::later("too much waits here; send it again later", COME_AGAIN),
        Err(err) => {
            error!(why = %err, "a webhook was not stored");
            Reply::later("it could not be stored; send it again later", COME_AGAIN)
        }
    }
}

#[async_trait]
impl<D: Decode> Source for Spooled<D> {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        // Another spool has other numbers: everything in it is read.
        let number = after.0.parse().unwrap_or_default();
        if self.pruned < number {
            self.spool.prune(number).await.map_err(ChannelError::Unreachable)?;
            self.pruned = number;
        }
        loop {
            let rows = self.spool.after(number, BATCH_MAX).await;
            let rows = rows.map_err(ChannelError::Unreachable)?;
            if let Some(last) = rows.last() {
                let cursor = Cursor(last.number.to_string());
                let mut events = Vec::new();
                for row in rows {
                    events.extend(self.decode.events(row).await);
                }
                return Ok(Batch { events, cursor });
            }
            tokio::select! {
                () = self.has_more.notified() => {}
                ended = self.taking.join_next() => return Err(gone(ended)),
            }
        }
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    /// The sender was told already, and is gone.
    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        for verdict in verdicts {
            if let Verdict::Refused(why) = verdict {
                warn!(why, "an event that was acknowledged is not taken");
            }
        }
        Ok(())
    }
}

fn gone(ended: Option<Result<ChannelError, tokio::task::JoinError>>) -> ChannelError {
    match ended {
        Some(Ok(err)) => err,
        Some(Err(err)) => ChannelError::Unreachable(err.into()),
        None => ChannelError::Unreachable("nothing is taken any more".into()),
    }
}

#[cfg(test)]
mod tests;
