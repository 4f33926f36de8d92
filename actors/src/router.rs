//! Routes batches of events; see [`engine::router`].
//!
//! Messages  [`RouterMessage`]; `Route` is answered after the commit.
//! Parent    [`crate::tree::RootSupervisor`].
//! Holds     nothing: each batch is routed in a task of its own by what the database says.

use std::sync::Arc;

use channel::Event;
use domain::plain::chain;
use engine::router::{Position, Routed, route};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::task::JoinSet;
use tracing::error;

use crate::peers::LiveHost;

#[derive(Debug)]
pub struct RouterActor;

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
pub struct RouterState {
    host: Arc<LiveHost>,
    batches: JoinSet<()>,
}

impl Actor for RouterActor {
    type Msg = RouterMessage;
    type State = RouterState;
    type Arguments = Arc<LiveHost>;

    async fn pre_start(
        &self,
        _myself: ActorRef<RouterMessage>,
        host: Arc<LiveHost>,
    ) -> Result<RouterState, ActorProcessingErr> {
        Ok(RouterState { host, batches: JoinSet::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<RouterMessage>,
        message: RouterMessage,
        state: &mut RouterState,
    ) -> Result<(), ActorProcessingErr> {
        while let Some(joined) = state.batches.try_join_next() {
            if let Err(err) = joined {
                error!(why = chain(&err), "a batch ended in a panic");
            }
        }
        let host = Arc::clone(&state.host);
        let RouterMessage::Route { events, owner_only, cursor, reply } = message;
        state.batches.spawn(async move {
            // Nobody waits any more when the channel was restarted; it asks again.
            let answer = |routed| drop(reply.send(routed));
            route(&host.host, events, owner_only, cursor, answer).await;
        });
        Ok(())
    }
}
