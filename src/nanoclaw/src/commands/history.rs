//! `nanoclaw history`: who changed what, and with `--all` what containers and turns came to.

use domain::SessionId;
use domain::cost::Cost;
use domain::history::EventKind;
use domain::plain::{cut, one_line};
use domain::task::{FireKey, TaskId};
use domain::time::Timestamp;
use operations::{Operation, Output};
use schedule::{Zone, local};
use serde_json::{Value, json};
use store::EventRow;
use store::layout::Layout;

/// How much of one event is shown; all of it is in `--json`.
const CHARS_MAX: usize = 300;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Commands that changed something, here, in a chat or by an agent; answers to questions, pairings, stops.
Kept as long as messages are (`nanoclaw keep`).")]
pub(crate) struct HistoryArgs {
    /// What nobody did too: ends of containers, costs, runs of tasks, requests that the vault refused
    #[arg(long)]
    all: bool,
    /// How many events
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    lines: u32,
}

pub(super) fn perform(args: &HistoryArgs, layout: &Layout) -> anyhow::Result<Output> {
    let central = super::central(layout, false)?;
    let zone = central.zone_for(None)?;
    let events = central.events(args.all, args.lines)?;
    let lines: Vec<String> = events.iter().map(|it| line(it, &zone)).collect();
    let text = if lines.is_empty() { "Nothing has happened yet." } else { &lines.join("\n") };
    Ok(Output::new(text, events.iter().map(value).collect()))
}

/// One line, whatever names, texts and last words of containers hold.
fn line(event: &EventRow, zone: &Zone) -> String {
    let tame = |text: &str| cut(&one_line(text), CHARS_MAX);
    let by = if event.by.is_empty() { String::new() } else { format!("  {}:", tame(&event.by)) };
    format!("{}{by}  {}", local(event.at, zone), tame(&words(event, zone)))
}

fn words(event: &EventRow, zone: &Zone) -> String {
    let text = |key: &str| event.detail[key].as_str().unwrap_or_default();
    let count = |key: &str| event.detail[key].as_i64().unwrap_or_default();
    let (scope, item) = (event.scope.unwrap_or_default(), event.item.unwrap_or_default());
    let of = |none| if text("agent").is_empty() { none } else { text("agent") };
    let Some(kind) = EventKind::parse(&event.kind) else {
        return format!("{}: {}", event.kind, event.detail);
    };
    match kind {
        EventKind::Change => text("line").to_owned(),
        EventKind::Answer => {
            let change = Some(text("change")).filter(|it| !it.is_empty());
            let change = change.map(Operation::line_of).unwrap_or_default();
            let mut about = vec![text("from"), text("agent"), &change];
            about.retain(|it| !it.is_empty());
            let (about, question, answer) = (about.join(", "), text("question"), text("answer"));
            format!("answered question {item} ({question}: {about}) with `{answer}`")
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
            let (count, session) = (count("count"), SessionId(scope));
            format!("the vault refused {count} requests of {session}: {}", text("why"))
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
        "id": event.id, "at_ms": event.at, "kind": event.kind, "about": about, "by": event.by,
        "detail": event.detail,
    })
}
