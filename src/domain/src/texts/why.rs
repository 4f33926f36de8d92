//! What `nanoclaw why` tells of a message: what it is, what happened, and what it waits for. What the program in the
//! container says of itself is not trusted, and is marked as its word.

use std::time::Duration;

use crate::delivery::by_hand::Standing;
use crate::message::{AuthorKind, Body, FileText, InboundKind, Outcome};
use crate::plain::{cut, one_line};
use crate::session::Limits;
use crate::task::FireKey;
use crate::time::{Timestamp, about};
use crate::trace::{Approval, Facts, Rule, Sent, Taker, TraceContext};

/// A message that took longer than this to get here is called late.
const LATE: Duration = Duration::from_secs(60);

/// How much is shown of what was found in a file.
const FILE_TEXT_CHARS_MAX: usize = 200;

/// What the message is, one line each: what kind of fact, and the fact.
pub fn head(facts: &Facts, clock: impl Fn(Timestamp) -> String) -> Vec<(&'static str, String)> {
    let message = &facts.message;
    let which = format!("{}.{} for {}", message.session, message.seq, message.agent);
    let is_host = message.handle == "host";
    let handle = if is_host { String::new() } else { format!(" ({})", message.handle) };
    let sent = match message.body.sent_at.map(|it| message.received_at.since(it)) {
        None => "; its platform does not say when it was sent".to_owned(),
        Some(way) => {
            let late = if LATE < way { ", late" } else { "" };
            format!(", {} after it was sent{late}", about(way))
        }
    };
    let mut lines = vec![
        ("message", format!("{which}: {}", standing(facts))),
        ("from", format!("{}{handle} in {}", message.body.sender.name, message.chat)),
    ];
    lines.extend((!is_host).then(|| ("their id", message.platform_id.clone())));
    lines.extend(what(&message.body).map(|it| ("what", it)));
    lines.push(("stored", format!("{}{sent}", clock(message.received_at))));
    lines.push(("let in", let_in(facts)));
    lines.extend(message.body.file_texts.iter().map(|it| file_text(it, facts)));
    lines.extend(facts.cost.map(|it| ("cost", format!("{it}, by the word of its container"))));
    lines
}

/// The beginning of what a container says that is in a file.
fn file_text(found: &FileText, facts: &Facts) -> (&'static str, String) {
    let name = facts.files.get(found.file).map_or("a file", |it| &it.name);
    let text = match &found.text {
        Ok(text) => format!("\"{}\"", cut(&one_line(text), FILE_TEXT_CHARS_MAX)),
        Err(why) => format!("nothing: {}", cut(&one_line(why), FILE_TEXT_CHARS_MAX)),
    };
    (if found.is_speech { "heard" } else { "read" }, format!("{text} in {}", one_line(name)))
}

/// What else its platform says of it; `None` for plain words.
fn what(body: &Body) -> Option<String> {
    let thread = body.thread.as_ref().map(|it| it.title.as_str()).filter(|it| !it.is_empty());
    let kind = match body.sender.kind {
        AuthorKind::Person => None,
        AuthorKind::Bot => Some("written by a bot".to_owned()),
        AuthorKind::Shared => Some("written by an account of several people".to_owned()),
    };
    let all = [
        body.change.as_ref().map(|it| format!("{}: message {}", it.word(), it.of())),
        body.forwarded_from.as_ref().map(|it| format!("forwarded from {it}")),
        thread.map(|it| format!("in the thread \"{it}\"")),
        body.unread.as_ref().map(|it| format!("could not be read: {it}")),
        kind,
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn standing(facts: &Facts) -> String {
    let message = &facts.message;
    let Some(end) = message.end.as_ref().filter(|_| message.kind != InboundKind::Context) else {
        let since = about(facts.context.now.since(message.received_at));
        return match message.kind {
            InboundKind::Context => "background, which starts nothing".to_owned(),
            InboundKind::Chat | InboundKind::Command => format!("not answered for {since}"),
        };
    };
    let after = about(end.at.since(message.received_at));
    format!("{} after {after}{}", ended(end.outcome), because(&end.reason))
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Silent => "ended without an answer",
        Outcome::Declined => "cancelled",
        Outcome::Failed => "given up",
    }
}

fn let_in(facts: &Facts) -> String {
    let message = &facts.message;
    let Some(Rule { word, detail }) = &message.rule else {
        return match FireKey::parse(&message.platform_id) {
            _ if message.kind == InboundKind::Command => {
                "a command that the host takes itself".to_owned()
            }
            Some(fire) => format!("task {} of its agent sent it", fire.task),
            None => "the reason was not kept".to_owned(),
        };
    };
    let why = match word.as_str() {
        "undelivered" => return format!("the host tells of the part {detail}"),
        "context" => "the message is only background for it",
        "change" => "it knows the message that was changed",
        "trigger" => "the message calls it by name",
        "direct" => "it is a direct chat",
        "mention" => "the message mentions the bot",
        "sticky" => "the message continues their conversation",
        "pattern" => "its rule, a pattern or every message, takes it",
        other => other,
    };
    let who = match detail.as_str() {
        "" => String::new(),
        "unknown" => "; its sender is unknown, and the chat is public".to_owned(),
        role @ ("owner" | "admin") => format!("; its sender is an {role}"),
        role => format!("; its sender is a {role}"),
    };
    let after = |it: &Approval| format!("; after {} said yes to question #{}", it.by, it.question);
    let asked = message.approval.as_ref().map(after).unwrap_or_default();
    format!("the chat is wired to {}, and {why}{who}{asked}", message.agent)
}

pub fn story(facts: &Facts) -> Vec<(Timestamp, String)> {
    let mut lines = Vec::new();
    let mut before = None;
    for taker in &facts.containers {
        let is_new = before.replace(taker.incarnation) != Some(taker.incarnation);
        container(taker, is_new, facts, &mut lines);
    }
    for tool in &facts.tools {
        let how = match tool.end {
            Some((at, true)) => format!("ok after {}", about(at.since(tool.started_at))),
            Some((at, false)) => format!("failed after {}", about(at.since(tool.started_at))),
            None => "its end is not known".to_owned(),
        };
        lines.push((tool.started_at, format!("tool {}, by its own word: {how}", tool.name)));
    }
    for question in &facts.questions {
        let what = if question.is_change { "a change" } else { "an answer from a person" };
        let id = question.id.map(|id| format!(" (question #{id})")).unwrap_or_default();
        lines.push((question.asked_at, format!("the agent asked for {what}{id}")));
    }
    let end = facts.message.end.as_ref().filter(|_| facts.message.kind != InboundKind::Context);
    lines.extend(end.map(|it| (it.at, format!("the host wrote down: {}", ended(it.outcome)))));
    for sent in &facts.parts {
        lines.extend(sent.created_at.map(|at| (at, part_head(sent))));
        lines.push((sent.changed_at, part_line(sent)));
    }
    lines.sort_by_key(|it| it.0);
    lines
}

fn container(taker: &Taker, is_new: bool, facts: &Facts, lines: &mut Vec<(Timestamp, String)>) {
    let (n, message) = (taker.incarnation, &facts.message);
    // One that ran already when the message came is no part of its story until it takes it.
    let started = taker.started_at.filter(|at| is_new && message.received_at <= *at);
    lines.extend(started.map(|at| (at, format!("container {n} was started"))));
    let unknown = if taker.started_at.is_none() { ", which the host does not know" } else { "" };
    lines.push((taker.claimed_at, format!("container {n} took it, by its own word{unknown}")));
    let ended = taker.ended_at.filter(|at| message.end.as_ref().is_none_or(|end| *at <= end.at));
    let why = because(&taker.reason);
    lines.extend(ended.map(|at| (at, format!("container {n} ended with it in hand{why}"))));
}

pub fn part_head(sent: &Sent) -> String {
    format!("part {}: {} ({}) to {}", sent.key, sent.kind, sent.form, sent.chat)
}

pub fn part_line(sent: &Sent) -> String {
    let again = if sent.was_uncertain { ", perhaps more than once" } else { "" };
    let count = |times: u32, what| match times {
        0 => None,
        1 => Some(format!("once {what}")),
        times => Some(format!("{times} times {what}")),
    };
    let tried = [count(sent.tries, "told to wait"), count(sent.misses, "no answer")];
    let tried = tried.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let tried = if tried.is_empty() { tried } else { format!(" ({tried})") };
    let how = match sent.standing {
        Standing::Sent => format!("is there as {}{again}", sent.platform_id),
        Standing::Ready if sent.held => "is held for the quiet hours of its reader".to_owned(),
        Standing::Ready => "waits for its turn".to_owned(),
        Standing::Claimed => format!("is being sent{again}"),
        Standing::Unsent => format!("did not get through{tried}"),
        Standing::Uncertain => format!("got no answer{tried}"),
        Standing::Dead => format!("was given up{}{again}", because(&sent.reason)),
    };
    format!("part {} {how}", sent.key)
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

/// What a message that is not at its end waits for now, one clause each; empty when all is done.
pub fn waits(facts: &Facts, clock: impl Fn(Timestamp) -> String) -> Vec<String> {
    let is_open = facts.message.end.is_none() && facts.message.kind != InboundKind::Context;
    let mut found = if is_open { answer_waits(facts, &clock) } else { Vec::new() };
    found.extend(facts.parts.iter().filter_map(|it| part_waits(it, facts, &clock)));
    if !facts.context.host_runs && !found.is_empty() {
        found.insert(0, "no host runs; start it with `nanoclaw start`".to_owned());
    }
    found
}

fn answer_waits(facts: &Facts, clock: &impl Fn(Timestamp) -> String) -> Vec<String> {
    let (message, context) = (&facts.message, &facts.context);
    if let Some((by, name)) = &context.stopped {
        let agent = &message.agent;
        return vec![format!(
            "{by} stopped {agent}; `nanoclaw agents resume {name}` lets it go on"
        )];
    }
    let mut found = Vec::new();
    if let Some(wait) = &context.wait {
        let (what, next) = (super::waits::what(wait.class), clock(wait.until));
        found.push(format!("{what}; the next try is at {next}"));
    }
    for file in facts.files.iter().filter(|it| it.state == "pending") {
        let name = if file.name.is_empty() { "a file" } else { &file.name };
        let tried = match file.tries {
            0 => String::new(),
            n => format!(", tried {n} times, next at {}", clock(file.retry_at)),
        };
        found.push(format!("{name} is being fetched{tried}"));
    }
    for question in facts.questions.iter().chain(&context.asked_before).filter(|it| !it.answered) {
        let since = about(context.now.since(question.asked_at));
        found.push(match question.id {
            Some(id) => format!("a person has to answer question #{id}, asked {since} ago"),
            None => format!("the host has to handle a request of the agent, asked {since} ago"),
        });
    }
    // Before a wait for the model, and behind another message, nobody has it in hand any more.
    let taker = facts.containers.iter().rfind(|it| it.ended_at.is_none());
    if let Some(taker) = taker.filter(|_| context.wait.is_none()) {
        let since = about(context.now.since(taker.claimed_at));
        found.push(format!("container {} works on it, since {since}", taker.incarnation));
        return found;
    }
    if let Some(seq) = context.behind {
        found.push(format!("message {}.{seq} comes first", message.session));
    }
    if context.now < message.not_before {
        let until = clock(message.not_before);
        found.push(format!("the next try is at {until}; {} failed", message.tries));
    }
    found.extend(start_waits(context, clock));
    if found.is_empty() {
        found.push(match &context.container {
            Some((word, why)) => format!("its container is {word}{}", because(why)),
            None => "a container is started next".to_owned(),
        });
    }
    found
}

/// Bad starts hold the next one back, and then take the session out of service for a while.
fn start_waits(context: &TraceContext, clock: &impl Fn(Timestamp) -> String) -> Option<String> {
    let (launches, limits) = (context.launches, Limits::default());
    let until = clock(launches.rests_until(&limits, context.now)?);
    let is_parked = launches.is_parked();
    let what = if is_parked { "the session is parked" } else { "the next start" };
    let why = because(context.last_bad_reason.lines().next().unwrap_or_default());
    Some(format!("{what} until {until}, after {} failed starts{why}", launches.failures))
}

fn part_waits(sent: &Sent, facts: &Facts, clock: &impl Fn(Timestamp) -> String) -> Option<String> {
    let what = match sent.standing {
        Standing::Sent | Standing::Dead => return None,
        Standing::Ready | Standing::Claimed => part_line(sent),
        Standing::Unsent | Standing::Uncertain => {
            let next = clock(sent.retry_at.max(facts.context.now));
            format!("part {} is sent again at {next}", sent.key)
        }
    };
    Some(match &facts.context.channel_trouble {
        Some(why) => format!("{what}; its channel is not connected: {why}"),
        None => what,
    })
}

#[cfg(test)]
mod tests;
