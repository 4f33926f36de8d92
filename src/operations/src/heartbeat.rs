//! The heartbeat of an agent: a task that looks every now and then whether there is anything to say.

use clap::Args;
use domain::AgentName;
use domain::people::Handle;
use domain::plain::shell_word;
use domain::quiet::Hours;
use domain::task::{Missed, NOTHING, TaskId, TaskState, parse_span, span};
use domain::time::Timestamp;
use schedule::{Rule, Zone, asked, heartbeat, local};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ChatRow, Task, TaskEdit, TaskRow};

use crate::{Context, Output, Result, View, instant, joined, refused};

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
    pub fn is_change(&self) -> bool {
        let has_option = self.hours.is_some() || self.prompt.is_some() || self.chat.is_some();
        !self.when.is_empty() || has_option
    }

    /// The rule that is asked for; `None` for `off`.
    fn rule(&self) -> Result<Option<Rule>> {
        let words: Vec<&str> = self.when.iter().flat_map(|it| it.split_whitespace()).collect();
        let period = match words[..] {
            [] => return Err(refused("no interval is given", "say when too, like `every 30m`")),
            ["off"] => return Ok(None),
            ["every", period] | [period] => parse_span(period),
            _ => None,
        };
        let what = format!("`{}` is no interval", words.join(" "));
        let wrong = || refused(what, "use `every 30m`, `every 2h`, or `off`");
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
pub(crate) fn prepare(args: &mut HeartbeatArgs, view: &View, host: &View) -> Result<String> {
    let place = match &mut args.chat {
        Some(chat) => view.resolve_chat(chat, host)?,
        None => "its private chat".to_owned(),
    };
    let agent = &host.agent(&args.name)?.name;
    if !args.is_change() {
        return Ok(String::new());
    }
    let Some(rule) = args.rule()? else {
        return Ok(format!("The agent `{agent}` no longer checks in."));
    };
    Ok(format!(
        "The agent `{agent}` checks whether there is anything to say in {place}: {}. Each \
         look costs a turn of its model. It is told: {}",
        words(&rule, &Zone::utc()),
        args.prompt()
    ))
}

pub(crate) fn perform(args: &HeartbeatArgs, context: &mut Context<'_>) -> Result {
    let (view, now) = (context.view, context.now);
    let agent = &view.agent(&args.name)?.name;
    let there = match context.store.heartbeat_of(agent)? {
        Some(id) => context.store.task(id)?,
        None => None,
    };
    let active = there.as_ref().filter(|it| it.state == TaskState::Active);
    if !args.is_change() {
        return Ok(show(agent, active, now));
    }
    let Some(rule) = args.rule()? else {
        let output = show(agent, None, now);
        let Some(row) = active else { return Ok(output) };
        let why = "the heartbeat was turned off";
        context.store.set_task_state(row.id, TaskState::Paused, why, now)?;
        return Ok(output.undo(format!("agents heartbeat {agent} {}", written(row, ""))));
    };
    let undo =
        active.map_or_else(|| "off".to_owned(), |row| written(row, &replaced(row, args, view)));
    let id = match there.as_ref().filter(|it| may_go_on(it, args, view)) {
        Some(row) => {
            let zone = Some(context.store.zone_for(row.task.owner)?);
            let prompt = args.prompt.is_some().then(|| args.prompt());
            let edit = TaskEdit { rule: Some(rule), zone, prompt, ..TaskEdit::default() };
            context.store.edit_task(row.id, &edit, now)?;
            if row.state != TaskState::Active {
                context.store.set_task_state(row.id, TaskState::Active, "", now)?;
            }
            row.id
        }
        None => begin(agent, rule, args, context)?,
    };
    let row = context.store.task(id)?;
    let output = show(agent, row.as_ref(), now);
    Ok(output.undo(format!("agents heartbeat {agent} {undo}")))
}

/// A task cannot move to another chat, and one that is over stays over.
fn may_go_on(row: &TaskRow, args: &HeartbeatArgs, view: &View) -> bool {
    let chat = args.chat.as_ref().and_then(|it| view.chat(it).ok());
    let over = matches!(row.state, TaskState::Cancelled | TaskState::Done);
    !over && (args.chat.is_none() || chat.is_some_and(|it| it.id == row.task.chat))
}

fn begin(
    agent: &AgentName,
    rule: Rule,
    args: &HeartbeatArgs,
    context: &mut Context<'_>,
) -> Result<TaskId> {
    let (store, view, now) = (&mut *context.store, context.view, context.now);
    let chat = place(agent, args, view)?;
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
        created_by: context.caller.text(),
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
fn place<'a>(agent: &AgentName, args: &HeartbeatArgs, view: &'a View) -> Result<&'a ChatRow> {
    let of = view.wired.iter().filter(|it| it.wiring.agent == *agent);
    let mut chats: Vec<&ChatRow> = of.filter_map(|it| view.chat_by_id(it.wiring.chat)).collect();
    if let Some(text) = &args.chat {
        let chat = view.chat(text)?;
        if chats.contains(&chat) {
            return Ok(chat);
        }
        let hint = format!("connect it first: `nanoclaw chats connect {} {agent}`", chat.id);
        return Err(refused(format!("{agent} is not in {}", view.label(chat)), hint));
    }
    chats.retain(|it| !it.is_group);
    if let [one] = chats[..] {
        return Ok(one);
    }
    let several = joined(chats.iter().map(|it| view.address(it)));
    let what = match chats.is_empty() {
        true => format!("{agent} is in no private chat to speak in"),
        false => format!("{agent} is in several private chats: {several}"),
    };
    Err(refused(what, "say where with `--chat CHAT`; `nanoclaw chats list` shows all"))
}

fn show(agent: &AgentName, row: Option<&TaskRow>, now: Timestamp) -> Output {
    let Some(row) = row else {
        let json = json!({ "agent": agent, "heartbeat": null });
        return Output::new(format!("{agent} has no heartbeat"), json);
    };
    let zone = &row.task.zone;
    let next = row.next_at.map_or_else(|| "-".to_owned(), |it| local(it.max(now), zone));
    let rule = words(&row.task.rule, zone);
    let text = format!("{agent} looks {rule} ({zone}), next {next}; it is task {}", row.id);
    let json = json!({
        "agent": agent,
        "heartbeat": row.id.to_string(),
        "rule": row.task.rule.to_string(),
        "zone": zone.name(),
        "next": row.next_at.map(instant),
        "prompt": row.task.prompt,
    });
    Output::new(text, json)
}

/// When it comes, as it was asked for.
fn words(rule: &Rule, zone: &Zone) -> String {
    match asked(rule) {
        Some((period, None)) => format!("every {}", span(period)),
        Some((period, Some(hours))) => format!("every {}, {hours}", span(period)),
        None => rule.words(zone),
    }
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
