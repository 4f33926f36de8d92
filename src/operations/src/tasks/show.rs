//! Tasks as people and programs read them: what is scheduled, times that came, and times that would.

use std::fmt::Write;
use std::time::Duration;

use domain::cost::Cost;
use domain::plain::{cut, one_line};
use domain::task::rights::is_listed;
use domain::task::{FireState, TaskState};
use domain::time::{Timestamp, about};
use schedule::{PREVIEW, Rule, Zone, local, slots, understand};
use store::{FireRow, TaskRow};

use super::operation::PreviewArgs;
use super::{add, excerpt, is_over};
use crate::prelude::*;

/// What is later than this was late; before, it is how long things take.
const LATE_AFTER: Duration = Duration::from_secs(60);
/// How many of the next times a list shows.
const NEXT_IN_LIST: usize = 3;
/// How much of a result a list shows.
const RESULT_CHARS: usize = 80;

pub(super) fn list(agent: Option<&AgentName>, all: bool, context: &Context<'_>) -> Result {
    if let Some(agent) = agent {
        context.view.agent(agent)?;
    }
    let mut rows = context.store.tasks(agent)?;
    rows.retain(|it| context.allows(it, is_listed) && (all || !is_over(it.state)));
    let (mut texts, mut values) = (Vec::new(), Vec::new());
    for row in &rows {
        let past = Past::of(row, context.store)?;
        texts.push(entry(row, &past, context));
        values.push(value(row, &past, context));
    }
    // Nothing is known of these but whose they are, so the host alone hears of them.
    let mut unreadable = context.store.unreadable_tasks()?;
    let is_asked = |name: &str| agent.is_none_or(|it| it.as_str() == name);
    unreadable.retain(|it| context.asker().is_none() && it.is_active && is_asked(&it.agent));
    for row in unreadable {
        texts.push(format!("{}: [unreadable] {}\n    {}", row.id, row.why, row.agent));
        values.push(json!({
            "id": row.id.to_string(), "state": "unreadable", "reason": row.why, "agent": row.agent,
        }));
    }
    let hint = format!("`{} add WHEN WHAT` schedules something", context.prefix());
    Ok(match texts.is_empty() {
        true => Output::new("Nothing is scheduled.", json!([])).hint(hint),
        false => Output::new(texts.join("\n"), Value::Array(values)),
    })
}

/// One task in a few lines.
fn entry(row: &TaskRow, past: &Past, context: &Context<'_>) -> String {
    let reason = match row.reason.as_str() {
        "" => String::new(),
        by if by.starts_with("by ") => format!(" {by}"),
        reason => format!(": {reason}"),
    };
    let state = format!(" [{}{reason}]", row.state.as_str());
    let state = if row.state == TaskState::Active { "" } else { state.as_str() };
    let (task, chat) = (excerpt(row), context.chat(row.task.chat));
    let text =
        format!("{}: {task} ({}){state}\n    {} in {chat}", row.id, when(row), row.task.agent);
    text + &times("\n    next: ", row, NEXT_IN_LIST) + &past.text(row)
}

pub(super) fn show(row: &TaskRow, context: &Context<'_>) -> Result {
    let past = Past::of(row, context.store)?;
    let keys = "id status=state when zone rule next_local=next agent label=chat thread session missed \
         owner_name=owner created_by created_at";
    let (mut json, task) = (value(row, &past, context), &row.task);
    let handle = task.owner_handle.as_ref().map(ToString::to_string);
    json["status"] = format!("{} {}", row.state.as_str(), row.reason).trim_end().into();
    json["owner_name"] = task.owner.map(|it| context.view.who_is(it)).or(handle).into();
    let mut output = Output::record(json, keys);
    output.text.push_str(&past.text(row));
    let _ = write!(output.text, "\n\n{}", row.task.prompt);
    if let Some(script) = &row.task.script {
        let _ = write!(output.text, "\n\nscript:\n{}", script.trim_end());
    }
    let hint = format!("`{} history {}` shows what came of it", context.prefix(), row.id);
    Ok(output.hint(hint))
}

/// What is stored after a change, said from the row.
pub(super) fn stored(row: &TaskRow, what: &str, context: &Context<'_>) -> Output {
    let (next, chat) = (times("\nnext: ", row, PREVIEW), context.chat(row.task.chat));
    let text = format!(
        "{} {what}: {} ({}){next}\n{} answers in {chat}",
        row.id,
        excerpt(row),
        when(row),
        row.task.agent
    );
    Output::new(text, value(row, &Past::default(), context))
}

/// The rule in words, with the zone in which it is meant.
fn when(row: &TaskRow) -> String {
    format!("{}, {}", row.task.rule.words(&row.task.zone), row.task.zone)
}

fn next(row: &TaskRow, count: usize) -> Vec<Timestamp> {
    let Some(from) = row.next_at else { return Vec::new() };
    slots(&row.task.rule, &row.task.zone, from, Timestamp(i64::MAX)).take(count).collect()
}

/// The next times, as many as there are; empty for none.
fn times(label: &str, row: &TaskRow, count: usize) -> String {
    let all: Vec<String> =
        next(row, count).into_iter().map(|it| local(it, &row.task.zone)).collect();
    if all.is_empty() { String::new() } else { format!("{label}{}", all.join(", ")) }
}

/// What became of a task so far.
#[derive(Default)]
struct Past {
    /// The latest time.
    last: Option<FireRow>,
    /// Of all times that are remembered, as far as it is known.
    cost: Option<Cost>,
}

impl Past {
    fn of(row: &TaskRow, store: &CentralStore) -> Result<Self> {
        let last = store.task_history(row.id, 1)?.into_iter().next();
        Ok(Self { last, cost: store.task_cost(row.id)? })
    }

    fn text(&self, row: &TaskRow) -> String {
        let last = self.last.as_ref().map(|it| format!("\n    last: {}", result(row, it)));
        let cost = self.cost.map(|it| format!("\n    cost so far: {it}"));
        last.into_iter().chain(cost).collect()
    }
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
        let _ = write!(text, ": {}", cut(&one_line(result), RESULT_CHARS));
    }
    text
}

fn value(row: &TaskRow, past: &Past, context: &Context<'_>) -> Value {
    let (task, zone) = (&row.task, &row.task.zone);
    let next = next(row, PREVIEW);
    json!({
        "id": row.id.to_string(), "state": row.state.as_str(), "reason": row.reason,
        "agent": task.agent, "chat": task.chat.0, "label": context.chat(task.chat),
        "thread": task.thread, "session": task.session.map(|it| it.to_string()),
        "rule": task.rule.to_string(), "when": task.rule.words(zone), "zone": zone,
        "missed": task.missed, "prompt": task.prompt, "script": task.script,
        "owner": task.owner.map(|it| it.to_string()), "owner_handle": task.owner_handle,
        "created_by": task.created_by, "created_at": instant(row.created_at),
        "next": next.iter().map(|it| instant(*it)).collect::<Vec<_>>(),
        "next_local": next.iter().map(|it| local(*it, zone)).collect::<Vec<_>>(),
        "last": past.last.as_ref().map(|it| fire_value(it, zone)),
        "cost_usd": past.cost.map(Cost::exact),
    })
}

fn fire_value(fire: &FireRow, zone: &Zone) -> Value {
    json!({
        "slot": instant(fire.key.slot), "time": local(fire.key.slot, zone),
        "fired_at": instant(fire.fired_at), "late": late(fire), "late_secs": fire.late_by.as_secs(),
        "state": fire.state.as_str(), "skipped": fire.skipped, "result": fire.result,
        "cost": fire.cost.map(|it| it.to_string()), "cost_usd": fire.cost.map(Cost::exact),
        "ended_at": fire.ended_at.map(instant),
    })
}

pub(super) fn history(row: &TaskRow, limit: u32, context: &Context<'_>) -> Result {
    let all = context.store.task_history(row.id, limit)?;
    let all = all.iter().map(|it| fire_value(it, &row.task.zone)).collect();
    let none = format!("{} did not come yet", row.id);
    Ok(Output::list(all, "time late state skipped result cost", &none))
}

pub(super) fn preview(args: &PreviewArgs, context: &Context<'_>) -> Result {
    let zone = match &args.zone {
        Some(zone) => zone.clone(),
        None => context.store.zone_for(add::owner(context).0)?,
    };
    let now = context.asked_at();
    let mut from = Timestamp(now.0.saturating_add(1));
    if let Some(text) = &args.from {
        let at = format!("at {text}").parse();
        let Ok(Rule::Once(at)) = at.or_else(|_| understand(&format!("on {text}"), &zone, now))
        else {
            let what = format!("`{}` is no one time", one_line(text));
            let hint = "say it like 2026-12-24T09:00:00Z, or `24 december at 9:00`";
            return Err(refused(what, hint));
        };
        from = at;
    }
    let rule = understand(&args.when, &zone, from).or_refuse("say it like `every weekday at 9`")?;
    let agent = context.view.agent_or_only(context.asker().map(|it| &it.agent));
    let least = agent.map_or(Ok(add::LEAST), |it| add::least(context.store, &it.name))?;
    add::checked(&rule, &zone, least, Timestamp(from.0.saturating_sub(1)))?;
    let count = usize::try_from(args.count).unwrap_or(usize::MAX);
    let next: Vec<Timestamp> = slots(&rule, &zone, from, Timestamp(i64::MAX)).take(count).collect();
    let times: Vec<String> = next.iter().map(|it| local(*it, &zone)).collect();
    let text = format!("{}, {zone} (`{rule}`)\n  {}", rule.words(&zone), times.join("\n  "));
    let json = json!({
        "rule": rule.to_string(), "when": rule.words(&zone), "zone": zone.name(),
        "slots": next.iter().map(|it| instant(*it)).collect::<Vec<_>>(), "local": times,
    });
    Ok(Output::new(text, json))
}

/// How late a time came, if it was.
fn late(fire: &FireRow) -> Option<String> {
    (LATE_AFTER < fire.late_by).then(|| about(fire.late_by))
}
