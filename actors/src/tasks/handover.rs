//! One slot on its way to its session: may it go there, where is that, and how it reads.

use domain::AgentName;
use domain::message::{Address, Author, Body, ChatInfo, Incoming};
use domain::session_key::{ChatId, SessionMode, session_key};
use domain::task::{FireKey, TaskRun, TaskState};
use schedule::local;
use store::{CentralStore, ChatRow, Handover, StoreError, TaskMessage};
use tracing::info;

use crate::host::Host;
use crate::router::SessionCommand;
use crate::router::storing;

/// Who a task's message is from where no person is known.
const NOBODY: &str = "task";

/// Slots of one lane are handed over in turn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane(AgentName, ChatId);

impl Lane {
    pub(crate) fn of(slot: &Handover) -> Self {
        Self(slot.task.task.agent.clone(), slot.task.task.chat)
    }
}

/// What is to be done with a slot.
enum Route {
    Goes(Box<ChatRow>, SessionMode),
    /// It can never arrive.
    Ends(&'static str),
    /// The same, and its task will never come again.
    Cancels(&'static str),
}

/// Brings a slot to its session and notes that it has it. Doing it again changes nothing. That of a
/// stopped agent stays until that is over.
pub(super) async fn hand_over(host: &Host, handover: Handover) -> Result<(), StoreError> {
    let (task, key) = (&handover.task.task, handover.fire.key);
    if host.stops.is_stopped(&task.agent) {
        return Ok(());
    }
    let (agent, chat) = (task.agent.clone(), task.chat);
    let (chat, mode) = match host.central.read(move |it| route(it, &agent, chat)).await? {
        Route::Goes(chat, mode) => (chat, mode),
        Route::Ends(why) => return end(host, key, why, false).await,
        Route::Cancels(why) => return end(host, key, why, true).await,
    };
    let chosen = session_key(mode, &task.agent, task.chat, task.thread.as_deref());
    let (fixed, now) = (task.session, host.clock.now());
    let settle = move |it: &mut CentralStore| it.settle_fire_session(key, &chosen, fixed, now);
    // It may have gone on meanwhile.
    let row = host.central.write("the session of a fire", settle).await?;
    let Some(row) = row else { return Ok(()) };
    let message = message(host, &handover, *chat);
    let slot = SessionCommand::Task(Box::new(message));
    // A slot of a task is never one too many.
    storing::store(host, vec![(row, slot)], None).await.map(drop)
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

async fn end(
    host: &Host,
    key: FireKey,
    why: &'static str,
    cancels: bool,
) -> Result<(), StoreError> {
    let now = host.clock.now();
    let end = move |central: &mut CentralStore| {
        if cancels {
            central.set_task_state(key.task, TaskState::Cancelled, why, now)?;
        }
        central.record_result(key, false, why, now)
    };
    host.central.write("a fire that goes nowhere", end).await?;
    info!(fire = %key, why, "a task's slot goes nowhere");
    Ok(())
}

fn message(host: &Host, handover: &Handover, chat: ChatRow) -> TaskMessage {
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
        late_by: host.clock.now().since(key.slot),
        missed: handover.missed,
        script: task.script.clone(),
        found: None,
    };
    TaskMessage { run, message: Incoming { from, body, ..Incoming::default() } }
}
