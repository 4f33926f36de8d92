//! What agents are to do at set times: found by number or by words, scheduled, changed, looked at.
//! When those times are is the matter of the crate `schedule`, who may do what that of
//! `domain::task::rights`.

mod add;
mod change;
pub(crate) mod operation;
mod show;

pub(crate) use add::prompt;

use std::collections::HashSet;

use domain::plain::{cut, one_line};
use domain::session_key::ChatId;
use domain::task::rights::{Belongs, Standpoint, is_listed, may_change};
use domain::task::{TaskId, TaskState};
use domain::time::Timestamp;
use store::TaskRow;

use crate::caller::by_agent;
use crate::prelude::*;
use crate::tasks::operation::{TaskName, TasksOperation};
use crate::view;
use crate::{Asker, Caller};

impl<'a> Context<'a> {
    /// Who asks in a chat; `None` for the host.
    fn asker(&self) -> Option<&'a Asker> {
        match self.caller {
            Caller::Chat(asker) => Some(asker),
            Caller::Host | Caller::Agent { .. } => None,
        }
    }

    /// When it was asked; what is said in relation to now counts from then.
    fn asked_at(&self) -> Timestamp {
        self.asker().map_or(self.now, |it| it.at.min(self.now))
    }

    /// How the operations are called where the answer is read.
    fn prefix(&self) -> &'static str {
        if self.asker().is_some() { "/tasks" } else { "nanoclaw tasks" }
    }

    /// Whether a rule allows the caller a task; the host may everything.
    fn allows(&self, row: &TaskRow, rule: fn(&Standpoint<'_>, &Belongs<'_>) -> bool) -> bool {
        let Some(asker) = self.asker() else { return true };
        let from = Standpoint { agent: &asker.agent, chat: asker.chat, who: &asker.who };
        let task = &row.task;
        let belongs = Belongs {
            agent: &task.agent,
            chat: task.chat,
            owner: task.owner,
            owner_handle: task.owner_handle.as_ref(),
            is_agents: task.created_by == by_agent(&task.agent),
        };
        rule(&from, &belongs)
    }

    /// A chat as people know it.
    fn chat(&self, id: ChatId) -> String {
        let is_here = self.asker().is_some_and(|it| it.chat == id);
        if is_here { "this chat".to_owned() } else { self.view.label_of(id) }
    }
}

impl Command for TasksOperation {
    fn right(&self) -> Right<'_> {
        match self {
            Self::List { .. } | Self::Show(_) | Self::History { .. } => Right::Look(None),
            Self::Preview(_) | Self::Minimum { span: None } => Right::Look(None),
            // Of an agent that answers somebody, `check` has compared the chat.
            Self::Add(_)
            | Self::Set(_)
            | Self::Run(_)
            | Self::Remove(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Minimum { span: Some(_) } => Right::People((
                "tasks belong to a chat",
                "ask for them while you answer somebody there",
            )),
        }
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        match self {
            Self::List { agent, all } => show::list(agent.as_ref(), *all, context),
            Self::Show(task) => show::show(&find(task, context)?, context),
            Self::Add(args) => add::add(args, context),
            Self::Set(args) => change::edit(args, context),
            Self::Pause(task) => change::set(task, TaskState::Paused, context),
            Self::Resume(task) => change::set(task, TaskState::Active, context),
            Self::Remove(task) => change::set(task, TaskState::Cancelled, context),
            Self::Run(task) => change::run(&find(task, context)?, context),
            Self::History { task, limit } => show::history(&find(task, context)?, *limit, context),
            Self::Preview(args) => show::preview(args, context),
            Self::Minimum { span } => add::minimum(span.as_deref(), context.store),
        }
    }
}

/// How much of a text tells tasks apart.
const EXCERPT_CHARS: usize = 60;
/// Words that say nothing about which one is meant.
const FILLERS: [&str; 8] = ["the", "a", "my", "our", "task", "reminder", "job", "to"];

/// The task of that name, as far as the caller may see it.
fn find(name: &TaskName, context: &Context<'_>) -> Result<TaskRow> {
    let numbers = name.words.iter().map(|it| number(it.trim_end_matches(',')));
    if let Some([first, _, ..]) = numbers.collect::<Option<Vec<_>>>().as_deref() {
        return Err(refused("several tasks are named", format!("name one at a time: {first}")));
    }
    find_text(&name.words.join(" "), context)
}

fn find_text(text: &str, context: &Context<'_>) -> Result<TaskRow> {
    let list = format!("see `{} list`", context.prefix());
    let missing = || not_found(format!("there is no task `{}`", one_line(text)), &list);
    if let Some(id) = number(text) {
        return context
            .store
            .task(id)?
            .filter(|it| context.allows(it, may_change))
            .ok_or_else(missing);
    }
    let rows = context.store.tasks(None)?;
    let fits = words(text);
    let fits = |row: &&TaskRow| {
        // `the Monday briefing` is one that comes on Mondays, whatever its text says.
        let when = row.task.rule.words(&row.task.zone);
        let all = words(&format!("{} {when}", row.task.prompt));
        !fits.is_empty()
            && context.allows(row, is_listed)
            && fits.iter().all(|word| all.contains(word))
    };
    let (over, live): (Vec<&TaskRow>, Vec<&TaskRow>) =
        rows.iter().filter(fits).partition(|it| is_over(it.state));
    if let ([], Some(last)) = (&live[..], over.last()) {
        // Who asks once more for the end of a task hears that it has ended.
        return Ok((*last).clone());
    }
    let candidate = |it: &TaskRow| format!("{} ({})", it.id, excerpt(it));
    view::only(&live, &format!("tasks `{}`", one_line(text)), candidate, missing).cloned()
}

/// Whether a task is behind us.
fn is_over(state: TaskState) -> bool {
    match state {
        TaskState::Done | TaskState::Cancelled => true,
        TaskState::Active | TaskState::Paused | TaskState::Failing => false,
    }
}

/// What is to be done, on one short line.
fn excerpt(row: &TaskRow) -> String {
    cut(&one_line(&row.task.prompt), EXCERPT_CHARS)
}

/// `3`, `t3`, `#3`, `task 3`.
fn number(text: &str) -> Option<TaskId> {
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix("task ").unwrap_or(&text).trim();
    let digits = text.trim_start_matches(['t', '#']);
    let plain = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(TaskId)).flatten()
}

fn words(text: &str) -> HashSet<String> {
    let words = text.split(|it: char| !it.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|it| !it.is_empty() && !FILLERS.contains(&it.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for text in ["3", "t3", "T3", "#3", "task 3", " Task t3 "] {
            assert_eq!(number(text), Some(TaskId(3)), "{text}");
        }
        for text in ["", "t", "three", "3 and 4", "-3", "99999999999999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
