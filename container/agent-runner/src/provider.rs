//! What turns messages into answers. A provider is one async function between two queues, chosen by
//! name; it knows nothing of claims, commits or notifications.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::MessageSeq;
use domain::agent::Provider as Name;
use domain::cost::Cost;
use domain::inbound::Inbound;
use tokio::sync::mpsc;

use crate::claude::Claude;
use crate::demo::Demo;
use crate::failure::ProviderFailure;
use crate::host_client::{HostClient, Kept};
use crate::{Config, Connect, RunnerError};

/// Claimed messages on their way to the provider. It closes when the provider should finish.
pub(crate) type Messages = mpsc::UnboundedReceiver<Vec<Inbound>>;

/// What the command to begin a new conversation is answered.
pub(crate) const NEW_CONVERSATION: &str = "I have put our conversation aside and begin a new one.";

/// What the provider reports, in order.
#[derive(Debug)]
pub(crate) enum Event {
    /// It is alive and working.
    Progress,
    /// Remember something right now, not only with the end of the turn.
    Keep(Vec<Kept>),
    /// A tool begins or ends.
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

/// The one end of a turn, whether it went well or not.
#[derive(Debug)]
pub(crate) struct TurnEnded {
    /// The messages that it answers, oldest first.
    pub(crate) covers: Vec<MessageSeq>,
    pub(crate) result: Result<String, ProviderFailure>,
    pub(crate) keep: Vec<Kept>,
    /// What it cost, where the provider says.
    pub(crate) cost: Option<Cost>,
}

#[async_trait]
pub(crate) trait Provider: fmt::Debug + Send {
    /// Works until `messages` is closed and what was handed over is finished. Messages that come
    /// during a turn may join it or wait; each is covered by exactly one [`TurnEnded`].
    ///
    /// # Errors
    /// Only what the program cannot go on with. What a model or its program does wrong is the
    /// result of a turn.
    async fn run(
        self: Box<Self>,
        messages: Messages,
        events: mpsc::Sender<Event>,
    ) -> Result<(), RunnerError>;
}

/// The registry.
pub(crate) fn by_name(
    config: &Config,
    host_client: &Arc<HostClient>,
    connect: &Arc<dyn Connect>,
) -> Box<dyn Provider> {
    match config.provider {
        Name::Demo => Box::new(Demo::new(config, Arc::clone(host_client))),
        Name::Claude => {
            Box::new(Claude::new(config.clone(), Arc::clone(host_client), Arc::clone(connect)))
        }
    }
}
