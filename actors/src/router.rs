//! Finds out whom an event is for and stores it there.
//!
//! Messages  [`RouterMessage`]; `Route` is answered after the commit.
//! Parent    [`crate::tree::RootSupervisor`].
//! Holds     nothing: each batch is routed in a task of its own by what the database says.
//!
//! Invariants
//! - The router never waits for a session, a container or a platform before it answers.
//! - Plain messages of a batch are stored for all sessions in one commit, with the cursor behind it;
//!   anything else is done alone, in its place, and the cursor moves with the last.
//! - A message that nobody may read is stored nowhere.

mod admission_snapshot;
mod admit;
mod orders;
mod personal;
mod plain;
mod refusals;
pub(crate) mod storing;
mod tasks;

use std::collections::VecDeque;
use std::sync::Arc;

use channel::{Event, Verdict};
use domain::message::Click;
use domain::plain::chain;
use domain::question::parse_data;
use domain::texts;
use futures_util::future::join_all;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{CentralStore, SessionRow, StoreError};
use tokio::task::JoinSet;
use tracing::{error, instrument, warn};

use self::admit::{Routing, admit};
pub use self::storing::SessionCommand;
use crate::approvals;
use crate::host::Host;
use crate::stopping;
use crate::stops::StopGuard;

/// How far an account was read.
#[derive(Clone, Debug)]
pub struct Position {
    pub channel: &'static str,
    pub account: String,
    pub value: String,
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct Routed {
    /// One for each event.
    pub verdicts: Vec<Verdict>,
    /// The cursor was moved with the commit that stored them.
    pub is_moved: bool,
    /// Nothing could be stored for now: the same events have to come again.
    pub has_failed: bool,
}

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
        while let Some(joined) = state.batches.try_join_next() {
            if let Err(err) = joined {
                error!(why = chain(&err), "a batch ended in a panic");
            }
        }
        let host = Arc::clone(&state.host);
        let RouterMessage::Route { events, owner_only, cursor, reply } = message;
        state.batches.spawn(async move {
            let (routed, ended) = route_batch(&host, events, owner_only, cursor).await;
            // Nobody waits any more when the channel was restarted; it asks again.
            let _ = reply.send(routed);
            // The rows say that these turns are over; what runs of them is killed after that, and no
            // message waits for the engine.
            join_all(ended.iter().map(|it| stopping::kill(&host, it))).await;
        });
        Ok(())
    }
}

/// Returns what the batch came to, and the sessions whose turn it ended.
#[instrument(skip_all, fields(count = events.len()))]
async fn route_batch(
    host: &Host,
    events: Vec<Event>,
    owner_only: bool,
    cursor: Option<Position>,
) -> (Routed, Vec<SessionRow>) {
    let count = events.len();
    let mut left = VecDeque::from(events);
    let mut routed =
        Routed { verdicts: Vec::with_capacity(count), is_moved: false, has_failed: false };
    let (mut ended, mut is_short) = (Vec::new(), true);
    while !routed.has_failed && !left.is_empty() {
        let stored = match is_short {
            true => plain::store(host, &mut left, owner_only, cursor.clone()).await,
            false => None,
        };
        is_short = stored.is_some();
        let stored = stored.unwrap_or_default();
        routed.is_moved = !stored.is_empty() && left.is_empty() && cursor.is_some();
        routed.verdicts.extend(stored);
        // It may act at once, for what came before it: that is stored.
        if let Some(event) = left.pop_front() {
            let cursor = cursor.clone().filter(|_| left.is_empty());
            ended.extend(route_one(host, event, owner_only, cursor, &mut routed).await);
        }
    }
    // What follows a failure comes again with it, so that the order holds.
    let again = || Verdict::Refused(texts::access::OUT_OF_ORDER.to_owned());
    routed.verdicts.resize_with(count, again);
    (routed, ended)
}

/// One event for which more has to be done than to store it. Returns the sessions whose turn it ended.
async fn route_one(
    host: &Host,
    event: Event,
    owner_only: bool,
    cursor: Option<Position>,
    routed: &mut Routed,
) -> Vec<SessionRow> {
    let routing = match decide(host, event, owner_only).await {
        Ok(routing) => routing,
        Err(err) => {
            warn!(why = chain(&err), "could not route an event");
            routed.has_failed |= err.passes();
            Routing::Done(Verdict::Refused(texts::access::unstored(&err.to_string())))
        }
    };
    let stops = routing.targets().iter().filter(|it| matches!(it.1, SessionCommand::Stop(_)));
    let ended: Vec<SessionRow> = stops.map(|it| it.0.clone()).collect();
    let guards: Vec<_> = ended.iter().map(|row| StopGuard::new(host, row)).collect();
    // What was stored before a failure is stored once, however often it comes.
    let cursor = cursor.filter(|_| !routed.has_failed);
    let has_cursor = cursor.is_some();
    let stored = storing::store(host, routing.targets().to_vec(), cursor).await;
    drop(guards);
    routed.is_moved = has_cursor && stored.is_ok();
    let verdict = match stored {
        Ok(is_refused) => routing.verdict(is_refused),
        Err(err) => {
            warn!(why = chain(&err), "an event could not be stored");
            routed.has_failed |= err.passes();
            refusals::unstored(host, &routing, &err.to_string()).await
        }
    };
    routed.verdicts.push(verdict);
    ended
}

async fn decide(host: &Host, event: Event, owner_only: bool) -> Result<Routing, StoreError> {
    match event {
        Event::Message(message) => admit(host, message, owner_only).await,
        Event::Click(Click { from: chat, sender: by, data, .. }) => {
            let Some((id, index)) = parse_data(&data) else {
                return Ok(Routing::Done(Verdict::Ignored));
            };
            let answer = approvals::Answer { id, index, chat, by, with: None };
            let taken = approvals::answer(host, answer).await?;
            Ok(Routing::Done(if taken { Verdict::Stored } else { Verdict::Ignored }))
        }
        Event::Moved { from, to } => {
            let moved = move |central: &mut CentralStore| central.move_chat(&from, &to);
            host.central.write("a moved chat", moved).await?;
            Ok(Routing::Done(Verdict::Stored))
        }
        Event::Reachable(chat) => {
            // What waits for the chat is tried at once. A hint: it is tried at its time anyway. Who writes
            // next is answered by the router.
            let reachable = move |it: &mut CentralStore| it.parts_reachable(&chat);
            if let Err(err) = host.central.write("a reachable chat", reachable).await {
                warn!(why = chain(&err), "a chat was not noted as reachable");
            }
            Ok(Routing::Done(Verdict::Stored))
        }
    }
}
