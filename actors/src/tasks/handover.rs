//! One slot on its way to its session: may it go there, where is that, and how it reads.

use domain::AgentName;
use domain::message::{Address, Author, ChatInfo, Incoming};
use domain::plain::chain;
use domain::session_key::{ChatId, SessionMode, session_key};
use domain::task::{FireKey, TaskState};
use schedule::local;
use store::{CentralStore, ChatRow, Handover, SessionRow, StoreError, TaskMessage};
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
    /// Its agent is stopped; it stays until that is over.
    Waits,
    /// It can never arrive.
    Ends(&'static str),
    /// The same, and its task will never come again.
    Cancels(&'static str),
    Goes(Box<ChatRow>, SessionMode),
}

/// Brings a slot to its session and notes that it has it. Doing it again changes nothing.
pub(super) async fn hand_over(host: &Host, handover: Handover) -> Result<(), String> {
    let key = handover.fire.key;
    match route(host, &handover).await.map_err(|err| chain(&err))? {
        Route::Waits => Ok(()),
        Route::Ends(why) => end(host, key, why, false).await.map_err(|err| chain(&err)),
        Route::Cancels(why) => end(host, key, why, true).await.map_err(|err| chain(&err)),
        Route::Goes(chat, mode) => {
            let row = session(host, &handover, mode).await.map_err(|err| chain(&err))?;
            let Some(row) = row else { return Ok(()) };
            let message = message(host, &handover, *chat);
            let target = (row, SessionCommand::Task(Box::new(message)));
            storing::store(host, vec![target], None).await.map_err(|err| chain(&err))
        }
    }
}

async fn route(host: &Host, handover: &Handover) -> Result<Route, StoreError> {
    let (agent, chat) = (handover.task.task.agent.clone(), handover.task.task.chat);
    if host.stops.is_stopped(&agent) {
        return Ok(Route::Waits);
    }
    host.central
        .read(move |central| {
            if central.agent(&agent)?.is_none() {
                return Ok(Route::Cancels("its agent was removed"));
            }
            let Some(row) = central.chat_by_id(chat)? else {
                return Ok(Route::Cancels("its chat is gone"));
            };
            if row.denied_at.is_some() {
                return Ok(Route::Ends("its chat is to be left alone"));
            }
            let wired = central.wirings_of(chat)?.into_iter().find(|it| it.wiring.agent == agent);
            if let Some(wired) = wired {
                return Ok(Route::Goes(Box::new(row), wired.wiring.session_mode));
            }
            let granted = central.destinations_of(&agent)?.iter().any(|it| it.chat == chat);
            Ok(if granted {
                Route::Goes(Box::new(row), SessionMode::PerThread)
            } else {
                Route::Ends("its agent may not write to its chat any more")
            })
        })
        .await
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

/// `None` when the slot has gone on meanwhile.
async fn session(
    host: &Host,
    handover: &Handover,
    mode: SessionMode,
) -> Result<Option<SessionRow>, StoreError> {
    let (fire, task, now) = (handover.fire.key, &handover.task.task, host.clock.now());
    let key = session_key(mode, &task.agent, task.chat, task.thread.as_deref());
    let fixed = task.session;
    let settle =
        move |central: &mut CentralStore| central.settle_fire_session(fire, &key, fixed, now);
    host.central.write("the session of a fire", settle).await
}

fn message(host: &Host, handover: &Handover, chat: ChatRow) -> TaskMessage {
    let (key, task) = (handover.fire.key, &handover.task.task);
    let from = Address { thread: task.thread.clone(), ..chat.address };
    let owner = task.owner_handle.as_ref().filter(|it| it.channel == from.channel);
    let id = owner.map_or(NOBODY, |it| &it.id).to_owned();
    let message = Incoming {
        sender: Author { id, name: format!("task {}", key.task) },
        from,
        chat: ChatInfo { title: chat.title, is_group: chat.is_group },
        text: task.prompt.clone(),
        ..Incoming::default()
    };
    TaskMessage {
        key,
        due: local(key.slot, &task.zone),
        late_by: host.clock.now().since(key.slot),
        missed: handover.missed,
        script: task.script.clone(),
        message,
    }
}
