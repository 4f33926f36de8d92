//! A response body whose pieces come when the script says so.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::State;
use super::script::Pace;

/// Owns the task that produces it, so that both end together.
#[derive(Debug)]
pub(super) struct PacedBody {
    pieces: mpsc::Receiver<Bytes>,
    unfinished: Option<Unfinished>,
    _producer: JoinSet<()>,
}

/// Counts an answer as abandoned unless it was finished.
#[derive(Debug)]
pub(super) struct Unfinished(Option<Arc<State>>);

impl Unfinished {
    pub(super) fn new(state: &Arc<State>) -> Self {
        Self(Some(Arc::clone(state)))
    }

    pub(super) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(state) = self.0.take() {
            state.abandon();
        }
    }
}

impl PacedBody {
    pub(super) fn new(pieces: Vec<Bytes>, pace: Pace, unfinished: Unfinished) -> Self {
        // One piece in flight: the next is not made before the connection took the last.
        let (sender, receiver) = mpsc::channel(1);
        let mut producer = JoinSet::new();
        producer.spawn(produce(pieces, pace, sender));
        Self { pieces: receiver, unfinished: Some(unfinished), _producer: producer }
    }
}

async fn produce(pieces: Vec<Bytes>, mut pace: Pace, sender: mpsc::Sender<Bytes>) {
    for (number, piece) in pieces.into_iter().enumerate() {
        match &mut pace {
            Pace::AtOnce => {}
            Pace::Every(wait) => tokio::time::sleep(*wait).await,
            Pace::Held(gate) if number > 0 => gate.opened().await,
            Pace::Held(_) => {}
        }
        if sender.send(piece).await.is_err() {
            return;
        }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = std::task::ready!(self.pieces.poll_recv(cx));
        if piece.is_none()
            && let Some(unfinished) = self.unfinished.take()
        {
            unfinished.finish();
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}
