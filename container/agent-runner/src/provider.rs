//! What turns messages into answers reports: a provider is one async function between two queues. It
//! works until the first is closed and what was handed over is finished, and knows nothing of claims,
//! commits or notifications. What a model or its program does wrong is the result of a turn; an error
//! is only what this program cannot go on with.

use std::time::Duration;

use domain::MessageSeq;
use domain::cost::Cost;
use domain::inbound::Inbound;
use tokio::sync::mpsc;

use crate::failure::ProviderFailure;
use crate::host_client::Kept;

/// Claimed messages on their way to the provider. It closes when the provider should finish.
pub(crate) type Messages = mpsc::UnboundedReceiver<Vec<Inbound>>;

pub(crate) const NEW_CONVERSATION: &str = "I have put our conversation aside and begin a new one.";

/// What the provider reports, in order.
#[derive(Debug)]
pub(crate) enum Event {
    /// Remember something right now, not only with the end of the turn.
    Keep(Vec<Kept>),
    Tool(ToolNews),
    /// A text that answers no message at hand: a background task has ended.
    Unsolicited {
        /// The message that began it, where that is known.
        to: Option<MessageSeq>,
        text: String,
    },
    TurnEnded(TurnEnded),
}

/// What a tool does, by the provider's name of the call; never what it is given or gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolNews {
    Started {
        call: String,
        name: String,
        /// How long it may take, as its caller declared; zero when it did not.
        max: Duration,
    },
    Ended {
        call: String,
        ok: bool,
    },
}

/// The one end of a turn, whether it went well or not. Messages that come during a turn may join it or
/// wait; each is covered by exactly one.
#[derive(Debug)]
pub(crate) struct TurnEnded {
    /// The messages that it answers, oldest first.
    pub(crate) covers: Vec<MessageSeq>,
    pub(crate) result: Result<String, ProviderFailure>,
    pub(crate) keep: Vec<Kept>,
    pub(crate) cost: Option<Cost>,
}
