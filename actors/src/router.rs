//! Finds out whom a message is for and has it stored there.
//!
//! Messages  [`RouterMessage`]; `Route` is answered after every engaged session committed.
//! Parent    [`crate::tree::RootSupervisor`].
//! Holds     nothing: each batch is routed in a task of its own by what the database says.
//!
//! Invariants
//! - The router never waits inside its handler, so a slow session delays only its own sender.
//! - One session that fails does not stop the others.

use std::sync::Arc;
use std::time::Duration;

use domain::message::{Address, Incoming};
use domain::routing::{Route, RouteView, route};
use domain::{AgentName, SessionId};
use futures_util::future::join_all;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{CentralStore, SessionRow, StoreError};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{instrument, warn};

use crate::host::Host;
use crate::sessions::SessionsMessage;
use channel::Verdict;

/// A session that failed is back, or parked, within this many times this long.
const TRIES_MAX: usize = 20;
const TRY_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct RouterActor;

#[derive(Debug)]
pub enum RouterMessage {
    /// Messages of one account in their order. The answer has a verdict for each.
    Route { messages: Vec<Incoming>, owner_only: bool, reply: RpcReplyPort<Vec<Verdict>> },
    /// A chat can be reached again.
    Reachable(Address),
}

#[derive(Debug)]
pub struct RouterState {
    host: Arc<Host>,
    batches: JoinSet<()>,
}

impl Actor for RouterActor {
    type Msg = RouterMessage;
    type State = RouterState;
    type Arguments = Arc<Host>;

    async fn pre_start(
        &self,
        _myself: ActorRef<RouterMessage>,
        host: Arc<Host>,
    ) -> Result<RouterState, ActorProcessingErr> {
        Ok(RouterState { host, batches: JoinSet::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<RouterMessage>,
        message: RouterMessage,
        state: &mut RouterState,
    ) -> Result<(), ActorProcessingErr> {
        while state.batches.try_join_next().is_some() {}
        let host = Arc::clone(&state.host);
        match message {
            RouterMessage::Route { messages, owner_only, reply } => {
                state.batches.spawn(async move {
                    let verdicts = route_batch(&host, messages, owner_only).await;
                    // Nobody waits any more when the channel was restarted; it asks again.
                    let _ = reply.send(verdicts);
                });
            }
            RouterMessage::Reachable(chat) => {
                state.batches.spawn(async move { reachable(&host, chat).await });
            }
        }
        Ok(())
    }
}

/// Where one message goes.
type Target = Result<Vec<SessionRow>, String>;

#[instrument(skip_all, fields(count = messages.len()))]
async fn route_batch(host: &Host, messages: Vec<Incoming>, owner_only: bool) -> Vec<Verdict> {
    let mut targets = Vec::with_capacity(messages.len());
    for message in &messages {
        targets.push(match target(host, message, owner_only).await {
            Ok(target) => target,
            Err(err) => {
                warn!(error = &err as &dyn std::error::Error, "could not route a message");
                Err(format!("it could not be stored: {err}"))
            }
        });
    }
    let mut verdicts: Vec<Verdict> = targets
        .iter()
        .map(|it| it.as_ref().map_or_else(|why| Verdict::Refused(why.clone()), |_| Verdict::Stored))
        .collect();
    let stored = join_all(by_session(&targets).into_iter().map(|(row, indexes)| {
        let batch = indexes.iter().map(|&index| messages[index].clone()).collect();
        async move { (indexes, store(host, row, batch).await) }
    }))
    .await;
    for (indexes, result) in stored {
        if let Err(why) = result {
            indexes.into_iter().for_each(|index| verdicts[index] = Verdict::Refused(why.clone()));
        }
    }
    verdicts
}

/// Groups the messages by session; within a session they keep their order.
fn by_session(targets: &[Target]) -> Vec<(SessionRow, Vec<usize>)> {
    let mut groups: Vec<(SessionRow, Vec<usize>)> = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        for row in target.iter().flatten() {
            match groups.iter_mut().find(|it| it.0.id == row.id) {
                Some(group) => group.1.push(index),
                None => groups.push((row.clone(), vec![index])),
            }
        }
    }
    groups
}

/// Asks again when the session fails with the messages in hand: its successor takes them, or the
/// supervisor says why there is none. Storing a message twice is harmless.
async fn store(host: &Host, row: SessionRow, messages: Vec<Incoming>) -> Result<(), String> {
    for _ in 0..TRIES_MAX {
        let (row, messages) = (row.clone(), messages.clone());
        let ask = |reply| SessionsMessage::Inbound { row, messages, reply };
        match host.peers.sessions.call(ask).await {
            Some(answer) => return answer,
            None => sleep(TRY_AGAIN).await,
        }
    }
    Err("the session keeps failing; send it again later".into())
}

async fn target(host: &Host, message: &Incoming, owner_only: bool) -> Result<Target, StoreError> {
    let (from, asked) = (message.from.clone(), message.to_agent.clone());
    let found =
        host.central.read(move |central| look_up(central, &from, asked, owner_only)).await?;
    let (wire, agents) = match found {
        Found::Refused(why) => return Ok(Err(why)),
        Found::Sessions(rows) => return Ok(Ok(rows)),
        Found::Missing { wire, agents } => (wire, agents),
    };
    let (chat, now) = (message.from.clone(), host.clock.now());
    host.central
        .write("a session", move |central| {
            let mut rows = Vec::new();
            for agent in agents {
                if wire {
                    central.wire(&chat, &agent, now)?;
                }
                let id = central.create_session(&chat, &agent, now)?;
                rows.push(row(id, agent, &chat));
            }
            Ok(Ok(rows))
        })
        .await
}

enum Found {
    Refused(String),
    Sessions(Vec<SessionRow>),
    /// At least one session has to be made first, and the chat wired where it is new.
    Missing {
        wire: bool,
        agents: Vec<AgentName>,
    },
}

fn look_up(
    central: &mut CentralStore,
    chat: &Address,
    asked: Option<String>,
    owner_only: bool,
) -> Result<Found, StoreError> {
    let wired = central.wired(chat)?;
    let agents: Vec<AgentName> = central.agents()?.into_iter().map(|it| it.name).collect();
    let view = RouteView { asked: asked.as_deref(), wired: &wired, agents: &agents, owner_only };
    let engaged = match route(&view) {
        Route::Refuse(why) => return Ok(Found::Refused(why)),
        Route::Wire(agent) => return Ok(Found::Missing { wire: true, agents: vec![agent] }),
        Route::Engage(agents) => agents,
    };
    let mut rows = Vec::new();
    for agent in &engaged {
        let Some(id) = central.find_session(chat, agent)? else {
            return Ok(Found::Missing { wire: false, agents: engaged });
        };
        rows.push(row(id, agent.clone(), chat));
    }
    Ok(Found::Sessions(rows))
}

fn row(id: SessionId, agent: AgentName, chat: &Address) -> SessionRow {
    SessionRow { id, agent, chat: Address { thread: None, ..chat.clone() } }
}

async fn reachable(host: &Host, chat: Address) {
    let of = chat.clone();
    let rows = host
        .central
        .read(move |central| {
            let mut rows = Vec::new();
            for agent in central.wired(&of)? {
                if let Some(id) = central.find_session(&of, &agent)? {
                    rows.push(row(id, agent, &of));
                }
            }
            Ok(rows)
        })
        .await;
    match rows {
        Ok(rows) => {
            for row in rows {
                host.peers.sessions.cast(SessionsMessage::Reachable { row });
            }
        }
        Err(err) => {
            warn!(error = &err as &dyn std::error::Error, "a chat may wait a little longer")
        }
    }
}
