//! Changing a task that is there. Saying the same twice changes nothing the second time.

use domain::task::TaskState;
use serde_json::json;
use store::{CentralStore, TaskEdit, TaskRow};

use super::find::{find, find_text, is_over, number};
use super::verb::{AddArgs, EditArgs, TaskName, TasksVerb};
use super::{Around, add, minimum, show};
use crate::Verb;
use crate::output::{Output, VerbError, refused};
use crate::verb::Family;

pub(super) fn pause(
    name: &TaskName,
    store: &mut CentralStore,
    around: &Around<'_>,
) -> Result<Output, VerbError> {
    let row = find(name, store, around)?;
    still(&row)?;
    let row = put(&row, TaskState::Paused, store, around)?;
    let undo = format!("undo with `{} resume {}`", around.prefix(), row.id);
    Ok(show::stored(&row, "is paused", around).hint(undo))
}

pub(super) fn resume(
    name: &TaskName,
    store: &mut CentralStore,
    around: &Around<'_>,
) -> Result<Output, VerbError> {
    let row = find(name, store, around)?;
    still(&row)?;
    if row.state != TaskState::Active {
        add::room(store, &row.task.agent, around)?;
    }
    let row = put(&row, TaskState::Active, store, around)?;
    let what = match row.state {
        TaskState::Done => "is done: its time passed while it was paused",
        TaskState::Active | TaskState::Paused | TaskState::Cancelled | TaskState::Failing => {
            "goes on"
        }
    };
    let undo = format!("undo with `{} pause {}`", around.prefix(), row.id);
    Ok(show::stored(&row, what, around).hint(undo))
}

pub(super) fn cancel(
    name: &TaskName,
    store: &mut CentralStore,
    around: &Around<'_>,
) -> Result<Output, VerbError> {
    if around.asker.is_none()
        && let Some(id) = number(&name.words.join(" "))
        && store.cancel_unreadable(id, &format!("by {}", around.view.by), around.now)?
    {
        let text = format!("{id} is cancelled; this version cannot read what it was");
        return Ok(Output::new(text, json!({ "id": id.to_string(), "state": "cancelled" })));
    }
    let row = find(name, store, around)?;
    if row.state == TaskState::Done {
        still(&row)?;
    }
    let row = put(&row, TaskState::Cancelled, store, around)?;
    let again = format!("add it again with `{}`", again(&row, around));
    Ok(show::stored(&row, "is cancelled", around).hint(again))
}

pub(super) fn run(
    name: &TaskName,
    store: &mut CentralStore,
    around: &Around<'_>,
) -> Result<Output, VerbError> {
    let row = find(name, store, around)?;
    let at = around.asked_at();
    let by_itself = around.asker.is_some_and(|it| !it.is_attended);
    if by_itself && let Some(last) = store.task_history(row.id, 1)?.first() {
        let least = minimum::least(store, &row.task.agent)?;
        // Otherwise a task could run itself over and over.
        if last.key.slot.0 != at.0 - at.0.rem_euclid(1_000) && at.since(last.fired_at) < least {
            return Err(refused(
                format!("{} ran a moment ago, and nobody asks for it again", row.id),
                "leave it to its times",
            ));
        }
    }
    let Some(key) = store.fire_now(row.id, at)? else {
        return Err(refused(
            format!("{} was cancelled, so it does not run", row.id),
            format!("add it again with `{}`", again(&row, around)),
        ));
    };
    let mut output = show::stored(&row, "is queued and runs now, besides its times", around);
    output.json["fired"] = key.to_string().into();
    Ok(output.hint(format!("`{} history {}` shows what comes of it", around.prefix(), row.id)))
}

pub(super) fn edit(
    args: &EditArgs,
    store: &mut CentralStore,
    around: &Around<'_>,
) -> Result<Output, VerbError> {
    let row = find_text(&args.task, store, around)?;
    if row.state == TaskState::Cancelled {
        still(&row)?;
    }
    let change = changes(args, &row, around)?;
    if change == TaskEdit::default() {
        return Err(refused(
            "nothing was said to change",
            format!("say for example `{} edit {} --when 9:30`", around.prefix(), row.id),
        ));
    }
    if change.rule.is_some() || change.zone.is_some() {
        let rule = change.rule.as_ref().unwrap_or(&row.task.rule);
        let zone = change.zone.as_ref().unwrap_or(&row.task.zone);
        add::checked(rule, zone, &row.task.agent, store, around)?;
        if row.state == TaskState::Done {
            add::room(store, &row.task.agent, around)?;
        }
    }
    let undo = before(args, &row);
    match store.edit_task(row.id, &change, around.now)? {
        Some(row) => {
            let undo = format!("undo with `{}`", said(TasksVerb::Edit(undo), around));
            Ok(show::stored(&row, "is changed", around).hint(undo))
        }
        None => Err(refused(format!("{} was cancelled just now", row.id), "add it again")),
    }
}

fn changes(args: &EditArgs, row: &TaskRow, around: &Around<'_>) -> Result<TaskEdit, VerbError> {
    let zone = args.zone.as_ref().unwrap_or(&row.task.zone);
    let rule = match &args.when {
        None => None,
        Some(when) => Some(match row.task.rule.at_times(when, zone) {
            Some(moved) => moved.map_err(|err| refused(err.to_string(), "say the days too"))?,
            None => add::rule(when, zone, around)?,
        }),
    };
    Ok(TaskEdit {
        prompt: args.prompt.as_deref().map(add::prompt).transpose()?,
        script: args.script.as_deref().map(add::script).transpose()?,
        rule,
        zone: args.zone.clone(),
        missed: args.missed,
    })
}

/// What brings a task back to what it was before an edit.
fn before(args: &EditArgs, row: &TaskRow) -> EditArgs {
    let task = &row.task;
    EditArgs {
        task: row.id.to_string(),
        when: args.when.as_ref().map(|_| task.rule.to_string()),
        prompt: args.prompt.as_ref().map(|_| task.prompt.clone()),
        zone: args.zone.as_ref().map(|_| task.zone.clone()),
        missed: args.missed.map(|_| task.missed),
        script: args.script.as_ref().map(|_| task.script.clone().unwrap_or_default()),
    }
}

/// Refuses what is over.
fn still(row: &TaskRow) -> Result<(), VerbError> {
    if !is_over(row.state) {
        return Ok(());
    }
    Err(refused(
        format!("{} is over: it is {}", row.id, row.state.as_str()),
        "schedule it again, as a new task",
    ))
}

/// Puts a task into a state; one that is there already stays as it is.
fn put(
    row: &TaskRow,
    state: TaskState,
    store: &mut CentralStore,
    around: &Around<'_>,
) -> Result<TaskRow, VerbError> {
    let by = format!("by {}", around.view.by);
    let reason = if state == TaskState::Active { String::new() } else { by };
    let done = store.set_task_state(row.id, state, &reason, around.now)?;
    let row = store.task(row.id)?.filter(|it| done || it.state == state);
    row.ok_or_else(|| refused("somebody else changed it just now", "look at it again"))
}

/// The line that makes a task like this one.
fn again(row: &TaskRow, around: &Around<'_>) -> String {
    let task = &row.task;
    let here = around.asker.is_some_and(|it| it.chat == task.chat);
    let args = AddArgs {
        when: task.rule.to_string(),
        prompt: task.prompt.clone(),
        chat: (!here).then(|| task.chat.to_string()),
        thread: task.thread.clone().filter(|_| !here),
        agent: around.asker.is_none().then(|| task.agent.clone()),
        zone: Some(task.zone.clone()),
        missed: Some(task.missed),
        script: task.script.clone(),
        session: task.session.map(|it| it.to_string()),
    };
    said(TasksVerb::Add(args), around)
}

/// A verb as it is written where the answer is read.
fn said(verb: TasksVerb, around: &Around<'_>) -> String {
    let line = Verb::Tasks(Family { json: false, verb }).to_string();
    match line.strip_prefix("tasks") {
        Some(rest) => format!("{}{rest}", around.prefix()),
        None => line,
    }
}
