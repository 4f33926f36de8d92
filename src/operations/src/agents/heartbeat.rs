//! The heartbeat of an agent: a task that looks every now and then whether there is anything to say.

use std::time::Duration;

use crate::prelude::*;
use crate::tasks::prompt;
use domain::BadText;
use domain::people::Handle;
use domain::plain::shell_word;
use domain::quiet::Hours;
use domain::task::{Missed, NOTHING, TaskId, TaskState, parse_span, span};
use domain::time::Timestamp;
use schedule::{Rule, asked, heartbeat, local};
use store::{ChatRow, Task, TaskEdit, TaskRow};

/// What is looked at when nobody says otherwise.
const LOOK: &str = "Look at HEARTBEAT.md and your notes for anything that is due or that people should \
     know now. Do what is due.";

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(after_help = "\
The agent looks at HEARTBEAT.md in its workspace and at its notes. If there is nothing to say it
answers NOTHING, and nobody hears of it. Outside of the active hours nothing is started. What is
not said stays as it is.

Examples:
  nanoclaw agents heartbeat andy every 30m --hours 8:00-22:00
  nanoclaw agents heartbeat andy every 2h --prompt 'See whether the build is broken.'
  nanoclaw agents heartbeat andy off")]
pub struct HeartbeatArgs {
    /// The agent's name
    pub name: AgentName,
    /// `every 30m`, or `off`
    pub when: Vec<String>,
    /// Only within these hours of the day, like 8:00-22:00; `always` ends that
    #[arg(long, value_name = "FROM-TO",
          value_parser = |text: &str| hours(text).map(|_| text.to_owned()))]
    pub hours: Option<String>,
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

    /// What is asked for, with the present hours where none are said; `None` for `off`.
    fn rule(&self, there: Option<&TaskRow>, store: &CentralStore) -> Result<Option<(Pace, Rule)>> {
        let words: Vec<&str> = self.when.iter().flat_map(|it| it.split_whitespace()).collect();
        let period = match words[..] {
            [] => return Err(refused("no interval is given", "say when too, like `every 30m`")),
            ["off"] => return Ok(None),
            ["every", period] | [period] => parse_span(period),
            _ => None,
        };
        let what = format!("`{}` is no interval", words.join(" "));
        let wrong = || refused(what, "use `every 30m`, `every 2h`, or `off`");
        let period = period.ok_or_else(wrong)?;
        let hours = match &self.hours {
            Some(text) => hours(text).or_refuse("or say `always`")?,
            None => there.map(|it| pace(it, store)).transpose()?.flatten().and_then(|it| it.1),
        };
        let rule = heartbeat(period, hours).or_refuse("a task may have any other times")?;
        Ok(Some(((period, hours), rule)))
    }

    /// What it is told to look at: what is said, else what it was told before.
    fn prompt(&self, there: Option<&TaskRow>) -> Result<String> {
        let said = self.prompt.as_deref().map(prompt).transpose()?;
        Ok(match (said, there) {
            (None, Some(row)) => row.task.prompt.clone(),
            (said, _) => told(said.as_deref().unwrap_or(LOOK)),
        })
    }

    pub(super) fn prepare(
        &mut self,
        store: &CentralStore,
        view: &View,
        host: &View,
    ) -> Result<String> {
        let place = match &mut self.chat {
            Some(chat) => view.resolve_chat(chat, host)?,
            None => "its private chat".to_owned(),
        };
        let agent = &host.agent(&self.name)?.name;
        if !self.is_change() {
            return Ok(String::new());
        }
        let there = present(agent, store)?;
        let Some((pace, _)) = self.rule(there.as_ref(), store)? else {
            return Ok(format!("The agent `{agent}` no longer checks in."));
        };
        Ok(format!(
            "The agent `{agent}` checks whether there is anything to say in {place}: {}. Each \
             look costs a turn of its model. It is told: {}",
            paced(pace, ", "),
            self.prompt(there.as_ref())?
        ))
    }

    pub(super) fn run(&self, context: &mut Context<'_>) -> Result {
        let (view, now) = (context.view, context.now);
        let agent = &view.agent(&self.name)?.name;
        let there = present(agent, context.store)?;
        let there = there.as_ref();
        let active = there.filter(|it| it.state == TaskState::Active);
        if !self.is_change() {
            return show(agent, active, context);
        }
        let undo = active.map(|it| self.written(it, view, context.store)).transpose()?;
        let undo = undo.unwrap_or_else(|| "off".to_owned());
        let undo = format!("agents heartbeat {agent} {undo}");
        let Some((_, rule)) = self.rule(there, context.store)? else {
            let output = show(agent, None, context)?;
            let Some(row) = active else { return Ok(output) };
            let why = "the heartbeat was turned off";
            context.store.set_task_state(row.id, TaskState::Paused, why, now)?;
            return Ok(output.undo(undo));
        };
        let prompt = self.prompt(there)?;
        if let Some(hours) = &self.hours {
            context.store.set_setting(&hours_setting(agent), hours)?;
        }
        let id = match there.filter(|it| self.may_go_on(it, view)) {
            Some(row) => {
                let zone = Some(context.store.zone_for(row.task.owner)?);
                let prompt = Some(prompt);
                let edit = TaskEdit { rule: Some(rule), zone, prompt, ..TaskEdit::default() };
                context.store.edit_task(row.id, &edit, now)?;
                if row.state != TaskState::Active {
                    context.store.set_task_state(row.id, TaskState::Active, "", now)?;
                }
                row.id
            }
            None => self.begin(agent, rule, prompt, context)?,
        };
        let row = context.store.task(id)?;
        Ok(show(agent, row.as_ref(), context)?.undo(undo))
    }

    /// A task cannot move to another chat.
    fn may_go_on(&self, row: &TaskRow, view: &View) -> bool {
        let is_there = |text: &String| view.chat(text).is_ok_and(|it| it.id == row.task.chat);
        self.chat.as_ref().is_none_or(is_there)
    }

    fn begin(
        &self,
        agent: &AgentName,
        rule: Rule,
        prompt: String,
        context: &mut Context<'_>,
    ) -> Result<TaskId> {
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
            prompt,
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

    /// How it would be asked for again, as far as the rule tells, with what a change takes away.
    fn written(&self, row: &TaskRow, view: &View, store: &CentralStore) -> Result<String> {
        let Some(pace) = pace(row, store)? else { return Ok("off".to_owned()) };
        let is_always = self.hours.is_some() && pace.1.is_none();
        let look = row.task.prompt.strip_suffix(&told("")).unwrap_or(&row.task.prompt);
        let options = [
            is_always.then(|| "--hours=always".to_owned()),
            self.prompt.is_some().then(|| format!("--prompt={look}")),
            (!self.may_go_on(row, view)).then(|| format!("--chat={}", row.task.chat)),
        ];
        let options = options.iter().flatten().map(|it| format!(" {}", shell_word(it)));
        Ok(paced(pace, " --hours ") + &options.collect::<String>())
    }
}

/// How often, and within which hours of the day.
type Pace = (Duration, Option<Hours>);

/// The hours that are said; `always` is none.
fn hours(text: &str) -> Result<Option<Hours>, BadText> {
    if text == "always" { Ok(None) } else { Hours::parse(text).map(Some) }
}

/// The setting that keeps the hours as they were said.
fn hours_setting(agent: &AgentName) -> String {
    format!("heartbeat.hours.{agent}")
}

/// The heartbeat of an agent, also one that is off; what is over stays over.
fn present(agent: &AgentName, store: &CentralStore) -> Result<Option<TaskRow>> {
    let row = store.heartbeat_of(agent)?.map(|it| store.task(it)).transpose()?.flatten();
    Ok(row.filter(|it| !matches!(it.state, TaskState::Cancelled | TaskState::Done)))
}

fn told(look: &str) -> String {
    format!("{look}\n\nIf there is nothing to tell anybody, answer exactly {NOTHING}.")
}

fn show(agent: &AgentName, row: Option<&TaskRow>, context: &Context<'_>) -> Result {
    let Some(row) = row else {
        let json = json!({ "agent": agent, "heartbeat": null });
        return Ok(Output::new(format!("{agent} has no heartbeat"), json));
    };
    let zone = &row.task.zone;
    let at = |it: Timestamp| local(it.max(context.now), zone);
    let next = row.next_at.map_or_else(|| "-".to_owned(), at);
    let pace = pace(row, context.store)?.map(|it| paced(it, ", "));
    let rule = pace.unwrap_or_else(|| row.task.rule.words(zone));
    let text = format!("{agent} looks {rule} ({zone}), next {next}; it is task {}", row.id);
    let json = json!({
        "agent": agent, "heartbeat": row.id.to_string(), "rule": row.task.rule.to_string(),
        "zone": zone.name(), "next": row.next_at.map(instant), "prompt": row.task.prompt,
    });
    Ok(Output::new(text, json))
}

/// What its rule was made of. Every 2h until 21:00 or 22:00 is one rule: hours that were said tell more.
fn pace(row: &TaskRow, store: &CentralStore) -> Result<Option<Pace>> {
    let Some((period, read)) = asked(&row.task.rule) else { return Ok(None) };
    let said = store.setting(&hours_setting(&row.task.agent))?;
    let said = said.and_then(|it| hours(&it).ok()).flatten();
    let is_made_so = said.is_some() && heartbeat(period, said).as_ref() == Ok(&row.task.rule);
    Ok(Some((period, if is_made_so { said } else { read })))
}

fn paced((period, hours): Pace, before_hours: &str) -> String {
    let hours = hours.map(|it| format!("{before_hours}{it}")).unwrap_or_default();
    format!("every {}{hours}", span(period))
}
