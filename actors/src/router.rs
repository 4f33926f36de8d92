//! Routes batches of events; see [`engine::router`].
//!
//! Messages  [`RouterMessage`]; `Route` is answered after the commit.
//! Parent    [`crate::tree::RootSupervisor`].
//! Holds     nothing: each batch is routed in a task of its own by what the database says.

use std::sync::Arc;

use channel::Event;
use domain::plain::chain;
use engine::router::{Position, Routed, route};
use ractor::{ActorRef, RpcReplyPort};
use tokio::task::JoinSet;
use tracing::error;

use crate::actor::{Behavior, Done};
use crate::peers::LiveHost;

#[derive(Debug)]
pub enum RouterMessage {
    /// Events of one account in their order, and its cursor behind them.
    Route {
        events: Vec<Event>,
        owner_only: bool,
        cursor: Option<Position>,
        reply: RpcReplyPort<Routed>,
    },
}

#[derive(Debug)]
pub struct RouterActor {
    host: Arc<LiveHost>,
    batches: JoinSet<()>,
}

impl Behavior for RouterActor {
    type Msg = RouterMessage;
    type Args = Arc<LiveHost>;

    async fn start(host: Arc<LiveHost>, _myself: ActorRef<RouterMessage>) -> Done<Self> {
        Ok(Self { host, batches: JoinSet::new() })
    }

    async fn handle(&mut self, message: RouterMessage) -> Done {
        while let Some(joined) = self.batches.try_join_next() {
            if let Err(err) = joined {
                error!(why = chain(&err), "a batch ended in a panic");
            }
        }
        let host = Arc::clone(&self.host);
        let RouterMessage::Route { events, owner_only, cursor, reply } = message;
        self.batches.spawn(async move {
            // Nobody waits any more when the channel was restarted; it asks again.
            let answer = |routed| drop(reply.send(routed));
            route(&host.host, events, owner_only, cursor, answer).await;
        });
        Ok(())
    }
}
