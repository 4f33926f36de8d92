//! Scheduling something.

use std::fmt::Write;

use domain::people::{Handle, PersonId};
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::task::{Missed, TaskId, TaskState};
use domain::{AgentName, SessionId};
use schedule::{Invalid, Rule, Zone, check, understand};
use store::{CentralStore, Task, TaskFilter, TaskRow};

use super::find::is_over;
use super::verb::AddArgs;
use super::{Around, minimum, show};
use crate::find::no_agent;
use crate::output::{Output, VerbError, forbidden, joined, not_found, refused};

/// How many tasks of one agent may be active. A person has a few; more is a program that went wild.
const ACTIVE_MAX: u64 = 100;
/// Longer is a document, which belongs into a file of the workspace.
const PROMPT_BYTES_MAX: usize = 8 * 1024;
const SCRIPT_BYTES_MAX: usize = 16 * 1024;

pub(super) fn add(
    args: &AddArgs,
    store: &mut CentralStore,
    around: &Around<'_>,
) -> Result<Output, VerbError> {
    let mut key = None;
    if let Some(asker) = around.asker {
        let mut free = asker.key.clone();
        while let Some(row) = store.task_of_request(&free)? {
            if !is_over(row.state) {
                return Ok(told(&row, around));
            }
            // What was ended may be asked for anew in the same words.
            free.push('+');
        }
        key = Some(free);
        if !asker.who.may_add() {
            return Err(forbidden(
                "only people who were let in may schedule something",
                "ask whoever runs this agent to let you in",
            ));
        }
    }
    let agent = agent(args, around)?;
    let (chat, thread) = place(args, &agent, store, around)?;
    let (owner, owner_handle) = owner(around);
    let zone = match &args.zone {
        Some(zone) => zone.clone(),
        None => store.zone_for(owner)?,
    };
    let rule = rule(&args.when, &zone, around)?;
    checked(&rule, &zone, &agent, store, around)?;
    room(store, &agent, around)?;
    let task = Task {
        session: session(args.session.as_deref(), &agent, store, around)?,
        chat,
        thread,
        owner,
        owner_handle,
        created_by: around.view.by.clone(),
        prompt: prompt(&args.prompt)?,
        script: args.script.as_deref().map(script).transpose()?.flatten(),
        rule,
        zone,
        missed: args.missed.unwrap_or(Missed::Latest),
        agent,
    };
    let twin = twin(&task, store)?;
    let id = match key {
        Some(key) => store.add_task_once(&task, &key, around.now)?,
        None => store.add_task(&task, around.now)?,
    };
    let row = store.task(id)?.ok_or_else(|| refused("it is gone already", "add it again"))?;
    let mut output = told(&row, around);
    if let Some(twin) = twin.filter(|it| *it != id) {
        // Somebody may want both; whoever asked twice by mistake learns of it.
        let _ = write!(
            output.text,
            "\n{twin} is the same already: the same times, text and chat; cancel one of them unless \
             both are wanted"
        );
        output.json["same_as"] = twin.to_string().into();
    }
    Ok(output)
}

/// A task that is active and does the same for the same person.
fn twin(task: &Task, store: &CentralStore) -> Result<Option<TaskId>, VerbError> {
    let which = TaskFilter {
        agent: Some(task.agent.clone()),
        state: Some(TaskState::Active),
        ..TaskFilter::default()
    };
    let same =
        |it: &TaskRow| Task { created_by: task.created_by.clone(), ..it.task.clone() } == *task;
    Ok(store.tasks(&which)?.into_iter().find(same).map(|it| it.id))
}

fn told(row: &TaskRow, around: &Around<'_>) -> Output {
    let undo = format!("undo with `{} cancel {}`", around.prefix(), row.id);
    show::stored(row, "is scheduled", around).hint(undo)
}

/// Who does it: the one that is named, the only one, or the only one of the chat that is named.
fn agent(args: &AddArgs, around: &Around<'_>) -> Result<AgentName, VerbError> {
    match (args.agent.as_ref(), around.own()) {
        (Some(name), Some(own)) if name != own => Err(no_agent(around.view, name)),
        (_, Some(own)) => Ok(own.clone()),
        (name, None) => {
            let chat = args.chat.as_deref().filter(|_| name.is_none());
            let chat = chat.and_then(|text| around.view.chat(text).ok());
            let wired: Vec<_> = chat.iter().flat_map(|it| around.view.wired_in(it.id)).collect();
            match wired[..] {
                [one] => Ok(one.wiring.agent.clone()),
                _ => Ok(around.view.agent_or_only(name)?.name.clone()),
            }
        }
    }
}

/// Whose task it is.
pub(super) fn owner(around: &Around<'_>) -> (Option<PersonId>, Option<Handle>) {
    match around.asker.map(|it| &it.who) {
        Some(Who::Person { person, handle, .. }) => (*person, Some(handle.clone())),
        Some(Who::Agent) | None => (None, None),
    }
}

/// Where the answer goes.
fn place(
    args: &AddArgs,
    agent: &AgentName,
    store: &CentralStore,
    around: &Around<'_>,
) -> Result<(ChatId, Option<String>), VerbError> {
    let thread = args.thread.clone();
    match (around.asker, &args.chat) {
        (Some(asker), None) => Ok((asker.chat, thread.or_else(|| asker.thread.clone()))),
        (Some(asker), Some(name)) => {
            let all = store.destinations_of(&asker.agent)?;
            let is = |it: &&store::DestinationRow| it.name.eq_ignore_ascii_case(name.trim());
            match all.iter().find(is) {
                Some(it) => Ok((it.chat, thread)),
                None => Err(not_found(
                    format!("there is no other chat `{name}` that {agent} may write to"),
                    format!(
                        "leave it away for this chat; there is {}",
                        joined(all.iter().map(|it| &it.name))
                    ),
                )),
            }
        }
        (None, Some(text)) => Ok((reached(agent, text, store, around)?, thread)),
        (None, None) => {
            let of = around.view.wired.iter().filter(|it| it.wiring.agent == *agent);
            let chats: Vec<ChatId> = of.map(|it| it.wiring.chat).collect();
            match chats[..] {
                [one] => Ok((one, thread)),
                _ => Err(refused(
                    "it is not said where the answer goes",
                    "say --chat; `nanoclaw chats list` shows them",
                )),
            }
        }
    }
}

/// A chat that the agent answers in, or may write to; its answers would be lost anywhere else.
fn reached(
    agent: &AgentName,
    chat: &str,
    store: &CentralStore,
    around: &Around<'_>,
) -> Result<ChatId, VerbError> {
    let all = store.destinations_of(agent)?;
    if let Some(named) = all.iter().find(|it| it.name == chat.trim()) {
        return Ok(named.chat);
    }
    let chat = around.view.chat(chat)?;
    let is_wired = around.view.wired_in(chat.id).any(|it| it.wiring.agent == *agent);
    if is_wired || all.iter().any(|it| it.chat == chat.id) {
        return Ok(chat.id);
    }
    Err(refused(
        format!("{agent} may not write to {}", around.view.label(chat)),
        format!(
            "connect it with `nanoclaw wire {0} {agent}`, or let it write there with \
                 `nanoclaw destinations add {agent} {0}`",
            chat.id
        ),
    ))
}

fn session(
    id: Option<&str>,
    agent: &AgentName,
    store: &CentralStore,
    around: &Around<'_>,
) -> Result<Option<SessionId>, VerbError> {
    let Some(text) = id else { return Ok(None) };
    let found = SessionId::parse(text.trim()).map(|id| store.session(id)).transpose()?.flatten();
    let own = |id: SessionId| around.asker.is_none_or(|it| it.session == id);
    match found.filter(|it| it.agent == *agent && own(it.id)) {
        Some(row) => Ok(Some(row.id)),
        None => Err(not_found(
            format!("{agent} has no session `{text}` that this can run in"),
            "see `nanoclaw sessions list`, or leave it away",
        )),
    }
}

/// What somebody says about when, as a rule.
pub(super) fn rule(when: &str, zone: &Zone, around: &Around<'_>) -> Result<Rule, VerbError> {
    let hint = format!("`{} preview WHEN` shows what a rule means", around.prefix());
    understand(when, zone, around.asked_at()).map_err(|err| refused(err.to_string(), hint))
}

/// Whether a rule may become one of a task of this agent.
pub(super) fn checked(
    rule: &Rule,
    zone: &Zone,
    agent: &AgentName,
    store: &CentralStore,
    around: &Around<'_>,
) -> Result<(), VerbError> {
    let least = minimum::least(store, agent)?;
    match check(rule, zone, around.now, least) {
        Ok(_) => Ok(()),
        Err(err @ Invalid::TooFrequent { .. }) => Err(refused(
            err.to_string(),
            "whoever runs the host can allow more with `nanoclaw tasks minimum 1m`",
        )),
        Err(err @ (Invalid::Past(_) | Invalid::Never)) => Err(refused(
            err.to_string(),
            format!("say another time; it is {} now", schedule::local(around.now, zone)),
        )),
    }
}

/// Whether the agent may have one more.
pub(super) fn room(
    store: &CentralStore,
    agent: &AgentName,
    around: &Around<'_>,
) -> Result<(), VerbError> {
    if store.active_tasks(agent)? < ACTIVE_MAX {
        return Ok(());
    }
    Err(refused(
        format!("{agent} has {ACTIVE_MAX} active tasks, which is the most"),
        format!("cancel or pause some; see `{} list`", around.prefix()),
    ))
}

pub(super) fn prompt(text: &str) -> Result<String, VerbError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(refused("it is not said what is to be done", "say it in a sentence"));
    }
    fits(text, PROMPT_BYTES_MAX, "what is to be done")
}

/// An empty one is none.
pub(super) fn script(text: &str) -> Result<Option<String>, VerbError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    fits(text, SCRIPT_BYTES_MAX, "the script").map(Some)
}

fn fits(text: &str, max: usize, what: &str) -> Result<String, VerbError> {
    if text.len() <= max && !text.contains('\0') {
        return Ok(text.to_owned());
    }
    Err(refused(
        format!("{what} is longer than {max} bytes, or no text"),
        "put it into a file of the workspace and name that",
    ))
}
