//! The words for what happened.

use std::time::Duration;

use super::{Asked, Facts, Rule, Sent, Taker, Tool};
use crate::delivery::by_hand::Standing;
use crate::message::{InboundKind, Outcome};
use crate::time::Timestamp;

/// A message that took longer than this to get here is called late.
const LATE: Duration = Duration::from_secs(60);

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Timestamp,
    pub text: String,
}

/// What the message is, one line each: what kind of fact, and the fact.
#[must_use]
pub fn head(facts: &Facts, clock: impl Fn(Timestamp) -> String) -> Vec<(&'static str, String)> {
    let it = &facts.message;
    let who = match it.handle.as_str() {
        "host" => it.sender.clone(),
        handle => format!("{} ({handle})", it.sender),
    };
    let mut lines = vec![
        ("message", format!("{}.{} for {}: {}", it.session, it.seq, it.agent, standing(facts))),
        ("from", format!("{who} in {}", it.chat)),
    ];
    if it.handle != "host" {
        lines.push(("their id", it.platform_id.clone()));
    }
    lines.push(("stored", stored(it, &clock)));
    lines.push(("let in", let_in(it)));
    lines.extend(facts.cost.map(|it| ("cost", format!("{it}, by the word of its container"))));
    lines
}

fn standing(facts: &Facts) -> String {
    let it = &facts.message;
    match (&it.end, it.kind) {
        (_, InboundKind::Context) => "background, which starts nothing".to_owned(),
        (None, _) => format!("not answered for {}", span(facts.context.now.since(it.received_at))),
        (Some(end), _) => {
            let what = match end.outcome {
                Outcome::Answered => "answered",
                Outcome::Silent => "ended without an answer",
                Outcome::Declined => "cancelled",
                Outcome::Failed => "given up",
            };
            let why = if end.reason.is_empty() { "" } else { ": " };
            let after = span(end.at.since(it.received_at));
            format!("{what} after {after}{why}{}", end.reason)
        }
    }
}

fn stored(it: &Asked, clock: impl Fn(Timestamp) -> String) -> String {
    let stored = clock(it.received_at);
    match it.sent_at {
        None => format!("{stored}; its platform does not say when it was sent"),
        Some(sent) => {
            let way = it.received_at.since(sent);
            let late = if LATE < way { ", late" } else { "" };
            format!("{stored}, {} after it was sent{late}", span(way))
        }
    }
}

fn let_in(it: &Asked) -> String {
    let agent = &it.agent;
    let Some(Rule { word, detail }) = &it.rule else {
        return match it.kind {
            InboundKind::Command => "a command that the host takes itself".to_owned(),
            InboundKind::Chat | InboundKind::Context => "that was not kept".to_owned(),
        };
    };
    let why = match word.as_str() {
        "undelivered" => return format!("the host tells of the part {detail}"),
        "context" => "the message is only background for it".to_owned(),
        "trigger" => "the message calls it by name".to_owned(),
        "direct" => "it is a direct chat".to_owned(),
        "mention" => "the message mentions the bot".to_owned(),
        "sticky" => "the message continues their conversation".to_owned(),
        "pattern" => "the message matches the chat's pattern".to_owned(),
        other => other.to_owned(),
    };
    let who = match detail.as_str() {
        "" => String::new(),
        "unknown" => "; its sender is unknown, and the chat is public".to_owned(),
        role @ ("owner" | "admin") => format!("; its sender is an {role}"),
        role => format!("; its sender is a {role}"),
    };
    let approval = it.approval.as_ref();
    let asked =
        approval.map(|it| format!("; after {} said yes to question #{}", it.by, it.question));
    format!("the chat is wired to {agent}, and {why}{who}{}", asked.unwrap_or_default())
}

/// What happened, in the order of time.
#[must_use]
pub fn story(facts: &Facts) -> Vec<Line> {
    let mut lines = Vec::new();
    for (index, it) in facts.containers.iter().enumerate() {
        let before = index.checked_sub(1).map(|at| &facts.containers[at]);
        container(it, before, facts, &mut lines);
    }
    lines.extend(facts.tools.iter().map(tool));
    for it in &facts.questions {
        let what = if it.is_change { "a change" } else { "an answer from a person" };
        let id = it.id.map(|id| format!(" (question #{id})")).unwrap_or_default();
        lines.push(Line { at: it.asked_at, text: format!("the agent asked for {what}{id}") });
    }
    if let Some(end) =
        facts.message.end.as_ref().filter(|_| facts.message.kind != InboundKind::Context)
    {
        lines.push(Line {
            at: end.at,
            text: format!("the host wrote down: {}", end.outcome.as_str()),
        });
    }
    lines.extend(facts.parts.iter().flat_map(part));
    lines.sort_by_key(|it| it.at);
    lines
}

fn container(it: &Taker, before: Option<&Taker>, facts: &Facts, lines: &mut Vec<Line>) {
    let n = it.incarnation;
    // One that ran already when the message came is no part of its story until it takes it.
    let fresh = it.started_at.filter(|&at| facts.message.received_at <= at);
    let is_new = before.is_none_or(|it| it.incarnation != n);
    if let Some(at) = fresh.filter(|_| is_new) {
        lines.push(Line { at, text: format!("container {n} was started") });
    }
    let unknown = if it.started_at.is_none() { ", which the host does not know" } else { "" };
    let text = format!("container {n} took it, by its own word{unknown}");
    lines.push(Line { at: it.claimed_at, text });
    let ended_before_it =
        |at: &Timestamp| facts.message.end.as_ref().is_none_or(|end| *at <= end.at);
    if let Some(at) = it.ended_at.filter(ended_before_it) {
        let text = match it.reason.as_str() {
            "" => format!("container {n} ended with it in hand"),
            why => format!("container {n} ended with it in hand: {why}"),
        };
        lines.push(Line { at, text });
    }
}

fn tool(it: &Tool) -> Line {
    let how = match it.end {
        Some((at, true)) => format!("ok after {}", span(at.since(it.started_at))),
        Some((at, false)) => format!("failed after {}", span(at.since(it.started_at))),
        None => "its end is not known".to_owned(),
    };
    Line { at: it.started_at, text: format!("tool {}, by its own word: {how}", it.name) }
}

fn part(it: &Sent) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(at) = it.created_at {
        lines.push(Line { at, text: part_head(it) });
    }
    lines.push(Line { at: it.changed_at, text: part_line(it) });
    lines
}

/// What a part is and where it goes.
#[must_use]
pub fn part_head(it: &Sent) -> String {
    format!("part {}: {} ({}) to {}", it.key, it.kind, it.form, it.chat)
}

/// How a part stands.
#[must_use]
pub fn part_line(it: &Sent) -> String {
    let key = &it.key;
    let again = if it.was_uncertain { ", perhaps more than once" } else { "" };
    let why = |clause: &str| match it.reason.as_str() {
        "" => String::new(),
        reason => format!("{clause}{reason}"),
    };
    match it.standing {
        Standing::Sent => format!("part {key} is there as {}{again}", it.platform_id),
        Standing::Ready if it.held => {
            format!("part {key} is held for the quiet hours of its reader")
        }
        Standing::Ready => format!("part {key} waits for its turn"),
        Standing::Claimed => format!("part {key} is being sent{again}"),
        Standing::Unsent => format!("part {key} did not get through ({})", attempts(it)),
        Standing::Uncertain => format!("part {key} got no answer ({})", attempts(it)),
        Standing::Dead => format!("part {key} was given up{}{again}", why(": ")),
    }
}

fn attempts(it: &Sent) -> String {
    let count = |n: u32, what: &str| (n != 0).then(|| format!("{n} {what}"));
    let said = [count(it.tries, "times told to wait"), count(it.misses, "times no answer")];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `0.3 s`, `12 s`, `5 min`, `3 h`, `2 d`.
pub(super) fn span(it: Duration) -> String {
    match it.as_secs() {
        0..10 => format!("{}.{} s", it.as_secs(), it.subsec_millis() / 100),
        secs @ 10..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs / 60),
        secs @ 7_200..172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}
