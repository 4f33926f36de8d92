//! Changing a task that is there. Saying the same twice changes nothing the second time.

use domain::task::TaskState;
use serde_json::json;
use store::{TaskEdit, TaskRow};

use super::find::{find, find_text, is_over, number};
use super::operation::{AddArgs, EditArgs, TaskName, TasksOperation};
use super::{TaskContext, add, minimum, show};
use crate::Operation;
use crate::operation::Family;
use crate::output::{Output, Result, refused};

pub(super) fn pause(row: &TaskRow, context: &mut TaskContext<'_>) -> Result {
    still(row)?;
    let row = put(row, TaskState::Paused, context)?;
    let undo = format!("undo with `{} resume {}`", context.prefix(), row.id);
    Ok(show::stored(&row, "is paused", context).hint(undo))
}

pub(super) fn resume(row: &TaskRow, context: &mut TaskContext<'_>) -> Result {
    still(row)?;
    if row.state != TaskState::Active {
        add::room(&row.task.agent, context)?;
    }
    let row = put(row, TaskState::Active, context)?;
    let what = match row.state {
        TaskState::Done => "is done: its time passed while it was paused",
        TaskState::Active | TaskState::Paused | TaskState::Cancelled | TaskState::Failing => {
            "goes on"
        }
    };
    let undo = format!("undo with `{} pause {}`", context.prefix(), row.id);
    Ok(show::stored(&row, what, context).hint(undo))
}

pub(super) fn cancel(name: &TaskName, context: &mut TaskContext<'_>) -> Result {
    if context.asker.is_none()
        && let Some(id) = number(&name.words.join(" "))
        && context.store.cancel_unreadable(id, &format!("by {}", context.view.by), context.now)?
    {
        let text = format!("{id} is cancelled; this version cannot read what it was");
        return Ok(Output::new(text, json!({ "id": id.to_string(), "state": "cancelled" })));
    }
    let row = find(name, context)?;
    if row.state == TaskState::Done {
        still(&row)?;
    }
    let row = put(&row, TaskState::Cancelled, context)?;
    let again = format!("add it again with `{}`", again(&row, context));
    Ok(show::stored(&row, "is cancelled", context).hint(again))
}

pub(super) fn run(row: &TaskRow, context: &mut TaskContext<'_>) -> Result {
    let at = context.asked_at();
    let is_unattended = context.asker.is_some_and(|it| !it.is_attended);
    if is_unattended && let Some(last) = context.store.task_history(row.id, 1)?.first() {
        let least = minimum::least(context.store, &row.task.agent)?;
        // Otherwise a task could run itself over and over.
        if last.key.slot.0 != at.0 - at.0.rem_euclid(1_000) && at.since(last.fired_at) < least {
            return Err(refused(
                format!("{} ran a moment ago, and nobody asks for it again", row.id),
                "leave it to its times",
            ));
        }
    }
    let Some(key) = context.store.fire_now(row.id, at)? else {
        return Err(refused(
            format!("{} was cancelled, so it does not run", row.id),
            format!("add it again with `{}`", again(row, context)),
        ));
    };
    let mut output = show::stored(row, "is queued and runs now, besides its times", context);
    output.json["fired"] = key.to_string().into();
    Ok(output.hint(format!("`{} history {}` shows what comes of it", context.prefix(), row.id)))
}

pub(super) fn edit(args: &EditArgs, context: &mut TaskContext<'_>) -> Result {
    let row = find_text(&args.task, context)?;
    if row.state == TaskState::Cancelled {
        still(&row)?;
    }
    let change = changes(args, &row, context)?;
    if change == TaskEdit::default() {
        return Err(refused(
            format!("no change given for {}", row.id),
            format!("give one, like `{} edit {} --when 9:30`", context.prefix(), row.id),
        ));
    }
    if change.rule.is_some() || change.zone.is_some() {
        let rule = change.rule.as_ref().unwrap_or(&row.task.rule);
        let zone = change.zone.as_ref().unwrap_or(&row.task.zone);
        add::checked(rule, zone, &row.task.agent, context)?;
        if row.state == TaskState::Done {
            add::room(&row.task.agent, context)?;
        }
    }
    let undo = before(args, &row);
    match context.store.edit_task(row.id, &change, context.now)? {
        Some(row) => {
            let undo = format!("undo with `{}`", said(TasksOperation::Edit(undo), context));
            Ok(show::stored(&row, "is changed", context).hint(undo))
        }
        None => Err(refused(format!("{} was cancelled just now", row.id), "add it again")),
    }
}

fn changes(args: &EditArgs, row: &TaskRow, context: &TaskContext<'_>) -> Result<TaskEdit> {
    let zone = args.zone.as_ref().unwrap_or(&row.task.zone);
    let rule = match &args.when {
        None => None,
        Some(when) => Some(match row.task.rule.at_times(when, zone) {
            Some(moved) => moved.map_err(|err| refused(err.to_string(), "say the days too"))?,
            None => add::rule(when, zone, context)?,
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
fn still(row: &TaskRow) -> Result<()> {
    if !is_over(row.state) {
        return Ok(());
    }
    Err(refused(
        format!("{} is over: it is {}", row.id, row.state.as_str()),
        "schedule it again, as a new task",
    ))
}

/// Puts a task into a state; one that is there already stays as it is.
fn put(row: &TaskRow, state: TaskState, context: &mut TaskContext<'_>) -> Result<TaskRow> {
    let by = format!("by {}", context.view.by);
    let reason = if state == TaskState::Active { String::new() } else { by };
    let done = context.store.set_task_state(row.id, state, &reason, context.now)?;
    let row = context.store.task(row.id)?.filter(|it| done || it.state == state);
    row.ok_or_else(|| refused("somebody else changed it just now", "look at it again"))
}

/// The line that makes a task like this one.
fn again(row: &TaskRow, context: &TaskContext<'_>) -> String {
    let task = &row.task;
    let here = context.asker.is_some_and(|it| it.chat == task.chat);
    let args = AddArgs {
        when: task.rule.to_string(),
        prompt: task.prompt.clone(),
        chat: (!here).then(|| task.chat.to_string()),
        thread: task.thread.clone().filter(|_| !here),
        agent: context.asker.is_none().then(|| task.agent.clone()),
        zone: Some(task.zone.clone()),
        missed: Some(task.missed),
        script: task.script.clone(),
        session: task.session.map(|it| it.to_string()),
    };
    said(TasksOperation::Add(args), context)
}

/// An operation as it is written where the answer is read.
fn said(operation: TasksOperation, context: &TaskContext<'_>) -> String {
    let line = Operation::Tasks(Family { json: false, operation }).to_string();
    match line.strip_prefix("tasks") {
        Some(rest) => format!("{}{rest}", context.prefix()),
        None => line,
    }
}
