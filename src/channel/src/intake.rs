//! The receiving half where senders come to the host: a queue of what they bring, each with somebody who waits to
//! hear what became of it. The cursor stays empty: what a sender was not told to be stored, it sends again.

use std::{fmt, io};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use crate::{Batch, ChannelError, Cursor, Event, Gap, Source, Verdict};

/// Events taken in one batch, and so in one commit per session.
const BATCH_MAX: usize = 64;

#[async_trait]
pub trait Waiter: fmt::Debug + Send + Sync + 'static {
    async fn tell(self, verdict: &Verdict);
}

#[async_trait]
impl Waiter for oneshot::Sender<Verdict> {
    /// A sender that is gone comes again.
    async fn tell(self, verdict: &Verdict) {
        let _ = self.send(verdict.clone());
    }
}

#[derive(Debug)]
pub struct Intake<W> {
    /// One task, which ends when nothing can be accepted. It goes with this value, and so does what
    /// it listens on.
    server: JoinSet<io::Error>,
    inbox: mpsc::Receiver<(Event, W)>,
    /// Who waits for each event of the last batch.
    unsettled: Vec<W>,
    /// Not stated yet.
    gap: Option<Gap>,
}

impl<W> Intake<W> {
    pub fn new(
        server: impl Future<Output = io::Error> + Send + 'static,
        inbox: mpsc::Receiver<(Event, W)>,
        gap: Gap,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(server);
        Self { server: tasks, inbox, unsettled: Vec::new(), gap: Some(gap) }
    }
}

#[async_trait]
impl<W: Waiter> Source for Intake<W> {
    /// Senders that nobody told anything of the last batch come again.
    async fn receive(&mut self, _after: &Cursor) -> Result<Batch, ChannelError> {
        self.unsettled.clear();
        let mut asked = Vec::new();
        tokio::select! {
            biased;
            Some(first) = self.inbox.recv() => asked.push(first),
            ended = self.server.join_next() => return Err(gone(ended)),
        }
        while asked.len() < BATCH_MAX
            && let Ok(next) = self.inbox.try_recv()
        {
            asked.push(next);
        }
        let (events, unsettled) = asked.into_iter().unzip();
        self.unsettled = unsettled;
        Ok(Batch { events, cursor: Cursor::default() })
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        for (waiter, verdict) in self.unsettled.drain(..).zip(verdicts) {
            waiter.tell(verdict).await;
        }
        Ok(())
    }
}

fn gone(ended: Option<Result<io::Error, JoinError>>) -> ChannelError {
    ChannelError::Unreachable(match ended {
        Some(Ok(err)) => err.into(),
        Some(Err(err)) => err.into(),
        None => "nothing is listened to any more".into(),
    })
}
