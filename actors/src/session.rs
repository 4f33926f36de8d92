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
mod seen;
mod showing;
mod state;
mod upkeep;
mod wakeups;

use std::sync::Arc;

use domain::message::Address;
use domain::plain::chain;
use engine::protocol::SessionStatus;
use ractor::{ActorRef, RpcReplyPort};
use store::{SessionRow, StoreError};
use tracing::{instrument, warn};

use self::container::Report;
pub use self::fetching::FetchResult;
pub use self::state::SessionActor;
use crate::actor::{Behavior, Done, finish};
use crate::peers::LiveHost;

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

type Result<T = (), E = SessionError> = std::result::Result<T, E>;

impl SessionError {
    /// Whether a restart cannot help until somebody acts.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Store(err) if err.is_permanent())
    }
}

impl Behavior for SessionActor {
    type Msg = SessionMessage;
    type Args = SessionArgs;

    async fn start(args: SessionArgs, myself: ActorRef<SessionMessage>) -> Done<Self> {
        myself.cast(SessionMessage::Look)?;
        Ok(Self::new(args, myself))
    }

    #[instrument(name = "session", skip_all, fields(id = %self.id()))]
    async fn handle(&mut self, message: SessionMessage) -> Done {
        match self.take(message).await {
            // A full disk passes, and a commit that another write took along; it is tried again.
            Err(SessionError::Store(err)) if err.passes() => {
                warn!(why = chain(&err), "will try again");
                self.look_again_soon();
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Lets calls under way end, so that no start is left half done.
    async fn stop(&mut self) {
        finish(&mut self.calls).await;
    }
}
