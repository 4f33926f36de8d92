//! A lasting handle of an actor that may be restarted: its supervisor puts each incarnation into it.
//!
//! A message that arrives in between is not kept: a cast is a hint anyway, and a call returns `None`, upon
//! which its caller tries again. So does one that is not answered in time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{ActorRef, Message, MessagingErr, RpcReplyPort};
use tokio::task::JoinHandle;

/// Time for an answer to travel, added to what the callee allows itself.
const TRAVEL: Duration = Duration::from_secs(5);

/// A timer that casts a message, unless it is dropped before.
#[derive(Debug)]
pub struct Timer<M>(pub JoinHandle<Result<(), MessagingErr<M>>>);

impl<M> Timer<M> {
    pub fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl<M> Drop for Timer<M> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
pub struct ActorHandle<M>(Arc<Mutex<Option<ActorRef<M>>>>);

impl<M: Message> ActorHandle<M> {
    pub fn fill(&self, actor: ActorRef<M>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }

    pub fn get(&self) -> Option<ActorRef<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a hint; nobody there is nobody told.
    pub fn cast(&self, message: M) {
        if let Some(actor) = self.get() {
            // Fails only when the actor has just ended; its successor looks when it starts.
            let _ = actor.cast(message);
        }
    }

    /// Asks a callee that allows itself `work` for the answer, and waits for it; `None` when nobody is
    /// there, it died before answering, or it took too long. It may still do what it was asked.
    pub async fn call_within<R: Send + 'static>(
        &self,
        work: Duration,
        ask: impl FnOnce(RpcReplyPort<R>) -> M + Send,
    ) -> Option<R> {
        let actor = self.get()?;
        let result = actor.call(ask, Some(work + TRAVEL)).await.ok()?;
        result.success_or(()).ok()
    }
}

/// A hint of which at most one is under way: what it says holds for all that came meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Hint(Arc<AtomicBool>);

impl Hint {
    /// Sends it with `send`, which says whether somebody will get it, unless one is under way.
    pub fn send(&self, send: impl FnOnce() -> bool) {
        if !self.0.swap(true, Ordering::SeqCst) && !send() {
            self.clear();
        }
    }

    /// The receiver calls this before it looks.
    pub fn clear(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl<M> Clone for ActorHandle<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Default for ActorHandle<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn one_hint_is_under_way_and_one_that_nobody_gets_is_forgotten() {
        let (hint, sent) = (Hint::default(), Cell::new(0));
        let send = |arrives: bool| {
            hint.send(|| {
                sent.set(sent.get() + 1);
                arrives
            });
        };
        for (arrives, total) in [(false, 1), (true, 2), (true, 2)] {
            send(arrives);
            assert_eq!(sent.get(), total);
        }
        hint.clear();
        send(true);
        assert_eq!(sent.get(), 3);
    }
}
