//! A lasting address of an actor that may be restarted.
//!
//! The supervisor of an actor puts each new incarnation into its slot; siblings hold the slot, not
//! the incarnation, and so do not notice a restart. A message that arrives in between is not kept:
//! a cast is a hint anyway, and a call returns `None`, upon which its caller tries again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ractor::{ActorRef, Message, RpcReplyPort};

/// A timer that casts a message.
pub type Timer<M> = tokio::task::JoinHandle<Result<(), ractor::MessagingErr<M>>>;

/// See the module.
pub struct Slot<M>(Arc<Mutex<Option<ActorRef<M>>>>);

impl<M: Message> Slot<M> {
    /// The incarnation that answers from now on.
    pub fn fill(&self, actor: ActorRef<M>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }

    #[must_use]
    pub fn get(&self) -> Option<ActorRef<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a hint; nobody there is nobody told.
    pub fn cast(&self, message: M) {
        if let Some(actor) = self.get() {
            // Fails only when the actor has just ended, and then its successor looks by itself.
            let _ = actor.cast(message);
        }
    }

    /// Asks and waits for the answer; `None` when nobody is there or it died before answering.
    pub async fn call<R: Send + 'static>(
        &self,
        ask: impl FnOnce(RpcReplyPort<R>) -> M + Send,
    ) -> Option<R> {
        let actor = self.get()?;
        match actor.call(ask, None).await {
            Ok(ractor::rpc::CallResult::Success(answer)) => Some(answer),
            _ => None,
        }
    }
}

impl<M> Clone for Slot<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Default for Slot<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<M> fmt::Debug for Slot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
