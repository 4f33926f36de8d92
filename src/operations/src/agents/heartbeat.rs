//! The heartbeat of an agent: a task that looks every now and then whether there is anything to say.

use crate::prelude::*;
use domain::people::Handle;
use domain::plain::shell_word;
use domain::quiet::Hours;
use domain::task::{Missed, NOTHING, TaskId, TaskState, parse_span, span};
use domain::time::Timestamp;
use schedule::{Rule, Zone, asked, heartbeat, local};
use store::{ChatRow, Task, TaskEdit, TaskRow};

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
    pub(super) fn is_change(&self) -> bool {
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
        let rule = heartbeat(period.ok_or_else(wrong)?, self.hours);
        rule.map(Some).or_refuse("a task may have any other times")
    }

    fn prompt(&self) -> String {
        told(self.prompt.as_deref().map_or(LOOK, str::trim))
    }

    pub(super) fn prepare(&mut self, view: &View, host: &View) -> Result<String> {
        let place = match &mut self.chat {
            Some(chat) => view.resolve_chat(chat, host)?,
            None => "its private chat".to_owned(),
        };
        let agent = &host.agent(&self.name)?.name;
        if !self.is_change() {
            return Ok(String::new());
        }
        let Some(rule) = self.rule()? else {
            return Ok(format!("The agent `{agent}` no longer checks in."));
        };
        Ok(format!(
            "The agent `{agent}` checks whether there is anything to say in {place}: {}. Each \
             look costs a turn of its model. It is told: {}",
            words(&rule, &Zone::utc()),
            self.prompt()
        ))
    }

    pub(super) fn run(&self, context: &mut Context<'_>) -> Result {
        let (view, now) = (context.view, context.now);
        let agent = &view.agent(&self.name)?.name;
        let there = match context.store.heartbeat_of(agent)? {
            Some(id) => context.store.task(id)?,
            None => None,
        };
        let active = there.as_ref().filter(|it| it.state == TaskState::Active);
        if !self.is_change() {
            return Ok(show(agent, active, now));
        }
        let Some(rule) = self.rule()? else {
            let output = show(agent, None, now);
            let Some(row) = active else { return Ok(output) };
            let why = "the heartbeat was turned off";
            context.store.set_task_state(row.id, TaskState::Paused, why, now)?;
            return Ok(output.undo(format!("agents heartbeat {agent} {}", written(row, ""))));
        };
        let undo = active.map(|row| written(row, &self.replaced(row, view)));
        let undo = undo.unwrap_or_else(|| "off".to_owned());
        let id = match there.as_ref().filter(|it| self.may_go_on(it, view)) {
            Some(row) => {
                let zone = Some(context.store.zone_for(row.task.owner)?);
                let prompt = self.prompt.is_some().then(|| self.prompt());
                let edit = TaskEdit { rule: Some(rule), zone, prompt, ..TaskEdit::default() };
                context.store.edit_task(row.id, &edit, now)?;
                if row.state != TaskState::Active {
                    context.store.set_task_state(row.id, TaskState::Active, "", now)?;
                }
                row.id
            }
            None => self.begin(agent, rule, context)?,
        };
        let row = context.store.task(id)?;
        Ok(show(agent, row.as_ref(), now).undo(format!("agents heartbeat {agent} {undo}")))
    }

    /// A task cannot move to another chat, and one that is over stays over.
    fn may_go_on(&self, row: &TaskRow, view: &View) -> bool {
        let is_there = |text: &String| view.chat(text).is_ok_and(|it| it.id == row.task.chat);
        let is_over = matches!(row.state, TaskState::Cancelled | TaskState::Done);
        !is_over && self.chat.as_ref().is_none_or(is_there)
    }

    fn begin(&self, agent: &AgentName, rule: Rule, context: &mut Context<'_>) -> Result<TaskId> {
        let (store, now) = (&mut *context.store, context.now);
        let chat = self.place(agent, context.view)?;
        let owner_handle = chat.peer.as_ref().map(|it| Handle::new(&chat.address.channel, it));
        let owner = owner_handle.as_ref().map(|it| store.person_of(it)).transpose()?.flatten();
        let task = Task {
            agent: agent.clone(),
            session: None,
            chat: chat.id,
            thread: None,
            owner,
            owner_handle,
            created_by: context.caller.text(),
            prompt: self.prompt(),
            script: None,
            rule,
            zone: store.zone_for(owner)?,
            missed: Missed::Latest,
        };
        if let Some(old) = store.heartbeat_of(agent)? {
            let why = "another heartbeat took its place";
            store.set_task_state(old, TaskState::Cancelled, why, now)?;
        }
        let id = store.add_task(&task, now)?;
        store.set_heartbeat(agent, id)?;
        Ok(id)
    }

    /// The chat that was named, or the only private one of the agent.
    fn place<'a>(&self, agent: &AgentName, view: &'a View) -> Result<&'a ChatRow> {
        let mut chats: Vec<&ChatRow> = view.chats_of(agent).collect();
        if let Some(text) = &self.chat {
            let chat = view.chat(text)?;
            if chats.contains(&chat) {
                return Ok(chat);
            }
            let hint = format!("connect it first: `nanoclaw chats connect {} {agent}`", chat.id);
            return Err(refused(format!("{agent} is not in {}", view.label(chat)), hint));
        }
        chats.retain(|it| !it.is_group);
        let several = joined(chats.iter().map(|it| view.address(it)));
        let what = match chats[..] {
            [one] => return Ok(one),
            [] => format!("{agent} is in no private chat to speak in"),
            [..] => format!("{agent} is in several private chats: {several}"),
        };
        Err(refused(what, "say where with `--chat CHAT`; `nanoclaw chats list` shows all"))
    }

    /// The options that ask for what a change takes away: what it looks at, and where it speaks.
    fn replaced(&self, row: &TaskRow, view: &View) -> String {
        let goes_on = self.may_go_on(row, view);
        let look = row.task.prompt.strip_suffix(&told("")).unwrap_or(&row.task.prompt);
        let prompt = (self.prompt.is_some() || !goes_on).then(|| format!("--prompt={look}"));
        let chat = (!goes_on).then(|| format!("--chat={}", row.task.chat));
        prompt.into_iter().chain(chat).map(|it| format!(" {}", shell_word(&it))).collect()
    }
}

fn told(look: &str) -> String {
    format!("{look}\n\nIf there is nothing to tell anybody, answer exactly {NOTHING}.")
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
    period(rule, ", ").unwrap_or_else(|| rule.words(zone))
}

/// How it would be asked for again, as far as the rule tells.
fn written(row: &TaskRow, options: &str) -> String {
    period(&row.task.rule, " --hours ").map_or_else(|| "off".to_owned(), |it| it + options)
}

fn period(rule: &Rule, before_hours: &str) -> Option<String> {
    let (period, hours) = asked(rule)?;
    let hours = hours.map(|it| format!("{before_hours}{it}")).unwrap_or_default();
    Some(format!("every {}{hours}", span(period)))
}
