//! Chats: what is known of them, and whom they let in.

use domain::admission::{Ignored, Policy};
use domain::engage::Engage;
use domain::session_key::{ChatId, SessionMode};
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{CentralStore, ChatRow, Wired};

use crate::find::View;
use crate::operation::ChatsOperation;
use crate::output::{OperationError, Output, instant, joined, listed, refused};

pub(crate) fn perform(
    operation: &ChatsOperation,
    store: &CentralStore,
    view: &View,
    now: Timestamp,
) -> Result<Output, OperationError> {
    match operation {
        ChatsOperation::List => Ok(list(view)),
        ChatsOperation::Show { chat } => show(view.chat(chat)?, store, view),
        ChatsOperation::Set { chat, policy, deny, undeny } => {
            let denied = match (deny, undeny) {
                (false, false) => None,
                (deny, _) => Some(*deny),
            };
            set(view.chat(chat)?, (*policy, denied), store, now)
        }
    }
}

fn list(view: &View) -> Output {
    let row = |it: &ChatRow| {
        [
            it.id.to_string(),
            view.address(it),
            it.title.clone(),
            kind(it).to_owned(),
            if it.denied_at.is_some() { "denied".into() } else { it.policy.as_str().to_owned() },
            joined(view.wired_in(it.id).map(|it| &it.wiring.agent)),
        ]
    };
    let head = ["NO", "CHAT", "TITLE", "KIND", "UNKNOWN USERS", "AGENTS"];
    let none = "no chat is known yet; write in one, and it shows up here";
    let text = listed(head, view.chats.iter().map(row).collect(), none);
    let json = view.chats.iter().map(|it| value(it, view)).collect();
    let output = Output::new(text, Value::Array(json));
    let open = |it: &&ChatRow| it.denied_at.is_none() && view.wired_in(it.id).next().is_none();
    match view.chats.iter().find(open) {
        Some(it) if view.own.is_none() => output.hint(format!(
            "{} is connected to nobody; `nanoclaw wire {} --own` gives it an agent",
            view.label(it),
            it.id
        )),
        Some(_) | None => output,
    }
}

fn show(chat: &ChatRow, store: &CentralStore, view: &View) -> Result<Output, OperationError> {
    let sessions = store.sessions_in_chat(chat.id)?;
    let sessions: Vec<_> = sessions.into_iter().filter(|it| view.sees_agent(&it.agent)).collect();
    let mut lines = vec![
        format!("chat        {}", view.address(chat)),
        format!("title       {}", if chat.title.is_empty() { "-" } else { &chat.title }),
        format!("kind        {}", kind(chat)),
        format!("unknown     {}", unknown_users(chat.policy)),
    ];
    if let Some(at) = chat.denied_at {
        lines.push(format!("denied      since {}: everything in it is ignored", instant(at)));
    }
    for wired in view.wired_in(chat.id) {
        lines.push(format!("agent       {}", how(wired)));
    }
    lines.push(format!("sessions    {}", joined(sessions.iter().map(|it| it.id))));
    let mut json = value(chat, view);
    json["wirings"] = view.wired_in(chat.id).map(wiring_value).collect();
    json["sessions"] = sessions.iter().map(|it| it.id.to_string()).collect();
    Ok(Output::new(lines.join("\n"), json))
}

fn set(
    chat: &ChatRow,
    (policy, denied): (Option<Policy>, Option<bool>),
    store: &CentralStore,
    now: Timestamp,
) -> Result<Output, OperationError> {
    if policy.is_none() && denied.is_none() {
        return Err(refused("nothing was said to change", "say --policy, --deny or --undeny"));
    }
    let mut said = Vec::new();
    let mut undo = Vec::new();
    if let Some(policy) = policy {
        store.set_policy(chat.id, policy)?;
        said.push(format!("unknown users: {}", unknown_users(policy)));
        undo.push(format!("--policy {}", chat.policy.as_str()));
    }
    match denied {
        Some(true) => {
            store.deny_chat(chat.id, now)?;
            said.push("everything in it is ignored from now on".to_owned());
            undo.push("--undeny".to_owned());
        }
        Some(false) => {
            store.undeny_chat(chat.id)?;
            said.push("it is no longer ignored".to_owned());
            undo.push("--deny".to_owned());
        }
        None => {}
    }
    let json = json!({ "id": chat.id.0, "policy": policy.unwrap_or(chat.policy).as_str(),
        "denied": denied.unwrap_or(chat.denied_at.is_some()) });
    let undo = format!("undo with `nanoclaw chats set {} {}`", chat.id, undo.join(" "));
    Ok(Output::new(format!("chat {}: {}", chat.id, said.join("; ")), json).hint(undo))
}

pub(crate) fn kind(chat: &ChatRow) -> &'static str {
    if chat.is_group { "group" } else { "direct" }
}

/// What becomes of people whom nobody knows.
pub(crate) fn unknown_users(policy: Policy) -> &'static str {
    match policy {
        Policy::Strict => "ignored (strict)",
        Policy::Ask => "let in after approval (ask)",
        Policy::Public => "let in (public)",
    }
}

/// A wiring in one line.
fn how(wired: &Wired) -> String {
    let it = &wired.wiring;
    let rest = match it.ignored {
        Ignored::Drop => "",
        Ignored::Accumulate => ", stores the rest as context",
    };
    format!("{}: {}{rest}; {}", it.agent, when(wired), conversation(it.session_mode))
}

/// Which messages engage an agent.
pub(crate) fn when(wired: &Wired) -> String {
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

pub(crate) fn conversation(mode: SessionMode) -> &'static str {
    match mode {
        SessionMode::Shared => "a conversation of its own",
        SessionMode::PerThread => "a conversation of its own, one for each thread",
        SessionMode::AgentShared => "one conversation with the agent's other chats of this kind",
    }
}

pub(crate) fn value(chat: &ChatRow, view: &View) -> Value {
    json!({
        "id": chat.id.0,
        "channel": chat.address.channel,
        "account": chat.address.account,
        "chat": chat.address.chat,
        "title": chat.title,
        "is_group": chat.is_group,
        "policy": chat.policy.as_str(),
        "denied": chat.denied_at.is_some(),
        "agents": agents_in(chat.id, view),
    })
}

fn agents_in(chat: ChatId, view: &View) -> Vec<&str> {
    view.wired_in(chat).map(|it| it.wiring.agent.as_str()).collect()
}

pub(crate) fn wiring_value(wired: &Wired) -> Value {
    let it = &wired.wiring;
    json!({
        "chat": it.chat.0,
        "agent": it.agent.as_str(),
        "trigger": wired.trigger,
        "engage": it.engage.as_str(),
        "pattern": it.engage.pattern(),
        "scope": it.scope.as_str(),
        "ignored": it.ignored.as_str(),
        "session_mode": it.session_mode.as_str(),
        "priority": it.priority,
    })
}
