//! What a message that is not at its end waits for.

use super::words::span;
use super::{Facts, Sent};
use crate::delivery::by_hand::Standing;
use crate::message::InboundKind;
use crate::session::Limits;
use crate::time::{Timestamp, backoff};

/// What it waits for now, one clause each; empty when all is done.
#[must_use]
pub fn waits(facts: &Facts, clock: impl Fn(Timestamp) -> String) -> Vec<String> {
    let mut found = Vec::new();
    let open = facts.message.end.is_none() && facts.message.kind != InboundKind::Context;
    if open {
        found.extend(answer(facts, &clock));
    }
    found.extend(facts.parts.iter().filter_map(|it| part(it, facts, &clock)));
    let waits = |it: &Sent| !matches!(it.standing, Standing::Sent | Standing::Dead);
    if !facts.context.host_runs && (open || facts.parts.iter().any(waits)) {
        found.insert(0, "no host runs; start it with `nanoclaw start`".to_owned());
    }
    found
}

fn answer(facts: &Facts, clock: &impl Fn(Timestamp) -> String) -> Vec<String> {
    let (message, context) = (&facts.message, &facts.context);
    if let Some((by, name)) = &context.stopped {
        let agent = &message.agent;
        return vec![format!("{by} stopped {agent}; `nanoclaw resume {name}` lets it go on")];
    }
    let mut found = Vec::new();
    if let Some(wait) = &context.wait {
        found.push(format!("{}; the next try is at {}", wait.class.what(), clock(wait.until)));
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
        let since = span(context.now.since(question.asked_at));
        found.push(match question.id {
            Some(id) => format!("a person has to answer question #{id}, asked {since} ago"),
            None => format!("the host has to handle a request of the agent, asked {since} ago"),
        });
    }
    // Before a wait for the model, and behind another message, nobody has it in hand any more.
    let taker = facts.containers.iter().rfind(|it| it.ended_at.is_none());
    if let Some(taker) = taker.filter(|_| context.wait.is_none()) {
        let since = span(context.now.since(taker.claimed_at));
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
    found.extend(start(facts, clock));
    if found.is_empty() {
        found.push(match &context.container {
            Some((word, why)) if why.is_empty() => format!("its container is {word}"),
            Some((word, why)) => format!("its container is {word}: {why}"),
            None => "a container is started next".to_owned(),
        });
    }
    found
}

/// Bad starts hold the next one back, and then take the session out of service for a while.
fn start(facts: &Facts, clock: &impl Fn(Timestamp) -> String) -> Option<String> {
    let (context, limits) = (&facts.context, Limits::default());
    let ended = context.last_bad_end?;
    let (what, until) = match context.bad_starts {
        0 => return None,
        n if n < limits.launches_max => {
            ("the next start", ended + backoff(limits.backoff_base, limits.backoff_max, n))
        }
        _ => ("the session is parked", ended + limits.park_for),
    };
    let why = match context.last_bad_reason.lines().next().unwrap_or_default() {
        "" => String::new(),
        why => format!(": {why}"),
    };
    let until = clock(until);
    (context.now < ended + limits.park_for)
        .then(|| format!("{what} until {until}, after {} failed starts{why}", context.bad_starts))
}

fn part(sent: &Sent, facts: &Facts, clock: &impl Fn(Timestamp) -> String) -> Option<String> {
    let trouble = match &facts.context.channel_trouble {
        Some(why) => format!("; its channel is not connected: {why}"),
        None => String::new(),
    };
    match sent.standing {
        Standing::Sent | Standing::Dead => None,
        Standing::Claimed => Some(format!("part {} is being sent", sent.key)),
        Standing::Ready if sent.held => {
            Some(format!("part {} is held until its reader's quiet hours end", sent.key))
        }
        Standing::Ready => Some(format!("part {} waits for its turn{trouble}", sent.key)),
        Standing::Unsent | Standing::Uncertain => {
            let next = clock(sent.retry_at.max(facts.context.now));
            Some(format!("part {} is sent again at {next}{trouble}", sent.key))
        }
    }
}
