//! The heartbeat of an agent: a task that looks every now and then whether there is anything to say.

use clap::Args;
use domain::AgentName;
use domain::people::Handle;
use domain::plain::shell_word;
use domain::quiet::Hours;
use domain::session_key::ChatId;
use domain::task::{Missed, NOTHING, TaskId, TaskState, parse_span, span};
use domain::time::Timestamp;
use schedule::{Rule, Zone, asked, heartbeat, local};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CentralStore, Task, TaskEdit, TaskRow};

use crate::command::Context;
use crate::find::View;
use crate::output::{OperationError, Output, Result, joined, refused};

/// What is looked at when nobody says otherwise.
const LOOK: &str = "Look at HEARTBEAT.md and your notes for anything that is due or that people should \
     know now. Do what is due.";

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(after_help = "\
The agent looks at HEARTBEAT.md in its workspace and at its notes. If there is nothing to say it
answers NOTHING, and nobody hears of it. Outside of the active hours nothing is started.

Examples:
  nanoclaw agents heartbeat andy every 30m --hours 8:00-22:00
  nanoclaw agents heartbeat andy every 2h --prompt 'See whether the build is broken.'
  nanoclaw agents heartbeat andy                  show it
  nanoclaw agents heartbeat andy off")]
pub struct HeartbeatArgs {
    /// The agent's name
    pub name: AgentName,
    /// `every 30m`, or `off`
    pub when: Vec<String>,
    /// Only within these hours of the day, like 8:00-22:00
    #[arg(long, value_name = "FROM-TO", value_parser = Hours::parse)]
    pub hours: Option<Hours>,
    /// What to look at
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Where it speaks [default: its only private chat]
    #[arg(long, value_name = "CHAT")]
    pub chat: Option<String>,
}

impl HeartbeatArgs {
    /// Whether it changes anything.
    #[must_use]
    pub fn is_change(&self) -> bool {
        let has_option = self.hours.is_some() || self.prompt.is_some() || self.chat.is_some();
        !self.when.is_empty() || has_option
    }

    /// The rule that is asked for; `None` for `off`.
    fn rule(&self) -> Result<Option<Rule>> {
        let words: Vec<&str> = self.when.iter().flat_map(|it| it.split_whitespace()).collect();
        let period = match words[..] {
            [] => {
                let hint = "say when too, like `every 30m`";
                return Err(refused("no interval is given", hint));
            }
            ["off"] => return Ok(None),
            ["every", period] | [period] => parse_span(period),
            _ => None,
        };
        let what = || format!("`{}` is no interval", words.join(" "));
        let wrong = || refused(what(), "use `every 30m`, `every 2h`, or `off`");
        let hint = "a task may have any other times";
        let rule = heartbeat(period.ok_or_else(wrong)?, self.hours);
        rule.map(Some).map_err(|err| refused(err.to_string(), hint))
    }

    fn prompt(&self) -> String {
        told(self.prompt.as_deref().map_or(LOOK, str::trim))
    }
}

fn told(look: &str) -> String {
    format!("{look}\n\nIf there is nothing to tell anybody, answer exactly {NOTHING}.")
}

/// What it will do, for the approver.
pub(crate) fn describe(args: &HeartbeatArgs, view: &View) -> Result<String> {
    let agent = &view.agent(&args.name)?.name;
    if !args.is_change() {
        return Ok("Shows a heartbeat.".to_owned());
    }
    let Some(rule) = args.rule()? else {
        return Ok(format!("The agent `{agent}` no longer checks in."));
    };
    let place = match &args.chat {
        Some(chat) => view.chat(chat).map_or_else(|_| format!("`{chat}`"), |it| view.label(it)),
        None => "its private chat".to_owned(),
    };
    Ok(format!(
        "The agent `{agent}` checks whether there is anything to say in {place}: {}. Each \
         look costs a turn of its model. It is told: {}",
        rule.words(&Zone::utc()),
        args.prompt()
    ))
}

pub(crate) fn perform(args: &HeartbeatArgs, context: &mut Context<'_>) -> Result {
    let (view, now) = (context.view, context.now);
    let agent = view.agent(&args.name)?.name.clone();
    let there = current(context.store, &agent)?;
    if !args.is_change() {
        return Ok(show(&agent, there.as_ref(), now));
    }
    let Some(rule) = args.rule()? else { return off(&agent, there, context) };
    let active = there.as_ref().filter(|it| it.state == TaskState::Active);
    let undo = match active {
        Some(row) => {
            format!("agents heartbeat {agent} {}", written(row, &replaced(row, args, view)))
        }
        None => format!("agents heartbeat {agent} off"),
    };
    let id = match there.filter(|it| may_go_on(it, args, view)) {
        Some(row) => again(&row, rule, args, context)?,
        None => begin(&agent, rule, args, context)?,
    };
    let row = context.store.task(id)?;
    Ok(show(&agent, row.as_ref(), now).undo(undo))
}

fn current(store: &CentralStore, agent: &AgentName) -> Result<Option<TaskRow>> {
    Ok(match store.heartbeat_of(agent)? {
        Some(id) => store.task(id)?,
        None => None,
    })
}

/// A task cannot move to another chat, and one that is over stays over.
fn may_go_on(row: &TaskRow, args: &HeartbeatArgs, view: &View) -> bool {
    let chat = args.chat.as_ref().and_then(|it| view.chat(it).ok());
    let over = matches!(row.state, TaskState::Cancelled | TaskState::Done);
    !over && (args.chat.is_none() || chat.is_some_and(|it| it.id == row.task.chat))
}

fn again(
    row: &TaskRow,
    rule: Rule,
    args: &HeartbeatArgs,
    context: &mut Context<'_>,
) -> Result<TaskId> {
    let (store, now) = (&mut *context.store, context.now);
    let edit = TaskEdit {
        rule: Some(rule),
        zone: Some(store.zone_for(row.task.owner)?),
        prompt: args.prompt.is_some().then(|| args.prompt()),
        ..TaskEdit::default()
    };
    store.edit_task(row.id, &edit, now)?;
    if row.state != TaskState::Active {
        store.set_task_state(row.id, TaskState::Active, "", now)?;
    }
    Ok(row.id)
}

fn begin(
    agent: &AgentName,
    rule: Rule,
    args: &HeartbeatArgs,
    context: &mut Context<'_>,
) -> Result<TaskId> {
    let (store, view, now) = (&mut *context.store, context.view, context.now);
    let chat = view.chat_by_id(place(agent, args, view)?);
    let Some(chat) = chat else { return Err(nowhere(agent)) };
    let owner_handle = chat.peer.as_ref().map(|it| Handle::new(&chat.address.channel, it));
    let owner = match &owner_handle {
        Some(handle) => store.person_of(handle)?,
        None => None,
    };
    let task = Task {
        agent: agent.clone(),
        session: None,
        chat: chat.id,
        thread: None,
        owner,
        owner_handle,
        created_by: view.by.clone(),
        prompt: args.prompt(),
        script: None,
        rule,
        zone: store.zone_for(owner)?,
        missed: Missed::Latest,
    };
    if let Some(old) = store.heartbeat_of(agent)? {
        store.set_task_state(old, TaskState::Cancelled, "another heartbeat took its place", now)?;
    }
    let id = store.add_task(&task, now)?;
    store.set_heartbeat(agent, id)?;
    Ok(id)
}

/// The chat that was named, or the only private one of the agent.
fn place(agent: &AgentName, args: &HeartbeatArgs, view: &View) -> Result<ChatId> {
    let of =
        |id: ChatId| view.wired.iter().any(|it| it.wiring.agent == *agent && it.wiring.chat == id);
    if let Some(text) = &args.chat {
        let chat = view.chat(text)?;
        if !of(chat.id) {
            let hint = format!("connect it first: `nanoclaw wire {} {agent}`", chat.id);
            return Err(refused(format!("{agent} is not in {}", view.label(chat)), hint));
        }
        return Ok(chat.id);
    }
    let private: Vec<_> = view.chats.iter().filter(|it| !it.is_group && of(it.id)).collect();
    match private[..] {
        [one] => Ok(one.id),
        [] => Err(nowhere(agent)),
        [..] => Err(refused(
            format!("{agent} is in several private chats"),
            format!("say which: `--chat` {}", joined(private.iter().map(|it| view.address(it)))),
        )),
    }
}

fn nowhere(agent: &AgentName) -> OperationError {
    refused(
        format!("{agent} is in no private chat to speak in"),
        "say where with `--chat CHAT`; `nanoclaw chats list` shows all",
    )
}

fn off(agent: &AgentName, there: Option<TaskRow>, context: &mut Context<'_>) -> Result {
    let (store, now) = (&mut *context.store, context.now);
    let active = there.filter(|it| it.state == TaskState::Active);
    let Some(row) = active else { return Ok(show(agent, None, now)) };
    store.set_task_state(row.id, TaskState::Paused, "the heartbeat was turned off", now)?;
    Ok(show(agent, None, now).undo(format!("agents heartbeat {agent} {}", written(&row, ""))))
}

fn show(agent: &AgentName, row: Option<&TaskRow>, now: Timestamp) -> Output {
    let Some(row) = row.filter(|it| it.state == TaskState::Active) else {
        let json = json!({ "agent": agent.as_str(), "heartbeat": null });
        return Output::new(format!("{agent} has no heartbeat"), json);
    };
    let zone = &row.task.zone;
    let next = row.next_at.map_or_else(|| "-".to_owned(), |it| local(it.max(now), zone));
    let rule = row.task.rule.words(zone);
    let text = format!("{agent} looks {rule} ({zone}), next {next}; it is task {}", row.id);
    let json = json!({
        "agent": agent.as_str(),
        "heartbeat": row.id.to_string(),
        "rule": row.task.rule.to_string(),
        "zone": zone.name(),
        "next": row.next_at.map(crate::output::instant),
        "prompt": row.task.prompt,
    });
    Output::new(text, json)
}

/// The options that ask for what a change takes away: what it looks at, and where it speaks.
fn replaced(row: &TaskRow, args: &HeartbeatArgs, view: &View) -> String {
    let goes_on = may_go_on(row, args, view);
    let end = told("");
    let look = row.task.prompt.strip_suffix(&end).unwrap_or(&row.task.prompt);
    let prompt = (args.prompt.is_some() || !goes_on).then(|| format!("--prompt={look}"));
    let chat = (!goes_on).then(|| format!("--chat={}", row.task.chat));
    prompt.into_iter().chain(chat).map(|it| format!(" {}", shell_word(&it))).collect()
}

/// How it would be asked for again, as far as the rule tells.
fn written(row: &TaskRow, options: &str) -> String {
    match asked(&row.task.rule) {
        Some((period, None)) => format!("every {}{options}", span(period)),
        Some((period, Some(hours))) => format!("every {} --hours {hours}{options}", span(period)),
        None => "off".to_owned(),
    }
}
