//! How a chat is connected to an agent, as people and programs read it.

use crate::prelude::*;
use domain::admission::{Ignored, Policy};
use domain::engage::Engage;
use domain::session_key::SessionMode;
use store::{ChatRow, Wired, Wiring};

/// What becomes of people whom nobody knows.
pub(super) fn unknown_users(policy: Policy) -> &'static str {
    match policy {
        Policy::Strict => "ignored (strict)",
        Policy::Ask => "let in after approval (ask)",
        Policy::Public => "let in (public)",
    }
}

/// A wiring in one line.
pub(super) fn brief(wired: &Wired) -> String {
    let rest = match wired.wiring.ignored {
        Ignored::Drop => "",
        Ignored::Accumulate => ", stores the rest as context",
    };
    format!("{}{rest}; {}", when(wired), conversation(wired.wiring.session_mode))
}

fn conversation(mode: SessionMode) -> &'static str {
    match mode {
        SessionMode::Shared => "a conversation of its own",
        SessionMode::PerThread => "a conversation of its own, one for each thread",
        SessionMode::AgentShared => "one conversation with the agent's other chats of this kind",
    }
}

/// Which messages engage an agent.
fn when(wired: &Wired) -> String {
    let trigger = &wired.trigger;
    match &wired.wiring.engage {
        Engage::Pattern(pattern) if matches!(&**pattern, "" | ".") => "every message".to_owned(),
        Engage::Pattern(pattern) => format!("messages in which `{pattern}` is found"),
        Engage::Mention => format!("messages that mention it or say `{trigger}`"),
        Engage::MentionSticky => {
            format!("messages that mention it or say `{trigger}`, and what follows them")
        }
    }
}

pub(super) fn wiring_value(wired: &Wired) -> Value {
    let wiring = &wired.wiring;
    json!({
        "chat": wiring.chat.0, "agent": wiring.agent.as_str(), "trigger": wired.trigger,
        "engage": wiring.engage.as_str(), "pattern": wiring.engage.pattern(),
        "scope": wiring.scope.as_str(), "ignored": wiring.ignored.as_str(),
        "session_mode": wiring.session_mode.as_str(), "priority": wiring.priority,
    })
}

/// The options that bring a wiring back.
pub(super) fn options(wiring: &Wiring) -> String {
    let engage = match &wiring.engage {
        Engage::Pattern(pattern) if matches!(&**pattern, "" | ".") => "--engage always".to_owned(),
        Engage::Pattern(pattern) => format!("--pattern='{}'", pattern.replace('\'', r"'\''")),
        Engage::Mention => "--engage mention".to_owned(),
        Engage::MentionSticky => "--engage sticky".to_owned(),
    };
    let mode = match wiring.session_mode {
        SessionMode::Shared => "--own-conversation",
        SessionMode::PerThread => "--per-thread",
        SessionMode::AgentShared => "--same-conversation",
    };
    let rest = match wiring.ignored {
        Ignored::Drop => "drop",
        Ignored::Accumulate => "keep",
    };
    let (scope, priority) = (wiring.scope.as_str(), wiring.priority);
    format!("{engage} {mode} --scope {scope} --context {rest} --priority {priority}")
}

/// What a connection would be.
pub(super) struct Plan<'a> {
    pub(super) chat: &'a ChatRow,
    /// The agent does not exist yet.
    pub(super) is_new: bool,
    pub(super) wired: Wired,
    /// How it is connected now.
    pub(super) before: Option<&'a Wiring>,
}

/// What happens and what is shared, in plain words.
pub(super) fn tell(plan: &Plan<'_>, view: &View) -> String {
    let wiring = &plan.wired.wiring;
    let (chat, agent) = (plan.chat, &wiring.agent);
    let new = if plan.is_new { "the new agent" } else { "the agent" };
    let kind = if chat.is_group { "group" } else { "direct" };
    let operation =
        if plan.before.is_some() { "stays connected to" } else { "will be connected to" };
    let rest = match wiring.ignored {
        Ignored::Drop => "it never sees the other messages",
        Ignored::Accumulate => "the other messages are kept and shown to it with the next one",
    };
    let mut lines = vec![
        format!("{} ({kind}) {operation} {new} `{agent}`.", view.label(chat)),
        format!("Shared: {}", shared(plan, view)),
        format!("It answers {}; {rest}.", when(&plan.wired)),
        format!("The chat has {}.", conversation(wiring.session_mode)),
        format!("People whom it does not know: {}.", unknown_users(chat.policy)),
    ];
    let others: Vec<&AgentName> =
        view.wired_in(chat.id).map(|it| &it.wiring.agent).filter(|it| *it != agent).collect();
    if !others.is_empty() {
        lines.push(format!("In this chat is also: {}.", joined(others)));
    }
    lines.join("\n")
}

/// With which chats this one would share what.
fn shared(plan: &Plan<'_>, view: &View) -> String {
    let wiring = &plan.wired.wiring;
    let agent = &wiring.agent;
    if plan.is_new {
        return format!("nothing. `{agent}` has a workspace, memory and conversation of its own.");
    }
    let peers = view.wired.iter().map(|it| &it.wiring);
    let peers = peers.filter(|it| it.agent == *agent && it.chat != wiring.chat);
    let is_same = |it: &Wiring| it.session_mode == SessionMode::AgentShared;
    let (same, apart): (Vec<&Wiring>, Vec<&Wiring>) =
        peers.partition(|it| is_same(it) && is_same(wiring));
    let named = |all: &[&Wiring]| joined(all.iter().map(|it| view.label_of(it.chat)));
    let mut parts = Vec::new();
    if !same.is_empty() {
        parts.push(format!(
            "workspace, memory and the conversation itself with {}. Everybody there can learn \
             everything that is said here, and the other way round.",
            named(&same)
        ));
    }
    if !apart.is_empty() {
        parts.push(format!(
            "workspace and memory of `{agent}` with {}. What is said here can come up there, and \
             the other way round.",
            named(&apart)
        ));
    }
    if parts.is_empty() {
        parts.push(format!(
            "nothing so far. Chats that are connected to `{agent}` later share its workspace and \
             memory."
        ));
    }
    parts.join(" Also ")
}
