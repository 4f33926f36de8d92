//! The line that says what an event is about.
//!
//! Where each kind has its facts:
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

use serde_json::Value;

const FACT_CHARS_MAX: usize = 200;

/// Where an event has what, as JSON pointers (RFC 6901).
struct Shape {
    event: &'static str,
    /// Of several the first that is there.
    title: &'static [&'static str],
    url: &'static str,
    detail: Option<&'static str>,
}

const SHAPES: [Shape; 6] = [
    Shape {
        event: "push",
        title: &["/head_commit/message"],
        url: "/compare",
        detail: Some("/ref"),
    },
    Shape {
        event: "pull_request",
        title: &["/pull_request/title"],
        url: "/pull_request/html_url",
        detail: None,
    },
    Shape { event: "issues", title: &["/issue/title"], url: "/issue/html_url", detail: None },
    Shape {
        event: "issue_comment",
        title: &["/issue/title"],
        url: "/comment/html_url",
        detail: None,
    },
    Shape {
        event: "workflow_run",
        title: &["/workflow_run/display_title", "/workflow_run/name"],
        url: "/workflow_run/html_url",
        detail: Some("/workflow_run/conclusion"),
    },
    Shape {
        event: "release",
        title: &["/release/name"],
        url: "/release/html_url",
        detail: Some("/release/tag_name"),
    },
];

/// Of any other event.
const GENERIC: Shape =
    Shape { event: "", title: &["/title", "/name"], url: "/url", detail: Some("/status") };

/// `pull_request, opened, acme/door, by ann, "Oil the hinge", https://…`; `None` when the event
/// tells none of it.
pub(super) fn line(event: Option<&str>, value: &Value) -> Option<String> {
    let shape = SHAPES.iter().find(|it| Some(it.event) == event).unwrap_or(&GENERIC);
    let at = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).and_then(clean);
    let facts: Vec<String> = [
        event.and_then(clean),
        at("/action"),
        shape.detail.and_then(at),
        at("/repository/full_name"),
        at("/sender/login").map(|it| format!("by {it}")),
        shape.title.iter().find_map(|it| at(it)).map(|it| format!("\"{it}\"")),
        at(shape.url).filter(|it| it.starts_with("https://") || it.starts_with("http://")),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!facts.is_empty()).then(|| facts.join(", "))
}

/// The first line of it, no longer than a line is; `None` when nothing is left.
fn clean(text: &str) -> Option<String> {
    let line = text.trim().lines().next()?;
    let plain = |it: char| if it.is_control() { ' ' } else { it };
    let mut short: String = line.chars().take(FACT_CHARS_MAX).map(plain).collect();
    if FACT_CHARS_MAX < line.chars().count() {
        short.push('…');
    }
    Some(short.trim().to_owned()).filter(|it| !it.is_empty())
}
