//! Times that came, and times that would.

use std::time::Duration;

use domain::plain::{cut, one_line};
use domain::time::{Timestamp, about};
use schedule::{Rule, local, slots, understand};
use serde_json::{Value, json};
use store::{FireRow, TaskRow};

use super::operation::PreviewArgs;
use super::{TaskContext, add, show};
use crate::output::{Output, Result, instant, listed, refused};

/// How much of a result is shown.
const RESULT_CHARS: usize = 80;
/// What is later than this was late; before, it is how long things take.
const LATE_AFTER: Duration = Duration::from_secs(60);

pub(super) fn history(row: &TaskRow, limit: u32, context: &TaskContext<'_>) -> Result {
    let all = context.store.task_history(row.id, limit)?;
    let dash = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
    let line = |fire: &FireRow| {
        let skipped = if fire.skipped == 0 { "-".to_owned() } else { fire.skipped.to_string() };
        let result = fire.result.as_deref().map(|it| cut(&one_line(it), RESULT_CHARS));
        [
            local(fire.key.slot, &row.task.zone),
            dash(late(fire)),
            fire.state.as_str().to_owned(),
            skipped,
            dash(fire.cost.map(|it| it.to_string())),
            dash(result),
        ]
    };
    let head = ["TIME", "LATE", "STATE", "SKIPPED", "COST", "RESULT"];
    let none = format!("{} did not come yet", row.id);
    let text = listed(head, all.iter().map(line).collect(), &none);
    Ok(Output::new(text, Value::Array(all.iter().map(show::fire_value).collect())))
}

pub(super) fn preview(args: &PreviewArgs, context: &TaskContext<'_>) -> Result {
    let zone = match &args.zone {
        Some(zone) => zone.clone(),
        None => context.store.zone_for(add::owner(context).0)?,
    };
    let now = context.asked_at();
    let from = match &args.from {
        None => Timestamp(now.0.saturating_add(1)),
        Some(text) => {
            let found = format!("at {text}")
                .parse()
                .or_else(|_| understand(&format!("on {text}"), &zone, now));
            match found {
                Ok(Rule::Once(at)) => at,
                Ok(Rule::Every { .. } | Rule::Days(_) | Rule::Cron(_)) | Err(_) => {
                    return Err(refused(
                        format!("`{}` is no one time", one_line(text)),
                        "say it like 2026-12-24T09:00:00Z, or `24 december at 9:00`",
                    ));
                }
            }
        }
    };
    let rule = understand(&args.when, &zone, from)
        .map_err(|err| refused(err.to_string(), "say it like `every weekday at 9`"))?;
    let count = usize::try_from(args.count).unwrap_or(usize::MAX);
    let next: Vec<Timestamp> = slots(&rule, &zone, from, Timestamp(i64::MAX)).take(count).collect();
    let mut lines = vec![format!("{}, {zone} (`{rule}`)", rule.words(&zone))];
    lines.extend(next.iter().map(|it| format!("  {}", local(*it, &zone))));
    if next.is_empty() {
        lines.push("  never".to_owned());
    }
    let json = json!({
        "rule": rule.to_string(),
        "when": rule.words(&zone),
        "zone": zone.name(),
        "slots": next.iter().map(|it| instant(*it)).collect::<Vec<_>>(),
        "local": next.iter().map(|it| local(*it, &zone)).collect::<Vec<_>>(),
    });
    Ok(Output::new(lines.join("\n"), json))
}

/// How late a time came, if it was.
pub(super) fn late(fire: &FireRow) -> Option<String> {
    (LATE_AFTER < fire.late_by).then(|| about(fire.late_by))
}
