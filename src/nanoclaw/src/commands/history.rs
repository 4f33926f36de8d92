//! `nanoclaw history`: who changed what, and with `--all` what containers and turns came to.

use domain::SessionId;
use domain::cost::Cost;
use domain::history::EventKind;
use domain::plain::{cut, one_line};
use domain::task::{FireKey, TaskId};
use domain::time::Timestamp;
use operations::Operation;
use schedule::{Zone, local};
use serde_json::{Value, json};
use store::EventRow;
use store::layout::Layout;

use super::outbox::central;
use crate::args::HistoryArgs;
use crate::{home, term};

/// How much of one event is shown; all of it is in `--json`.
const CHARS_MAX: usize = 300;

pub(super) fn perform(args: &HistoryArgs, layout: &Layout) -> anyhow::Result<()> {
    let zone = central(layout)?.zone_for(None)?;
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

/// One line, whatever names, texts and last words of containers hold.
fn line(event: &EventRow, zone: &Zone) -> String {
    let tame = |text: &str| cut(&one_line(text), CHARS_MAX);
    let by = if event.by.is_empty() { String::new() } else { format!("  {}:", tame(&event.by)) };
    format!("{}{by}  {}", local(event.at, zone), tame(&words(event, zone)))
}

/// What happened, in a few words.
fn words(event: &EventRow, zone: &Zone) -> String {
    let text = |key: &str| event.detail[key].as_str().unwrap_or_default();
    let count = |key: &str| event.detail[key].as_i64().unwrap_or_default();
    let (scope, item) = (event.scope.unwrap_or_default(), event.item.unwrap_or_default());
    let of = |none: &str| match text("agent") {
        "" => none.to_owned(),
        agent => agent.to_owned(),
    };
    let Some(kind) = EventKind::parse(&event.kind) else {
        return format!("{}: {}", event.kind, event.detail);
    };
    match kind {
        EventKind::Change => text("line").to_owned(),
        EventKind::Answer => {
            let change = Some(text("change")).filter(|it| !it.is_empty());
            let change = change.map(Operation::line_of).unwrap_or_default();
            let about = [text("from"), text("agent"), &change];
            let about =
                about.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ");
            format!(
                "answered question {item} ({}: {about}) with `{}`",
                text("question"),
                text("answer")
            )
        }
        EventKind::Pairing => {
            let became = match text("role") {
                "" => String::new(),
                role => format!(" and became {role} of {}", of("all agents")),
            };
            format!("used pairing code {item} in chat {}{became}", text("chat"))
        }
        EventKind::Stop => format!("stopped {} {}", of("every agent"), text("why")),
        EventKind::Resume => format!("resumed {}", of("every agent")),
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
    let about = match (EventKind::parse(&event.kind), event.scope, event.item) {
        (Some(EventKind::Run), Some(task), Some(slot)) => Some(key(task, slot)),
        (Some(EventKind::Exit | EventKind::Cost), Some(session), Some(item)) => {
            Some(format!("{}.{item}", SessionId(session)))
        }
        (Some(EventKind::Refused), Some(session), _) => Some(SessionId(session).to_string()),
        (_, _, item) => item.map(|it| it.to_string()),
    };
    json!({
        "id": event.id,
        "at_ms": event.at.0,
        "kind": event.kind,
        "about": about,
        "by": event.by,
        "detail": event.detail,
    })
}
