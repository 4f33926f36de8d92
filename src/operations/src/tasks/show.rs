//! Tasks as people and programs read them.

use std::fmt::Write;

use domain::AgentName;
use domain::cost::Cost;
use domain::task::{FireState, TaskState};
use domain::time::Timestamp;
use schedule::{PREVIEW, local, slots};
use serde_json::{Value, json};
use store::{CentralStore, FireRow, TaskRow, UnreadableTask};

use super::TaskContext;
use super::find::{excerpt, is_over};
use super::history::late;
use crate::output::{Output, Result, instant, joined};

/// How many of the next times a list shows.
const NEXT_IN_LIST: usize = 3;
/// How much of a result a list shows.
const RESULT_CHARS: usize = 80;

pub(super) fn list(agent: Option<&AgentName>, all: bool, context: &TaskContext<'_>) -> Result {
    if let Some(agent) = agent {
        context.view.agent(agent)?;
    }
    let mut rows = context.store.tasks(agent)?;
    rows.retain(|it| context.lists(it) && (all || !is_over(it.state)));
    let mut texts = Vec::with_capacity(rows.len());
    let mut values = Vec::with_capacity(rows.len());
    for row in &rows {
        let past = past(row, context.store)?;
        texts.push(entry(row, &past, context));
        values.push(value(row, &past));
    }
    for row in unreadable(agent, context)? {
        texts.push(format!("{}: [unreadable] {}\n    {}", row.id, row.why, row.agent));
        values.push(json!({
            "id": row.id.to_string(), "state": "unreadable", "reason": row.why, "agent": row.agent,
        }));
    }
    if texts.is_empty() {
        let hint = format!("`{} add WHEN WHAT` schedules something", context.prefix());
        return Ok(Output::new("Nothing is scheduled.", Value::Array(values)).hint(hint));
    }
    Ok(Output::new(texts.join("\n"), Value::Array(values)))
}

/// Tasks that nothing is known of but whose they are; the host alone hears of them.
fn unreadable(agent: Option<&AgentName>, context: &TaskContext<'_>) -> Result<Vec<UnreadableTask>> {
    if context.asker.is_some() {
        return Ok(Vec::new());
    }
    let mut all = context.store.unreadable_tasks()?;
    all.retain(|it| it.is_active && agent.is_none_or(|agent| agent.as_str() == it.agent));
    Ok(all)
}

/// One task in a few lines.
fn entry(row: &TaskRow, past: &Past, context: &TaskContext<'_>) -> String {
    let is_plain = row.state == TaskState::Active;
    let state = if is_plain { String::new() } else { format!(" [{}]", state(row)) };
    let mut text = format!("{}: {} ({}){state}", row.id, excerpt(row), when(row));
    let _ = write!(text, "\n    {} in {}", row.task.agent, context.chat(row.task.chat));
    let next = next(row, NEXT_IN_LIST);
    if !next.is_empty() {
        let _ = write!(text, "\n    next: {}", times(row, &next));
    }
    if let Some(last) = &past.last {
        let _ = write!(text, "\n    last: {}", result(row, last));
    }
    if let Some(cost) = past.cost {
        let _ = write!(text, "\n    cost so far: {cost}");
    }
    text
}

pub(super) fn show(row: &TaskRow, context: &TaskContext<'_>) -> Result {
    let task = &row.task;
    let past = past(row, context.store)?;
    let owner = match (task.owner, &task.owner_handle) {
        (Some(person), _) => context.view.who_is(person),
        (None, Some(handle)) => handle.to_string(),
        (None, None) => "-".to_owned(),
    };
    let dash = || "-".to_owned();
    let lines = [
        ("id", row.id.to_string()),
        ("state", state(row)),
        ("when", when(row)),
        ("rule", task.rule.to_string()),
        ("next", joined(next(row, PREVIEW).iter().map(|it| local(*it, &task.zone)))),
        ("agent", task.agent.to_string()),
        ("chat", context.chat(task.chat)),
        ("session", task.session.map_or_else(dash, |it| it.to_string())),
        ("missed", task.missed.to_string()),
        ("owner", owner),
        ("made", format!("{} by {}", local(row.created_at, &task.zone), task.created_by)),
        ("last", past.last.as_ref().map_or_else(dash, |it| result(row, it))),
    ];
    let cost = past.cost.map(|it| ("cost", format!("{it} for the times that `history` knows")));
    let lines: Vec<String> =
        lines.into_iter().chain(cost).map(|(label, text)| format!("{label:<9}{text}")).collect();
    let mut text = format!("{}\n\n{}", lines.join("\n"), task.prompt);
    if let Some(script) = &task.script {
        let _ = write!(text, "\n\nscript:\n{}", script.trim_end());
    }
    let hint = format!("`{} history {}` shows what came of it", context.prefix(), row.id);
    Ok(Output::new(text, value(row, &past)).hint(hint))
}

/// What is stored after a change, said from the row.
pub(super) fn stored(row: &TaskRow, what: &str, context: &TaskContext<'_>) -> Output {
    let mut text = format!("{} {what}: {} ({})", row.id, excerpt(row), when(row));
    let next = next(row, PREVIEW);
    if !next.is_empty() {
        let _ = write!(text, "\nnext: {}", times(row, &next));
    }
    let _ = write!(text, "\n{} answers in {}", row.task.agent, context.chat(row.task.chat));
    Output::new(text, value(row, &Past::default()))
}

/// The rule in words, with the zone in which it is meant.
fn when(row: &TaskRow) -> String {
    format!("{}, {}", row.task.rule.words(&row.task.zone), row.task.zone)
}

fn state(row: &TaskRow) -> String {
    match row.reason.as_str() {
        "" => row.state.as_str().to_owned(),
        reason => format!("{} {reason}", row.state.as_str()),
    }
}

fn next(row: &TaskRow, count: usize) -> Vec<Timestamp> {
    let Some(from) = row.next_at else { return Vec::new() };
    slots(&row.task.rule, &row.task.zone, from, Timestamp(i64::MAX)).take(count).collect()
}

fn times(row: &TaskRow, all: &[Timestamp]) -> String {
    let all: Vec<String> = all.iter().map(|it| local(*it, &row.task.zone)).collect();
    all.join(", ")
}

/// What became of a task so far.
#[derive(Default)]
struct Past {
    /// The latest time.
    last: Option<FireRow>,
    /// Of all times that are remembered, as far as it is known.
    cost: Option<Cost>,
}

fn past(row: &TaskRow, store: &CentralStore) -> Result<Past> {
    let last = store.task_history(row.id, 1)?.into_iter().next();
    Ok(Past { last, cost: store.task_cost(row.id)? })
}

/// How one time went, on one line.
fn result(row: &TaskRow, fire: &FireRow) -> String {
    let mut text = format!("{}, {}", local(fire.key.slot, &row.task.zone), fire.state.as_str());
    if let Some(late) = late(fire) {
        let _ = write!(text, ", {late} late");
    }
    if fire.state == FireState::Skipped {
        let _ = write!(text, " ({})", fire.skipped);
    }
    if let Some(cost) = fire.cost {
        let _ = write!(text, ", {cost}");
    }
    if let Some(result) = &fire.result {
        let line = domain::plain::one_line(result);
        let _ = write!(text, ": {}", domain::plain::cut(&line, RESULT_CHARS));
    }
    text
}

fn value(row: &TaskRow, past: &Past) -> Value {
    let task = &row.task;
    let next = next(row, PREVIEW);
    json!({
        "id": row.id.to_string(),
        "state": row.state.as_str(),
        "reason": row.reason,
        "agent": task.agent.as_str(),
        "chat": task.chat.0,
        "thread": task.thread,
        "session": task.session.map(|it| it.to_string()),
        "rule": task.rule.to_string(),
        "when": task.rule.words(&task.zone),
        "zone": task.zone.name(),
        "missed": task.missed.to_string(),
        "prompt": task.prompt,
        "script": task.script,
        "owner": task.owner.map(|it| it.to_string()),
        "created_by": task.created_by,
        "created_at": instant(row.created_at),
        "next": next.iter().map(|it| instant(*it)).collect::<Vec<_>>(),
        "next_local": next.iter().map(|it| local(*it, &task.zone)).collect::<Vec<_>>(),
        "last": past.last.as_ref().map(fire_value),
        "cost_usd": past.cost.map(Cost::exact),
    })
}

pub(super) fn fire_value(fire: &FireRow) -> Value {
    json!({
        "slot": instant(fire.key.slot),
        "fired_at": instant(fire.fired_at),
        "late_secs": fire.late_by.as_secs(),
        "state": fire.state.as_str(),
        "skipped": fire.skipped,
        "result": fire.result,
        "cost_usd": fire.cost.map(Cost::exact),
        "ended_at": fire.ended_at.map(instant),
    })
}
