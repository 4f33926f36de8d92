//! Scheduling something, and how often it may come at most.

use std::fmt::Write;
use std::time::Duration;

use domain::SessionId;
use domain::agent::{MODEL_CREDENTIAL, Provider};
use domain::people::{Handle, PersonId};
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::task::{Missed, TaskId, TaskState, parse_span, span};
use domain::time::Timestamp;
use schedule::{Invalid, Rule, Zone, check, local, understand};
use store::{DestinationRow, StoreError, Task, TaskRow};

use super::operation::AddArgs;
use super::{is_over, show};
use crate::prelude::*;
use crate::view::no_agent;

/// How many tasks of one agent may be active. A person has a few; more is a program that went wild.
const ACTIVE_MAX: u64 = 100;
/// Longer is a document, which belongs into a file of the workspace.
const PROMPT_BYTES_MAX: usize = 8 * 1024;
const SCRIPT_BYTES_MAX: usize = 16 * 1024;
/// The setting that holds the minimum, as a span; empty or absent for what follows from the provider.
const MINIMUM: &str = "tasks.minimum";
/// Each time costs a turn of a model.
const WITH_MODEL: Duration = Duration::from_secs(5 * 60);
const WITHOUT_MODEL: Duration = Duration::from_secs(60);
/// A rule that comes each second would leave no time for anything else.
pub(super) const LEAST: Duration = Duration::from_secs(10);

pub(super) fn add(args: &AddArgs, context: &mut Context<'_>) -> Result {
    let mut key = None;
    if let Some(asker) = context.asker() {
        let mut free = asker.key.clone();
        while let Some(row) = context.store.task_of_request(&free)? {
            if !is_over(row.state) {
                return Ok(told(&row, context));
            }
            // What was ended may be asked for again in the same words.
            free.push('+');
        }
        key = Some(free);
        if !asker.who.may_add() {
            let hint = "ask the owner of this agent to let you in";
            return Err(refused("only people who were let in may schedule something", hint));
        }
    }
    let agent = agent(args, context)?;
    let (chat, thread) = place(args, &agent, context)?;
    let (owner, owner_handle) = owner(context);
    let zone = match &args.zone {
        Some(zone) => zone.clone(),
        None => context.store.zone_for(owner)?,
    };
    let rule = rule(&args.when, &zone, context)?;
    checked(&rule, &zone, least(context.store, &agent)?, context.now)?;
    room(&agent, context)?;
    let task = Task {
        session: session(args, &agent, context)?,
        chat,
        thread,
        owner,
        owner_handle,
        created_by: context.caller.text(),
        prompt: prompt(&args.prompt)?,
        script: args.script.as_deref().map(script).transpose()?.flatten(),
        rule,
        zone,
        missed: args.missed.unwrap_or(Missed::Latest),
        agent,
    };
    let twin = twin(&task, context.store)?;
    let id = context.store.add_task_once(&task, key.as_deref(), context.now)?;
    let row =
        context.store.task(id)?.ok_or_else(|| refused("it is gone already", "add it again"))?;
    let mut output = told(&row, context);
    if let Some(twin) = twin.filter(|it| *it != id) {
        // Somebody may want both; a user who asked twice by mistake learns of it.
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
fn twin(task: &Task, store: &CentralStore) -> Result<Option<TaskId>> {
    let same = |it: &Task| Task { created_by: task.created_by.clone(), ..it.clone() } == *task;
    let is_twin = |it: &TaskRow| it.state == TaskState::Active && same(&it.task);
    Ok(store.tasks(Some(&task.agent))?.into_iter().find(is_twin).map(|it| it.id))
}

fn told(row: &TaskRow, context: &Context<'_>) -> Output {
    let undo = format!("undo with `{} remove {}`", context.prefix(), row.id);
    show::stored(row, "is scheduled", context).hint(undo)
}

/// Who does it: the one that is named, the only one, or the only one of the chat that is named.
fn agent(args: &AddArgs, context: &Context<'_>) -> Result<AgentName> {
    match (args.agent.as_ref(), context.asker().map(|it| &it.agent)) {
        (Some(name), Some(own)) if name != own => Err(no_agent(context.view, name)),
        (_, Some(own)) => Ok(own.clone()),
        (name, None) => {
            let (view, text) = (context.view, args.chat.as_deref().filter(|_| name.is_none()));
            let chat = text.map(|it| view.chat(it)).transpose();
            let found = chat.as_ref().ok().copied().flatten();
            let wired: Vec<_> = found.iter().flat_map(|it| view.wired_in(it.id)).collect();
            if let [one] = wired[..] {
                return Ok(one.wiring.agent.clone());
            }
            let agent = view.agent_or_only(name);
            let is_name = |destination: &DestinationRow| {
                text.is_some_and(|text| destination.name.eq_ignore_ascii_case(text.trim()))
            };
            if agent.is_err() && !context.store.destinations()?.iter().any(is_name) {
                chat?;
            }
            Ok(agent?.name.clone())
        }
    }
}

/// Whose task it is.
pub(super) fn owner(context: &Context<'_>) -> (Option<PersonId>, Option<Handle>) {
    match context.asker().map(|it| &it.who) {
        Some(Who::Person { person, handle, .. }) => (*person, Some(handle.clone())),
        Some(Who::Agent) | None => (None, None),
    }
}

/// Where the answer goes: a chat that the agent answers in, or may write to; it would be lost anywhere
/// else.
fn place(
    args: &AddArgs,
    agent: &AgentName,
    context: &Context<'_>,
) -> Result<(ChatId, Option<String>)> {
    let thread = args.thread.clone();
    let Some(text) = &args.chat else {
        if let Some(asker) = context.asker() {
            return Ok((asker.chat, thread.or_else(|| asker.thread.clone())));
        }
        return match context.view.chats_of(agent).collect::<Vec<_>>()[..] {
            [one] => Ok((one.id, thread)),
            [..] => Err(refused(
                format!("no chat given for the answers of {agent}"),
                "name one with `--chat`; see `nanoclaw chats list`",
            )),
        };
    };
    let all = context.store.destinations_of(agent)?;
    if let Some(named) = all.iter().find(|it| it.name.eq_ignore_ascii_case(text.trim())) {
        return Ok((named.chat, thread));
    }
    if context.asker().is_some() {
        let names = joined(all.iter().map(|it| &it.name));
        let what = format!("there is no other chat `{text}` that {agent} may write to");
        return Err(not_found(
            what,
            format!("omit `--chat` for this chat, or name one of {names}"),
        ));
    }
    let chat = context.view.chat(text)?;
    let is_wired = context.view.wired_in(chat.id).any(|it| it.wiring.agent == *agent);
    if is_wired || all.iter().any(|it| it.chat == chat.id) {
        return Ok((chat.id, thread));
    }
    Err(refused(
        format!("{agent} may not write to {}", context.view.label(chat)),
        format!(
            "connect it with `nanoclaw chats connect {0} {agent}`, or let it write there with \
             `nanoclaw destinations add {agent} {0}`",
            chat.id
        ),
    ))
}

fn session(args: &AddArgs, agent: &AgentName, context: &Context<'_>) -> Result<Option<SessionId>> {
    let Some(text) = &args.session else { return Ok(None) };
    let found =
        SessionId::parse(text.trim()).map(|id| context.store.session(id)).transpose()?.flatten();
    let is_own = |id: SessionId| context.asker().is_none_or(|it| it.session == id);
    let missing = || {
        let what = format!("{agent} has no session `{text}` that this can run in");
        not_found(what, "omit `--session`, or see `nanoclaw sessions list`")
    };
    let fitting = found.filter(|it| it.agent == *agent && is_own(it.id));
    fitting.map(|it| Some(it.id)).ok_or_else(missing)
}

/// What somebody says about when, as a rule.
pub(super) fn rule(when: &str, zone: &Zone, context: &Context<'_>) -> Result<Rule> {
    let hint = format!("`{} preview WHEN` shows what a rule means", context.prefix());
    understand(when, zone, context.asked_at()).or_refuse(&hint)
}

/// Whether a rule may become one of a task whose times are at least so far apart.
pub(super) fn checked(rule: &Rule, zone: &Zone, least: Duration, now: Timestamp) -> Result<()> {
    let Err(err) = check(rule, zone, now, least) else { return Ok(()) };
    let hint = match &err {
        Invalid::TooFrequent { apart, least, .. } => {
            let allowed = span((*apart).max(LEAST));
            let more = "the owner of the host can allow more with `nanoclaw tasks minimum";
            match *least <= LEAST {
                true => format!("leave at least {allowed} in between"),
                false => format!("{more} {allowed}`"),
            }
        }
        Invalid::Past(_) | Invalid::TooFar | Invalid::Never => {
            format!("say another time; times count from {}", local(now, zone))
        }
    };
    Err(refused(err.to_string(), hint))
}

/// Whether the agent may have one more.
pub(super) fn room(agent: &AgentName, context: &Context<'_>) -> Result<()> {
    if context.store.active_tasks(agent)? < ACTIVE_MAX {
        return Ok(());
    }
    let what = format!("{agent} has {ACTIVE_MAX} active tasks, which is the most");
    Err(refused(what, format!("remove or pause some; see `{} list`", context.prefix())))
}

pub(crate) fn prompt(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(refused("no prompt given", "say in a sentence what is to be done"));
    }
    fits(text, PROMPT_BYTES_MAX, "the prompt")
}

/// An empty one is none.
pub(super) fn script(text: &str) -> Result<Option<String>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    fits(text, SCRIPT_BYTES_MAX, "the script").map(Some)
}

fn fits(text: &str, max: usize, what: &str) -> Result<String> {
    if text.len() <= max && !text.contains('\0') {
        return Ok(text.to_owned());
    }
    let what = format!("{what} is longer than {max} bytes, or no text");
    Err(refused(what, "put it into a file of the workspace and name that"))
}

/// The least distance between two times of a task of this agent.
pub(super) fn least(store: &CentralStore, agent: &AgentName) -> Result<Duration, StoreError> {
    if let Some(set) = kept_minimum(store)? {
        return Ok(set);
    }
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let provider = store.agent(agent)?.map(|it| it.effective_provider(has_credential));
    Ok(match provider {
        Some(Provider::Demo) => WITHOUT_MODEL,
        Some(Provider::Claude) | None => WITH_MODEL,
    })
}

fn kept_minimum(store: &CentralStore) -> Result<Option<Duration>, StoreError> {
    Ok(store.setting(MINIMUM)?.and_then(|it| parse_span(&it)))
}

/// Shows the minimum, or sets it.
pub(super) fn minimum(to: Option<&str>, store: &CentralStore) -> Result {
    let before = kept_minimum(store)?;
    let word = |it: Option<Duration>| it.map_or_else(|| "default".to_owned(), span);
    let Some(to) = to else { return Ok(shown_minimum(before)) };
    let new = match to.trim() {
        "default" => None,
        text => Some(parse_span(text).filter(|it| LEAST <= *it).ok_or_else(|| {
            refused(
                format!("`{text}` is no span that a task can have"),
                format!("say something like 90s, 5m or 1h, at least {}, or `default`", span(LEAST)),
            )
        })?),
    };
    store.set_setting(MINIMUM, &new.map_or_else(String::new, span))?;
    Ok(shown_minimum(new).hint(format!("undo with `nanoclaw tasks minimum {}`", word(before))))
}

fn shown_minimum(minimum: Option<Duration>) -> Output {
    let text = match minimum {
        Some(minimum) => format!("two times of a task are at least {} apart", span(minimum)),
        None => format!(
            "two times of a task are at least {} apart, {} without a model (the default)",
            span(WITH_MODEL),
            span(WITHOUT_MODEL)
        ),
    };
    Output::new(text, json!({ "minimum": minimum.map(span) }))
}
