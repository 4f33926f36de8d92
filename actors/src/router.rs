//! Finds out whom an event is for and stores it there.
//!
//! Messages  [`RouterMessage`]; `Route` is answered after the commit.
//! Parent    [`crate::tree::RootSupervisor`].
//! Holds     nothing: each batch is routed in a task of its own by what the database says.
//!
//! Invariants
//! - The router never waits for a session, a container or a platform before it answers.
//! - A batch is stored for all sessions in one commit, with the cursor behind it.
//! - A message that nobody may read is stored nowhere.

mod admit;
mod knowledge;
mod orders;
mod personal;
mod plain;
mod refusals;
pub(crate) mod storing;
mod tasks;

use std::sync::Arc;

use channel::{Event, Verdict};
use domain::message::{Address, Click};
use domain::question::parse_data;
use futures_util::future::join_all;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{CentralStore, SessionRow, StoreError};
use tokio::task::JoinSet;
use tracing::{error, instrument, warn};

use self::admit::{Fate, admit};
pub use self::storing::Taken;
use crate::host::Host;
use crate::reception;
use crate::sessions::child::chain;
use crate::stopping;
use crate::stops::Hold;

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
                error!(error = &err as &dyn std::error::Error, "a batch ended in a panic");
            }
        }
        let host = Arc::clone(&state.host);
        match message {
            RouterMessage::Route { events, owner_only, cursor, reply } => {
                state.batches.spawn(async move {
                    let Batch { routed, ended } =
                        route_batch(&host, events, owner_only, cursor).await;
                    // Nobody waits any more when the channel was restarted; it asks again.
                    let _ = reply.send(routed);
                    // The rows say that these turns are over; what runs of them is killed after that,
                    // and no message waits for the engine.
                    let kill = |row| {
                        let host = Arc::clone(&host);
                        async move { stopping::kill(&host, &row).await }
                    };
                    join_all(ended.into_iter().map(kill)).await;
                });
            }
        }
        Ok(())
    }
}

/// What a batch came to, and the sessions whose turn it ended.
struct Batch {
    routed: Routed,
    ended: Vec<SessionRow>,
}

/// Whether what an event asks for may be done while it is routed: it counts for what came before it, so
/// that is stored first.
fn acts_at_once(event: &Event) -> bool {
    match event {
        Event::Moved { .. } => true,
        Event::Message(message) => message.text.trim_start().starts_with('/'),
        Event::Click(_) | Event::Reachable(_) => false,
    }
}

#[instrument(skip_all, fields(count = events.len()))]
async fn route_batch(
    host: &Arc<Host>,
    events: Vec<Event>,
    owner_only: bool,
    cursor: Option<Position>,
) -> Batch {
    let count = events.len();
    let mut left = events.into_iter().peekable();
    let mut verdicts = Vec::with_capacity(count);
    let mut ended = Vec::new();
    loop {
        let mut run: Vec<Event> = left.next().into_iter().collect();
        while let Some(event) = left.next_if(|it| !acts_at_once(it)) {
            run.push(event);
        }
        let cursor = cursor.clone().filter(|_| left.peek().is_none());
        let Batch { routed, ended: more } = route_run(host, run, owner_only, cursor).await;
        verdicts.extend(routed.verdicts);
        ended.extend(more);
        if routed.has_failed || left.peek().is_none() {
            // What follows a failure comes again with it, so that the order holds.
            let again = || Verdict::Refused("what came before it could not be stored".to_owned());
            verdicts.resize_with(count, again);
            return Batch { routed: Routed { verdicts, ..routed }, ended };
        }
    }
}

/// One commit for events of which at most the first acts at once.
async fn route_run(
    host: &Arc<Host>,
    mut events: Vec<Event>,
    owner_only: bool,
    cursor: Option<Position>,
) -> Batch {
    let mut verdicts = plain::store(host, &mut events, owner_only, cursor.clone()).await;
    if events.is_empty() && !verdicts.is_empty() {
        let routed = Routed { verdicts, is_moved: cursor.is_some(), has_failed: false };
        return Batch { routed, ended: vec![] };
    }
    let before = verdicts.len();
    let mut fates = Vec::with_capacity(events.len());
    let mut has_failed = false;
    for event in events {
        if has_failed {
            let why = "what came before it could not be stored";
            fates.push(Fate::Done(Verdict::Refused(why.to_owned())));
            continue;
        }
        fates.push(match decide(host, event, owner_only).await {
            Ok(fate) => fate,
            Err(err) => {
                warn!(error = &err as &dyn std::error::Error, "could not route an event");
                has_failed |= err.passes();
                Fate::Done(Verdict::Refused(format!("it could not be stored: {err}")))
            }
        });
    }
    // What was stored before a failure is stored once, however often it comes.
    let cursor = cursor.filter(|_| !has_failed);
    verdicts.extend(fates.iter().map(Fate::verdict));
    let is_stored: Vec<bool> = fates.iter().map(|it| matches!(it, Fate::Store(_))).collect();
    let engaged = refusals::engaged(&fates);
    let each: Vec<Vec<(SessionRow, Taken)>> = fates.into_iter().map(Fate::into_targets).collect();
    let all = each.concat();
    let ended: Vec<SessionRow> =
        all.iter().filter(|it| matches!(it.1, Taken::Stop(_))).map(|it| it.0.clone()).collect();
    let holds: Vec<_> = ended.iter().map(|row| Hold::new(host, row)).collect();
    let has_cursor = cursor.is_some();
    let stored = storing::store(host, all, cursor).await;
    drop(holds);
    if let Err(err) = &stored {
        warn!(error = err as &dyn std::error::Error, "a batch could not be stored");
        has_failed |= err.passes();
        for (index, targets) in each.into_iter().enumerate().filter(|it| is_stored[it.0]) {
            // One that cannot be stored for good takes no other along.
            let alone = if err.passes() { Ok(chain(err)) } else { Err(targets) };
            let why = match alone {
                Ok(why) => why,
                Err(targets) => match storing::store(host, targets, None).await {
                    Ok(()) => continue,
                    Err(err) => chain(&err),
                },
            };
            verdicts[before + index] =
                refusals::unstored(host, engaged[index].as_ref(), &why).await;
        }
    }
    let is_moved = has_cursor && stored.is_ok();
    Batch { routed: Routed { verdicts, is_moved, has_failed }, ended }
}

async fn decide(host: &Host, event: Event, owner_only: bool) -> Result<Fate, StoreError> {
    match event {
        Event::Message(message) => admit(host, message, owner_only).await,
        Event::Click(click) => clicked(host, click).await,
        Event::Moved { from, to } => {
            let moved = move |central: &mut CentralStore| central.move_chat(&from, &to);
            host.central.write("a moved chat", moved).await?;
            Ok(Fate::Done(Verdict::Stored))
        }
        Event::Reachable(chat) => {
            reachable(host, chat).await?;
            Ok(Fate::Done(Verdict::Stored))
        }
    }
}

async fn clicked(host: &Host, click: Click) -> Result<Fate, StoreError> {
    let Some((id, index)) = parse_data(&click.data) else {
        return Ok(Fate::Done(Verdict::Ignored));
    };
    let answer = reception::Answer { id, index, chat: click.from, by: click.sender, with: None };
    let taken = reception::answer(host, answer).await?;
    Ok(Fate::Done(if taken { Verdict::Stored } else { Verdict::Ignored }))
}

/// What waits for a chat is tried at once.
async fn reachable(host: &Host, chat: Address) -> Result<(), StoreError> {
    host.central.write("a reachable chat", move |it| it.parts_reachable(&chat)).await
}
