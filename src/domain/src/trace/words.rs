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
    let message = &facts.message;
    let who = match message.handle.as_str() {
        "host" => message.sender.clone(),
        handle => format!("{} ({handle})", message.sender),
    };
    let which = format!("{}.{} for {}", message.session, message.seq, message.agent);
    let mut lines = vec![
        ("message", format!("{which}: {}", standing(facts))),
        ("from", format!("{who} in {}", message.chat)),
    ];
    if message.handle != "host" {
        lines.push(("their id", message.platform_id.clone()));
    }
    lines.push(("stored", stored(message, &clock)));
    lines.push(("let in", let_in(message)));
    lines.extend(facts.cost.map(|it| ("cost", format!("{it}, by the word of its container"))));
    lines
}

fn standing(facts: &Facts) -> String {
    let Asked { end, kind, received_at, .. } = &facts.message;
    match (end, kind) {
        (_, InboundKind::Context) => "background, which starts nothing".to_owned(),
        (None, _) => format!("not answered for {}", span(facts.context.now.since(*received_at))),
        (Some(end), _) => {
            let what = match end.outcome {
                Outcome::Answered => "answered",
                Outcome::Silent => "ended without an answer",
                Outcome::Declined => "cancelled",
                Outcome::Failed => "given up",
            };
            let why = if end.reason.is_empty() { "" } else { ": " };
            let after = span(end.at.since(*received_at));
            format!("{what} after {after}{why}{}", end.reason)
        }
    }
}

fn stored(message: &Asked, clock: impl Fn(Timestamp) -> String) -> String {
    let stored = clock(message.received_at);
    match message.sent_at {
        None => format!("{stored}; its platform does not say when it was sent"),
        Some(sent) => {
            let way = message.received_at.since(sent);
            let late = if LATE < way { ", late" } else { "" };
            format!("{stored}, {} after it was sent{late}", span(way))
        }
    }
}

fn let_in(message: &Asked) -> String {
    let agent = &message.agent;
    let Some(Rule { word, detail }) = &message.rule else {
        return match message.kind {
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
    let approval = message.approval.as_ref();
    let asked =
        approval.map(|it| format!("; after {} said yes to question #{}", it.by, it.question));
    format!("the chat is wired to {agent}, and {why}{who}{}", asked.unwrap_or_default())
}

/// What happened, in the order of time.
#[must_use]
pub fn story(facts: &Facts) -> Vec<Line> {
    let mut lines = Vec::new();
    for (index, taker) in facts.containers.iter().enumerate() {
        let before = index.checked_sub(1).map(|at| &facts.containers[at]);
        container(taker, before, facts, &mut lines);
    }
    lines.extend(facts.tools.iter().map(tool));
    for question in &facts.questions {
        let what = if question.is_change { "a change" } else { "an answer from a person" };
        let id = question.id.map(|id| format!(" (question #{id})")).unwrap_or_default();
        lines.push(Line { at: question.asked_at, text: format!("the agent asked for {what}{id}") });
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

fn container(taker: &Taker, before: Option<&Taker>, facts: &Facts, lines: &mut Vec<Line>) {
    let n = taker.incarnation;
    // One that ran already when the message came is no part of its story until it takes it.
    let fresh = taker.started_at.filter(|&at| facts.message.received_at <= at);
    let is_new = before.is_none_or(|it| it.incarnation != n);
    if let Some(at) = fresh.filter(|_| is_new) {
        lines.push(Line { at, text: format!("container {n} was started") });
    }
    let unknown = if taker.started_at.is_none() { ", which the host does not know" } else { "" };
    let text = format!("container {n} took it, by its own word{unknown}");
    lines.push(Line { at: taker.claimed_at, text });
    let ended_before_it =
        |at: &Timestamp| facts.message.end.as_ref().is_none_or(|end| *at <= end.at);
    if let Some(at) = taker.ended_at.filter(ended_before_it) {
        let text = match taker.reason.as_str() {
            "" => format!("container {n} ended with it in hand"),
            why => format!("container {n} ended with it in hand: {why}"),
        };
        lines.push(Line { at, text });
    }
}

fn tool(tool: &Tool) -> Line {
    let how = match tool.end {
        Some((at, true)) => format!("ok after {}", span(at.since(tool.started_at))),
        Some((at, false)) => format!("failed after {}", span(at.since(tool.started_at))),
        None => "its end is not known".to_owned(),
    };
    Line { at: tool.started_at, text: format!("tool {}, by its own word: {how}", tool.name) }
}

fn part(sent: &Sent) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(at) = sent.created_at {
        lines.push(Line { at, text: part_head(sent) });
    }
    lines.push(Line { at: sent.changed_at, text: part_line(sent) });
    lines
}

/// What a part is and where it goes.
#[must_use]
pub fn part_head(sent: &Sent) -> String {
    format!("part {}: {} ({}) to {}", sent.key, sent.kind, sent.form, sent.chat)
}

/// How a part stands.
#[must_use]
pub fn part_line(sent: &Sent) -> String {
    let key = &sent.key;
    let again = if sent.was_uncertain { ", perhaps more than once" } else { "" };
    let why = |clause: &str| match sent.reason.as_str() {
        "" => String::new(),
        reason => format!("{clause}{reason}"),
    };
    match sent.standing {
        Standing::Sent => format!("part {key} is there as {}{again}", sent.platform_id),
        Standing::Ready if sent.held => {
            format!("part {key} is held for the quiet hours of its reader")
        }
        Standing::Ready => format!("part {key} waits for its turn"),
        Standing::Claimed => format!("part {key} is being sent{again}"),
        Standing::Unsent => format!("part {key} did not get through ({})", attempts(sent)),
        Standing::Uncertain => format!("part {key} got no answer ({})", attempts(sent)),
        Standing::Dead => format!("part {key} was given up{}{again}", why(": ")),
    }
}

fn attempts(sent: &Sent) -> String {
    let count = |n: u32, what: &str| (n != 0).then(|| format!("{n} {what}"));
    let said = [count(sent.tries, "times told to wait"), count(sent.misses, "times no answer")];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `0.3 s`, `12 s`, `5 min`, `3 h`, `2 d`.
pub(super) fn span(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{}.{} s", duration.as_secs(), duration.subsec_millis() / 100),
        secs @ 10..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs / 60),
        secs @ 7_200..172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}
