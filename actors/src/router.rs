//! Finds out whom an event is for and has it stored there.
//!
//! Messages  [`RouterMessage`]; `Route` is answered after everybody concerned committed.
//! Parent    [`crate::tree::RootSupervisor`].
//! Holds     nothing: each batch is routed in a task of its own by what the database says.
//!
//! Invariants
//! - The router never waits inside its handler, so a slow session delays only its own sender.
//! - One session that fails does not stop the others.
//! - A message that nobody may read is stored nowhere.

mod admit;
mod knowledge;
mod orders;
mod personal;
mod refusals;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use channel::{Event, Verdict};
use domain::message::{Address, Click, Incoming};
use domain::question::parse_data;
use futures_util::future::{join, join_all};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use store::{CentralStore, SessionRow, StoreError};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{instrument, warn};

use self::admit::{Fate, admit};
use crate::host::Host;
use crate::reception::{self, ReceptionMessage};
use crate::session::Taken;
use crate::sessions::SessionsMessage;
use crate::stopping;

/// A session that failed is back, or parked, within this many times this long.
const TRIES_MAX: usize = 20;
const TRY_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct RouterActor;

#[derive(Debug)]
pub enum RouterMessage {
    /// Events of one account in their order. The answer has a verdict for each.
    Route { events: Vec<Event>, owner_only: bool, reply: RpcReplyPort<Vec<Verdict>> },
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
            RouterMessage::Route { events, owner_only, reply } => {
                state.batches.spawn(async move {
                    let verdicts = route_batch(&host, events, owner_only).await;
                    // Nobody waits any more when the channel was restarted; it asks again.
                    let _ = reply.send(verdicts);
                });
            }
        }
        Ok(())
    }
}

#[instrument(skip_all, fields(count = events.len()))]
async fn route_batch(host: &Host, events: Vec<Event>, owner_only: bool) -> Vec<Verdict> {
    let mut fates = Vec::with_capacity(events.len());
    for event in events {
        fates.push(match decide(host, event, owner_only).await {
            Ok(fate) => fate,
            Err(err) => {
                warn!(error = &err as &dyn std::error::Error, "could not route an event");
                Fate::Done(Verdict::Refused(format!("it could not be stored: {err}")))
            }
        });
    }
    let mut verdicts: Vec<Verdict> = fates
        .iter()
        .map(|it| match it {
            Fate::Done(verdict) => verdict.clone(),
            Fate::Store(targets) if targets.iter().all(|it| it.1.is_overheard()) => {
                Verdict::Ignored
            }
            Fate::Store(_) => Verdict::Stored,
        })
        .collect();
    let stops = stops_of(&fates);
    let engaged = refusals::engaged(&fates);
    let stored = join_all(by_session(fates).into_iter().map(|group| async move {
        let Group { row, indexes, messages } = group;
        let hold = stopping::cut(host, &row, &messages);
        let kill = async {
            if hold.is_some() {
                stopping::kill(host, &row).await;
            }
        };
        let (stored, ()) = join(store(host, row.clone(), messages), kill).await;
        drop(hold);
        (indexes, stored)
    }))
    .await;
    for (indexes, result) in stored {
        let Err(why) = result else { continue };
        for index in indexes {
            verdicts[index] = match &engaged[index] {
                Some(message) => {
                    if let Err(err) = refusals::tell(host, message, &why).await {
                        warn!(error = &err as &dyn std::error::Error, "a refusal was not stored");
                    }
                    Verdict::Refused(why.clone())
                }
                None => Verdict::Ignored,
            };
        }
    }
    for (_, message) in stops.iter().filter(|it| verdicts[it.0] == Verdict::Stored) {
        if let Err(err) = orders::note_obeyed(host, message).await {
            warn!(error = &err as &dyn std::error::Error, "a stop that is repeated counts again");
        }
    }
    verdicts
}

/// Each `/stop` of a batch, with its place there.
fn stops_of(fates: &[Fate]) -> Vec<(usize, Incoming)> {
    let stop = |fate: &Fate| match fate {
        Fate::Done(_) => None,
        Fate::Store(targets) => targets
            .iter()
            .find_map(|it| if let Taken::Stop(stop) = &it.1 { Some(stop.clone()) } else { None }),
    };
    fates.iter().enumerate().filter_map(|(at, fate)| Some((at, stop(fate)?))).collect()
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

/// What one session gets of a batch, in its order.
struct Group {
    row: SessionRow,
    indexes: Vec<usize>,
    messages: Vec<Taken>,
}

fn by_session(fates: Vec<Fate>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, fate) in fates.into_iter().enumerate() {
        let Fate::Store(targets) = fate else { continue };
        for (row, taken) in targets {
            match groups.iter_mut().find(|it| it.row.id == row.id) {
                Some(group) => {
                    group.indexes.push(index);
                    group.messages.push(taken);
                }
                None => groups.push(Group { row, indexes: vec![index], messages: vec![taken] }),
            }
        }
    }
    groups
}

/// Asks again when the session fails with the messages in hand: its successor takes them, or the
/// supervisor says why there is none. Storing a message twice is harmless.
pub(crate) async fn store(
    host: &Host,
    row: SessionRow,
    messages: Vec<Taken>,
) -> Result<(), String> {
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

/// What waits for a chat is tried at once.
async fn reachable(host: &Host, chat: Address) -> Result<(), StoreError> {
    let of = chat.clone();
    let rows = host
        .central
        .read(move |central| {
            let Some(found) = central.chat(&of)? else {
                return Ok(Vec::new());
            };
            let mut rows = central.sessions_in_chat(found.id)?;
            for wired in central.wirings_of(found.id)? {
                let mode = wired.wiring.session_mode;
                let key =
                    domain::session_key::session_key(mode, &wired.wiring.agent, found.id, None);
                rows.extend(central.session_of(&key)?.filter(|_| key.chat.is_none()));
            }
            Ok(rows)
        })
        .await?;
    for row in rows {
        let chat = chat.clone();
        host.peers.sessions.cast(SessionsMessage::Reachable { row, chat });
    }
    let of = chat;
    host.central.write("a reachable chat", move |it| it.parts_reachable(&of)).await?;
    host.peers.reception.cast(ReceptionMessage::Look);
    Ok(())
}
