//! What all actors of the tree have in common: their state is what is started, told and stopped; how they are
//! found across restarts; hints and timers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, Message, MessagingErr, RpcReplyPort,
    SpawnErr, SupervisionEvent,
};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Delay after a passing failure.
pub(crate) const SOON: Duration = Duration::from_secs(1);
/// Time for an answer to travel, added to what the callee allows itself.
const TRAVEL: Duration = Duration::from_secs(5);
/// How long a graceful stop waits for calls under way. Shorter than the tree waits for a stop.
const FINISH_MAX: Duration = Duration::from_secs(8);

pub type Done<T = ()> = Result<T, ActorProcessingErr>;
/// How a child ended: on its own or stopped, with the reason if there is one, or by a failure.
pub type End = Done<Option<String>>;

/// The state of an actor, and what it does.
pub trait Behavior: Sized + Send + 'static {
    type Msg: Message;
    type Args: Send + 'static;

    /// No IO in a child that is to be started again: an error here does not reach the
    /// [`Self::child_ended`] of its parent.
    fn start(
        args: Self::Args,
        myself: ActorRef<Self::Msg>,
    ) -> impl Future<Output = Done<Self>> + Send;

    fn handle(&mut self, message: Self::Msg) -> impl Future<Output = Done> + Send;

    /// One-for-one: nothing that a child does ends its parent, unless this fails.
    fn child_ended(&mut self, _child: ActorId, _end: End) -> impl Future<Output = Done> + Send {
        async { Ok(()) }
    }

    /// Runs on a graceful stop only.
    fn stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// The actor that has this state.
pub struct Of<T>(PhantomData<fn() -> T>);

/// Starts an actor below another. Unnamed, because names are process-global and tests run in one
/// process.
pub async fn spawn_below<T: Behavior>(
    args: T::Args,
    parent: ActorCell,
) -> Result<ActorRef<T::Msg>, SpawnErr> {
    Ok(Actor::spawn_linked(None, Of::<T>::default(), args, parent).await?.0)
}

impl<T: Behavior> Actor for Of<T> {
    type Msg = T::Msg;
    type State = T;
    type Arguments = T::Args;

    async fn pre_start(&self, myself: ActorRef<T::Msg>, args: T::Args) -> Done<T> {
        T::start(args, myself).await
    }

    async fn handle(&self, _myself: ActorRef<T::Msg>, message: T::Msg, state: &mut T) -> Done {
        state.handle(message).await
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<T::Msg>,
        event: SupervisionEvent,
        state: &mut T,
    ) -> Done {
        match event {
            SupervisionEvent::ActorFailed(cell, err) => {
                state.child_ended(cell.get_id(), Err(err)).await
            }
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                state.child_ended(cell.get_id(), Ok(reason)).await
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => Ok(()),
        }
    }

    async fn post_stop(&self, _myself: ActorRef<T::Msg>, state: &mut T) -> Done {
        state.stop().await;
        Ok(())
    }
}

impl<T> Default for Of<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Of<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<T>())
    }
}

/// Lets calls under way end that do so in time; what does not is found by the next incarnation.
pub(crate) async fn finish(calls: &mut JoinSet<()>) {
    let all = async { while calls.join_next().await.is_some() {} };
    let _ = timeout(FINISH_MAX, all).await;
}

/// A timer that casts a message, unless it is dropped before.
#[derive(Debug)]
pub struct Timer<M>(pub JoinHandle<Result<(), MessagingErr<M>>>);

impl<M> Drop for Timer<M> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A lasting handle of an actor that may be restarted: its supervisor puts each incarnation into it.
///
/// A message that arrives in between is not kept: a cast is a hint anyway, and a call returns `None`, upon
/// which its caller tries again. So does one that is not answered in time.
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
