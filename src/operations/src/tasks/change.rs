//! Changing a task that is there. Saying the same twice changes nothing the second time.

use domain::task::TaskState;
use store::{TaskEdit, TaskRow};

use super::operation::{AddArgs, SetArgs, TaskName, TasksOperation};
use super::{add, find, find_text, is_over, number, show};
use crate::prelude::*;
use crate::{Family, Operation};

/// Pauses, resumes or cancels a task; one that is in that state already stays as it is.
pub(super) fn set(name: &TaskName, to: TaskState, context: &mut Context<'_>) -> Result {
    let by = format!("by {}", context.caller.text());
    if to == TaskState::Cancelled
        && context.asker().is_none()
        && let Some(id) = number(&name.words.join(" "))
        && context.store.cancel_unreadable(id, &by, context.now)?
    {
        let text = format!("{id} is cancelled; this version cannot read what it was");
        return Ok(Output::new(text, json!({ "id": id.to_string(), "state": "cancelled" })));
    }
    let row = find(name, context)?;
    if to != TaskState::Cancelled || row.state == TaskState::Done {
        still(&row)?;
    }
    if to == TaskState::Active && row.state != TaskState::Active {
        add::room(&row.task.agent, context)?;
    }
    let reason = if to == TaskState::Active { "" } else { by.as_str() };
    let is_done = context.store.set_task_state(row.id, to, reason, context.now)?;
    let row = context.store.task(row.id)?.filter(|it| is_done || it.state == to);
    let row =
        row.ok_or_else(|| refused("somebody else changed it just now", "look at it again"))?;
    let undo = |operation: &str| format!("undo with `{} {operation} {}`", context.prefix(), row.id);
    let (what, hint) = match row.state {
        TaskState::Paused => ("is paused", undo("resume")),
        TaskState::Active | TaskState::Failing => ("goes on", undo("pause")),
        TaskState::Done => ("is done: its time passed while it was paused", undo("pause")),
        TaskState::Cancelled => {
            ("is cancelled", format!("add it again with `{}`", again(&row, context)))
        }
    };
    Ok(show::stored(&row, what, context).hint(hint))
}

pub(super) fn run(row: &TaskRow, context: &mut Context<'_>) -> Result {
    let at = context.asked_at();
    let is_unattended = context.asker().is_some_and(|it| !it.is_attended);
    if is_unattended && let Some(last) = context.store.task_history(row.id, 1)?.first() {
        let least = add::least(context.store, &row.task.agent)?;
        // Otherwise a task could run itself over and over.
        if last.key.slot.0 != at.0 - at.0.rem_euclid(1_000) && at.since(last.fired_at) < least {
            let what = format!("{} ran a moment ago, and nobody asks for it again", row.id);
            return Err(refused(what, "leave it to its times"));
        }
    }
    let Some(key) = context.store.fire_now(row.id, at)? else {
        let what = format!("{} was cancelled, so it does not run", row.id);
        return Err(refused(what, format!("add it again with `{}`", again(row, context))));
    };
    let mut output = show::stored(row, "is queued, besides its times", context);
    output.json["fired"] = key.to_string().into();
    Ok(output.hint(format!("`{} history {}` shows what comes of it", context.prefix(), row.id)))
}

pub(super) fn edit(args: &SetArgs, context: &mut Context<'_>) -> Result {
    let row = find_text(&args.task, context)?;
    if row.state == TaskState::Cancelled {
        still(&row)?;
    }
    let change = changes(args, &row, context)?;
    if change == TaskEdit::default() {
        let hint = format!("give one, like `{} set {} --when 9:30`", context.prefix(), row.id);
        return Err(refused(format!("no change given for {}", row.id), hint));
    }
    if change.rule.is_some() || change.zone.is_some() {
        let rule = change.rule.as_ref().unwrap_or(&row.task.rule);
        let zone = change.zone.as_ref().unwrap_or(&row.task.zone);
        let least = add::least(context.store, &row.task.agent)?;
        add::checked(rule, zone, least, context.now)?;
        if row.state == TaskState::Done {
            add::room(&row.task.agent, context)?;
        }
    }
    let undo = before(args, &row);
    match context.store.edit_task(row.id, &change, context.now)? {
        Some(row) => {
            let undo = format!("undo with `{}`", said(TasksOperation::Set(undo), context));
            Ok(show::stored(&row, "is changed", context).hint(undo))
        }
        None => Err(refused(format!("{} was cancelled just now", row.id), "add it again")),
    }
}

fn changes(args: &SetArgs, row: &TaskRow, context: &Context<'_>) -> Result<TaskEdit> {
    let zone = args.zone.as_ref().unwrap_or(&row.task.zone);
    let rule = |when: &String| match row.task.rule.at_times(when, zone) {
        Some(moved) => moved.or_refuse("say the days too"),
        None => add::rule(when, zone, context),
    };
    Ok(TaskEdit {
        prompt: args.prompt.as_deref().map(add::prompt).transpose()?,
        script: args.script.as_deref().map(add::script).transpose()?,
        rule: args.when.as_ref().map(rule).transpose()?,
        zone: args.zone.clone(),
        missed: args.missed,
    })
}

/// What brings a task back to what it was before an edit.
fn before(args: &SetArgs, row: &TaskRow) -> SetArgs {
    let task = &row.task;
    SetArgs {
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
    let what = format!("{} is over: it is {}", row.id, row.state.as_str());
    Err(refused(what, "schedule it again, as a new task"))
}

/// The line that makes a task like this one.
fn again(row: &TaskRow, context: &Context<'_>) -> String {
    let task = &row.task;
    let here = context.asker().is_some_and(|it| it.chat == task.chat);
    let args = AddArgs {
        when: task.rule.to_string(),
        prompt: task.prompt.clone(),
        chat: (!here).then(|| task.chat.to_string()),
        thread: task.thread.clone().filter(|_| !here),
        agent: context.asker().is_none().then(|| task.agent.clone()),
        zone: Some(task.zone.clone()),
        missed: Some(task.missed),
        script: task.script.clone(),
        session: task.session.map(|it| it.to_string()),
    };
    said(TasksOperation::Add(args), context)
}

/// An operation as it is written where the answer is read.
fn said(operation: TasksOperation, context: &Context<'_>) -> String {
    let line = Operation::Tasks(Family { json: false, operation }).to_string();
    line.replacen("tasks", context.prefix(), 1)
}
