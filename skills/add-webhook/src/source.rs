//! The receiving half: takes over what the server was handed, and tells each sender what became of
//! it.

use std::io;

use async_trait::async_trait;
use channel::{Batch, ChannelError, Cursor, Event, Gap, Source, Verdict};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::serve::Asked;

/// Events taken in one batch, and so in one commit per session.
const BATCH_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct WebhookSource {
    /// One task, which ends when nothing can be accepted. It goes with this value, and so does the
    /// address.
    server: JoinSet<io::Error>,
    inbox: Receiver<Asked>,
    /// Who waits for each event of the last batch.
    unsettled: Vec<oneshot::Sender<Verdict>>,
    /// Not stated yet.
    gap: Option<Gap>,
}

impl WebhookSource {
    pub(crate) fn new(
        server: impl Future<Output = io::Error> + Send + 'static,
        inbox: Receiver<Asked>,
        gap: Gap,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(server);
        Self { server: tasks, inbox, unsettled: Vec::new(), gap: Some(gap) }
    }
}

#[async_trait]
impl Source for WebhookSource {
    /// Senders that nobody told anything of the last batch are told to come again.
    async fn receive(&mut self, _after: &Cursor) -> Result<Batch, ChannelError> {
        self.unsettled.clear();
        let mut next = tokio::select! {
            biased;
            Some(asked) = self.inbox.recv() => Some(asked),
            ended = self.server.join_next() => return Err(gone(ended)),
        };
        let mut events = Vec::new();
        while let Some((message, who)) = next {
            events.push(Event::Message(message));
            self.unsettled.push(who);
            next = if events.len() < BATCH_MAX { self.inbox.try_recv().ok() } else { None };
        }
        Ok(Batch { events, cursor: Cursor::default() })
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        for (who, verdict) in self.unsettled.drain(..).zip(verdicts) {
            // A sender that is gone sends it again under the same id.
            let _ = who.send(verdict.clone());
        }
        Ok(())
    }
}

fn gone(ended: Option<Result<io::Error, tokio::task::JoinError>>) -> ChannelError {
    ChannelError::Unreachable(match ended {
        Some(Ok(err)) => err.into(),
        Some(Err(err)) => err.into(),
        None => "nothing is listened to any more".into(),
    })
}
