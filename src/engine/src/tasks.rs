//! Fires tasks: writes down which slots came, and brings each to its session.
//!
//! One look at a time. Every step is a commit of its own and changes nothing the second
//! time, so a look may end anywhere; the next one goes on. How a slot ends its session says.
//!
//! Invariants
//! - A slot is in the central database before any session hears of it, and goes to one session.
//! - A task of a stopped agent waits as if the host slept; its policy decides when it is resumed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::AgentName;
use domain::message::{Address, Author, Body, ChatInfo, Incoming};
use domain::plain::chain;
use domain::session::DEADLINE;
use domain::session_key::{ChatId, SessionMode, session_key};
use domain::task::failing::Streak;
use domain::task::{FireKey, TaskRun, TaskState};
use domain::time::Timestamp;
use schedule::local;
use store::{
    CentralStore, ChatRow, Decided, Handover, SessionRow, StoreError, TaskMessage, TaskRow,
};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::Result;
use crate::host::{Host, Wake};

/// Tasks that are read at once.
const BATCH: u32 = 200;
/// Rounds of one look; what is left then is due all the same, and the next look goes on.
const ROUNDS_MAX: usize = 50;
/// The shortest wait: a slot is never late for a timer that is early by a fraction of a millisecond.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// Timers are not for years.
const WAIT_MAX: Duration = Duration::from_hours(24);
const HAND_OVER_WITHIN: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A slot without an end for so long has none: its session is gone. Longer than any message lives.
const LOST_AFTER: Duration = DEADLINE.saturating_mul(2);
/// Who a task's message is from where no person is known.
const NOBODY: &str = "task";
/// Slots that are handed over in one commit.
const SLOTS_MAX: usize = 64;
const LOST: &str = "its conversation never came to an end with it";

/// Looks again and again: at the next slot of all, and at every hint. A slot that comes costs what it costs, and
/// no look at everything else.
pub async fn keep_looking(host: Arc<Host>) -> StoreError {
    loop {
        let next = look(&host).await;
        let wait = next.map_or(WAIT_MAX, |at| at.since(host.clock.now()));
        let _ = timeout(wait.clamp(WAIT_MIN, WAIT_MAX), host.hints.tasks.notified()).await;
    }
}

/// Fires what is due, and brings it to its sessions. Returns when to look again; `None` leaves that to the
/// next hint.
async fn look(host: &Host) -> Option<Timestamp> {
    let (why, next) = match fire(host).await {
        Ok((waiting, next)) => match timeout(HAND_OVER_WITHIN, hand_over(host, waiting)).await {
            Ok(Ok(())) => return next,
            Ok(Err(err)) => (chain(&err), next),
            Err(_) => ("the database does not answer".to_owned(), next),
        },
        Err(err) => (chain(&err), None),
    };
    warn!(why, "tasks wait for the next look");
    let again = host.clock.now() + LOOK_AGAIN;
    Some(next.map_or(again, |it| it.min(again)))
}

/// Returns the slots that wait for their sessions, oldest first, and when the next slot comes.
async fn fire(host: &Host) -> Result<(Vec<Handover>, Option<Timestamp>)> {
    for _ in 0..ROUNDS_MAX {
        let now = host.clock.now();
        let read = move |central: &mut CentralStore| {
            let due = central.due_tasks(now, BATCH)?;
            let lost = central.lost_fires(now - LOST_AFTER)?;
            if !due.is_empty() || !lost.is_empty() {
                return Ok(Err((due, lost)));
            }
            // Slots that come during the look are still to be fired, and so are "next".
            Ok(Ok((central.handovers()?, central.earliest_slot(now)?)))
        };
        let (due, lost) = match host.central.read(read).await? {
            Ok(looked) => return Ok(looked),
            Err(work) => work,
        };
        if !due.is_empty() {
            let decided: Vec<Decided> = due.into_iter().map(|it| decide(it, now)).collect();
            let tasks = decided.len();
            let write = move |it: &mut CentralStore| it.fire(&decided, now);
            let fired = host.central.write("fires", write).await?;
            info!(tasks, fired = fired.len(), "tasks came due");
        }
        for key in lost {
            let end = move |it: &mut CentralStore| it.record_result(key, false, LOST, now);
            host.central.write("a lost fire", end).await?;
            warn!(fire = %key, "a task's slot is given up");
        }
    }
    Ok((host.central.read(|it| it.handovers()).await?, None))
}

fn decide((row, streak): (TaskRow, Streak), now: Timestamp) -> Decided {
    let task = &row.task;
    let plan = schedule::due(&task.rule, &task.zone, task.missed, row.accounted_until, now);
    if streak.rests(now) {
        let why = Some(format!("it rests after {} failures in a row", streak.failures));
        Decided { row, plan: plan.passed_over(), why }
    } else {
        Decided { row, plan, why: None }
    }
}

/// Where a slot goes.
enum Route {
    Goes(Box<ChatRow>, SessionMode),
    /// It can never arrive.
    Ends(&'static str),
    /// The same, and its task will never come again.
    Cancels(&'static str),
}

/// Brings slots to their sessions, in their order. One that fails delays only those that follow for its agent
/// in its chat.
/// Fails with the last of those, which wait for another look.
async fn hand_over(host: &Host, slots: Vec<Handover>) -> Result<()> {
    let (mut result, mut failed) = (Ok(()), HashSet::new());
    for batch in slots.chunks(SLOTS_MAX) {
        let (mut batch, before, now) = (batch.to_vec(), failed.clone(), host.clock.now());
        // Those of stopped agents stay until that is over.
        batch.retain(|it| !host.stops.is_stopped(&it.task.task.agent));
        let write = move |central: &mut CentralStore| {
            let (mut woken, mut failed, mut last) = (Vec::new(), before, None);
            for slot in batch {
                let place = (slot.task.task.agent.clone(), slot.task.task.chat);
                if failed.contains(&place) {
                    continue;
                }
                match central.whole("a slot of a task", |it| bring(it, &slot, now)) {
                    Ok(row) => woken.extend(row),
                    Err(err) if err.passes() => return Err(err),
                    Err(err) => {
                        warn!(why = chain(&err), "a slot waits for another look");
                        failed.insert(place);
                        last = Some(err);
                    }
                }
            }
            Ok((woken, failed, last))
        };
        let (woken, now_failed, last) = host.central.write("slots of tasks", write).await?;
        for (row, chat) in woken {
            host.wake(Wake::Session(row, Some(chat)));
        }
        failed = now_failed;
        result = last.map_or(result, Err);
    }
    result
}

/// Brings a slot to its session and notes that it has it. Doing it again changes nothing. Returns the session
/// and the chat, unless the slot goes nowhere.
fn bring(
    central: &mut CentralStore,
    handover: &Handover,
    now: Timestamp,
) -> Result<Option<(SessionRow, Address)>> {
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

fn route(central: &CentralStore, agent: &AgentName, chat: ChatId) -> Result<Route> {
    if central.agent(agent)?.is_none() {
        return Ok(Route::Cancels("its agent was removed"));
    }
    let Some(row) = central.chat_by_id(chat)?.map(Box::new) else {
        return Ok(Route::Cancels("its chat is gone"));
    };
    if row.denied_at.is_some() {
        return Ok(Route::Ends("its chat is to be left alone"));
    }
    if row.left_at.is_some() {
        return Ok(Route::Ends("the bot is not in its chat any more"));
    }
    if let Some(wired) = central.wirings_of(chat)?.iter().find(|it| it.wiring.agent == *agent) {
        return Ok(Route::Goes(row, wired.wiring.session_mode));
    }
    Ok(match central.destinations_of(agent)?.iter().any(|it| it.chat == chat) {
        true => Route::Goes(row, SessionMode::PerThread),
        false => Route::Ends("its agent may not write to its chat any more"),
    })
}

fn end(central: &mut CentralStore, key: FireKey, why: &'static str, now: Timestamp) -> Result<()> {
    central.record_result(key, false, why, now)?;
    info!(fire = %key, why, "a task's slot goes nowhere");
    Ok(())
}

fn message(handover: &Handover, chat: ChatRow, now: Timestamp) -> TaskMessage {
    let (key, task) = (handover.fire.key, &handover.task.task);
    let from = Address { thread: task.thread.clone(), ..chat.address };
    let owner = task.owner_handle.as_ref().filter(|it| it.channel == from.channel);
    let id = owner.map_or(NOBODY, |it| &it.id).to_owned();
    let sender = Author::new(id, format!("task {}", key.task));
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
