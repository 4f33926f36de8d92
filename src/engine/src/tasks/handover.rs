//! One slot on its way to its session: may it go there, where is that, and how it reads.

use std::collections::HashSet;

use domain::AgentName;
use domain::message::{Address, Author, Body, ChatInfo, Incoming};
use domain::plain::chain;
use domain::session_key::{ChatId, SessionMode, session_key};
use domain::task::{FireKey, TaskRun, TaskState};
use domain::time::Timestamp;
use schedule::local;
use store::{CentralStore, ChatRow, Handover, SessionRow, StoreError, TaskMessage};
use tracing::{info, warn};

use crate::host::{Host, Wake};

/// Who a task's message is from where no person is known.
const NOBODY: &str = "task";

enum Route {
    Goes(Box<ChatRow>, SessionMode),
    /// It can never arrive.
    Ends(&'static str),
    /// The same, and its task will never come again.
    Cancels(&'static str),
}

/// Slots that are handed over in one commit.
const BATCH: usize = 64;

/// Brings slots to their sessions, in their order. What fails with others is tried alone, and a slot that
/// fails delays only those that follow for its agent in its chat.
/// Fails with that of the last slot that waits for another look.
pub(super) async fn hand_over(host: &Host, slots: Vec<Handover>) -> Result<(), StoreError> {
    let (mut result, mut failed) = (Ok(()), HashSet::new());
    let place = |it: &Handover| (it.task.task.agent.clone(), it.task.task.chat);
    for batch in slots.chunks(BATCH) {
        let batch: Vec<_> =
            batch.iter().filter(|it| !failed.contains(&place(it))).cloned().collect();
        let Err(err) = commit(host, batch.clone()).await else { continue };
        if let [slot] = &batch[..] {
            failed.insert(place(slot));
            result = Err(err);
            continue;
        }
        warn!(why = chain(&err), "each slot is handed over on its own");
        for slot in batch {
            let place = place(&slot);
            if failed.contains(&place) {
                continue;
            }
            if let Err(err) = commit(host, vec![slot]).await {
                warn!(why = chain(&err), "a slot waits for another look");
                failed.insert(place);
                result = Err(err);
            }
        }
    }
    result
}

async fn commit(host: &Host, mut slots: Vec<Handover>) -> Result<(), StoreError> {
    // Those of stopped agents stay until that is over.
    slots.retain(|it| !host.stops.is_stopped(&it.task.task.agent));
    if slots.is_empty() {
        return Ok(());
    }
    let now = host.clock.now();
    let write = move |central: &mut CentralStore| {
        let rows = slots.iter().map(|it| bring(central, it, now));
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect::<Vec<_>>())
    };
    for (row, chat) in host.central.write("slots of tasks", write).await? {
        host.wake(Wake::Session(row, Some(chat)));
    }
    Ok(())
}

/// Brings a slot to its session and notes that it has it. Doing it again changes nothing. Returns the session
/// and the chat, unless the slot goes nowhere.
fn bring(
    central: &mut CentralStore,
    handover: &Handover,
    now: Timestamp,
) -> Result<Option<(SessionRow, Address)>, StoreError> {
    let (task, key) = (&handover.task.task, handover.fire.key);
    let (chat, mode) = match route(central, &task.agent, task.chat)? {
        Route::Goes(chat, mode) => (chat, mode),
        Route::Ends(why) => return end(central, key, why, now).map(|()| None),
        Route::Cancels(why) => {
            central.set_task_state(key.task, TaskState::Cancelled, why, now)?;
            return end(central, key, why, now).map(|()| None);
        }
    };
    let chosen = session_key(mode, &task.agent, task.chat, task.thread.as_deref());
    // It may have gone on meanwhile.
    let row = central.settle_fire_session(key, &chosen, task.session, now)?;
    let Some(row) = row else { return Ok(None) };
    let message = message(handover, *chat, now);
    central.rows(row.id).insert_task(&message, now)?;
    central.fire_handed_over(key, row.id)?;
    Ok(Some((row, message.message.from)))
}

fn route(central: &CentralStore, agent: &AgentName, chat: ChatId) -> Result<Route, StoreError> {
    if central.agent(agent)?.is_none() {
        return Ok(Route::Cancels("its agent was removed"));
    }
    let Some(row) = central.chat_by_id(chat)?.map(Box::new) else {
        return Ok(Route::Cancels("its chat is gone"));
    };
    if row.denied_at.is_some() {
        return Ok(Route::Ends("its chat is to be left alone"));
    }
    if let Some(wired) = central.wirings_of(chat)?.iter().find(|it| it.wiring.agent == *agent) {
        return Ok(Route::Goes(row, wired.wiring.session_mode));
    }
    Ok(match central.destinations_of(agent)?.iter().any(|it| it.chat == chat) {
        true => Route::Goes(row, SessionMode::PerThread),
        false => Route::Ends("its agent may not write to its chat any more"),
    })
}

fn end(
    central: &mut CentralStore,
    key: FireKey,
    why: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    central.record_result(key, false, why, now)?;
    info!(fire = %key, why, "a task's slot goes nowhere");
    Ok(())
}

fn message(handover: &Handover, chat: ChatRow, now: Timestamp) -> TaskMessage {
    let (key, task) = (handover.fire.key, &handover.task.task);
    let from = Address { thread: task.thread.clone(), ..chat.address };
    let owner = task.owner_handle.as_ref().filter(|it| it.channel == from.channel);
    let id = owner.map_or(NOBODY, |it| &it.id).to_owned();
    let sender = Author { id, name: format!("task {}", key.task) };
    let body = Body {
        chat: ChatInfo { title: chat.title, is_group: chat.is_group },
        ..Body::new(sender, task.prompt.as_str())
    };
    let run = TaskRun {
        key,
        due: local(key.slot, &task.zone),
        late_by: now.since(key.slot),
        missed: handover.missed,
        script: task.script.clone(),
        found: None,
    };
    TaskMessage { run, message: Incoming { from, body, ..Incoming::default() } }
}
