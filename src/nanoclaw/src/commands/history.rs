//! `nanoclaw history`: who changed what, and with `--all` what containers and turns came to.

use domain::SessionId;
use domain::cost::Cost;
use domain::history::EventKind;
use domain::task::{FireKey, TaskId};
use domain::time::Timestamp;
use schedule::{Zone, local};
use serde_json::{Value, json};
use store::EventRow;
use store::layout::Layout;

use super::outbox::reading;
use crate::args::HistoryArgs;
use crate::{home, term};

pub(super) fn perform(args: &HistoryArgs, layout: &Layout) -> anyhow::Result<()> {
    let zone = reading(layout)?.zone()?;
    let events = home::central(layout)?.events(args.all, args.lines)?;
    if args.json {
        return term::json(&Value::Array(events.iter().map(value).collect()));
    }
    if events.is_empty() {
        term::out("Nothing has happened yet.");
    }
    for event in &events {
        term::out(&line(event, &zone));
    }
    Ok(())
}

fn line(event: &EventRow, zone: &Zone) -> String {
    let by = if event.by.is_empty() { String::new() } else { format!("  {}:", event.by) };
    format!("{}{by}  {}", local(event.at, zone), words(event, zone))
}

/// What happened, in a few words.
fn words(event: &EventRow, zone: &Zone) -> String {
    let text = |key: &str| event.detail[key].as_str().unwrap_or_default();
    let count = |key: &str| event.detail[key].as_i64().unwrap_or_default();
    let (scope, item) = (event.scope.unwrap_or_default(), event.item.unwrap_or_default());
    let agent = if text("agent").is_empty() { "every agent" } else { text("agent") };
    match event.kind {
        EventKind::Change => text("line").to_owned(),
        EventKind::Answer => format!("answered question {item} with `{}`", text("answer")),
        EventKind::Pairing => match text("role") {
            "" => format!("used pairing code {item} in chat {}", text("chat")),
            role => format!("became {role} with pairing code {item}"),
        },
        EventKind::Stop => format!("stopped {agent}"),
        EventKind::Resume => format!("resumed {agent}"),
        EventKind::Exit => {
            format!("container {item} of {} ended: {}", SessionId(scope), text("reason"))
        }
        EventKind::Cost => {
            let cost = Cost::of_turn(count("micros")).map_or_else(String::new, |it| it.to_string());
            format!("{}.{item} cost {cost}", SessionId(scope))
        }
        EventKind::Run => {
            let (task, slot) = (TaskId(scope), Timestamp(item));
            format!("{task} of {}: {}", local(slot, zone), text("result"))
        }
        EventKind::Refused => {
            let session = SessionId(scope);
            format!("the vault refused {} requests of {session}: {}", count("count"), text("why"))
        }
    }
}

fn value(event: &EventRow) -> Value {
    let key = |task, slot| FireKey { task: TaskId(task), slot: Timestamp(slot) }.to_string();
    let about = match (event.kind, event.scope, event.item) {
        (EventKind::Run, Some(task), Some(slot)) => Some(key(task, slot)),
        (EventKind::Exit | EventKind::Cost, Some(session), Some(item)) => {
            Some(format!("{}.{item}", SessionId(session)))
        }
        (EventKind::Refused, Some(session), _) => Some(SessionId(session).to_string()),
        (EventKind::Answer | EventKind::Pairing, _, Some(item)) => Some(item.to_string()),
        (_, _, _) => None,
    };
    json!({
        "id": event.id,
        "at_ms": event.at.0,
        "kind": event.kind.as_str(),
        "about": about,
        "by": event.by,
        "detail": event.detail,
    })
}
