//! One conversation: owns its two mailboxes and the life of its container.
//!
//! Messages  [`SessionMessage`]: hints, after each of which it looks at what is true and acts.
//! Parent    [`crate::sessions::SessionSupervisor`], one-for-one.
//! Fails     when its rows or mailboxes are unusable; what an engine or platform refuses stays due.
//!
//! Invariants
//! - At most one sandbox call is under way; everything outside runs in a task of this actor.
//! - Nothing is kept in memory that a restart could not read back from disk or from the engine.
//! - Durations are measured by a clock that does not jump; instants on disk are compared by rules
//!   that survive one that does.

mod container;
mod fetching;
mod link;
mod runner_output;
mod showing;
mod state;
mod upkeep;
mod wakeups;

use std::sync::Arc;
use std::time::Duration;

use domain::message::Address;
use domain::plain::chain;
use engine::protocol::SessionStatus;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{SessionRow, StoreError};
use tokio::time::timeout;
use tracing::{instrument, warn};

use self::container::Report;
pub use self::fetching::FetchResult;
pub use self::state::SessionState;
use crate::peers::LiveHost;

/// How long a graceful stop waits for calls under way.
const FINISH_MAX: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub struct SessionActor;

#[derive(Debug)]
pub enum SessionMessage {
    /// From the parent. Something of the session has changed in the database; `from` is the chat of what
    /// came in, for what shows that work goes on.
    Woken {
        from: Option<Address>,
    },
    /// From the parent. The period is over: trust nothing, look at everything.
    Sweep,
    /// From the parent, and from itself as long as there is more: remove what is old.
    Prune,
    Status(RpcReplyPort<SessionStatus>),
    /// Compare what should be with what is. Carries no data, so losing one costs only time.
    Look,
    /// The container said something over the link; what, is in [`wakeups::Wakeups`]. At most one is
    /// in the mailbox.
    Wakeup,
    Fetched(Box<FetchResult>),
    RequestForwarded,
    Sandbox(Report),
}

#[derive(Clone, Debug)]
pub struct SessionArgs {
    pub row: SessionRow,
    pub host: Arc<LiveHost>,
}

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("its database is unusable")]
    Store(#[from] StoreError),
    #[error("its folders cannot be made")]
    Folders(#[from] std::io::Error),
    /// What the call was about is read back from disk and engine by the next incarnation.
    #[error("a call to the outside panicked")]
    Call(#[source] tokio::task::JoinError),
}

impl SessionError {
    /// Whether a restart cannot help until somebody acts.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Store(err) if err.is_permanent())
    }
}

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = SessionState;
    type Arguments = SessionArgs;

    /// No IO: an error here would not reach the parent's `handle_supervisor_evt`.
    async fn pre_start(
        &self,
        myself: ActorRef<SessionMessage>,
        args: SessionArgs,
    ) -> Result<SessionState, ActorProcessingErr> {
        myself.cast(SessionMessage::Look)?;
        Ok(SessionState::new(args, myself))
    }

    #[instrument(name = "session", skip_all, fields(id = %state.id()))]
    async fn handle(
        &self,
        _myself: ActorRef<SessionMessage>,
        message: SessionMessage,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        match state.take(message).await {
            // A full disk passes, and a commit that another write took along; it is tried again.
            Err(SessionError::Store(err)) if err.passes() => {
                warn!(why = chain(&err), "will try again");
                state.look_again_soon();
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Runs on a graceful stop only: lets calls under way end, so that no start is left half done.
    async fn post_stop(
        &self,
        _myself: ActorRef<SessionMessage>,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        let all = async { while state.calls.join_next().await.is_some() {} };
        // What does not end in time is found by the next incarnation.
        let _ = timeout(FINISH_MAX, all).await;
        Ok(())
    }
}
