//! Chats: what is known of them, and whom they let in.

use clap::Subcommand;
use domain::admission::{Ignored, Policy};
use domain::engage::Engage;
use domain::session_key::{ChatId, SessionMode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, ChatRow, Wired};

use crate::caller::beyond;
use crate::command::{Command, Context};
use crate::find::View;
use crate::operation::CHAT;
use crate::output::{Output, Result, instant, joined, listed, refused};
use crate::values;

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ChatsOperation {
    /// Show every chat that was heard of
    List,
    /// Show one chat: its agents, and how they are connected
    Show {
        #[arg(help = CHAT)]
        chat: String,
    },
    /// Set whom a chat lets in, or leave it alone
    #[command(after_help = "\
Examples:
  nanoclaw chats set 3 --policy strict   ignore people that the agent does not know
  nanoclaw chats set 3 --deny            ignore the whole chat")]
    Set {
        #[arg(help = CHAT)]
        chat: String,
        /// What to do with people whom nobody knows: ignore them, ask, or let them in
        #[arg(long, value_name = "POLICY",
              value_parser = values::parse_enum(Policy::ALL.map(Policy::as_str), Policy::parse))]
        policy: Option<Policy>,
        /// Ignore everything in it
        #[arg(long, conflicts_with = "undeny")]
        deny: bool,
        /// Listen again
        #[arg(long)]
        undeny: bool,
    },
}

impl Command for ChatsOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List | Self::Show { .. })
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::Set { chat, .. } if view.shares_with_others(view.chat(chat)?.id) => {
                // What a chat lets in concerns every agent that is connected to it.
                Err(beyond("change a chat that other agents are in too", view))
            }
            Self::List | Self::Show { .. } | Self::Set { .. } => Ok(()),
        }
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        match self {
            Self::List => Ok(()),
            Self::Show { chat } | Self::Set { chat, .. } => view.resolve_chat(chat),
        }
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        let Self::Set { chat, policy, deny, undeny } = self else { return Ok(String::new()) };
        let policy = policy.map(|it| format!("people whom nobody knows are {}", unknown_users(it)));
        let deny = deny.then(|| "everything in it is ignored".to_owned());
        let undeny = undeny.then(|| "it is listened to again".to_owned());
        let parts: Vec<String> = [policy, deny, undeny].into_iter().flatten().collect();
        Ok(format!("In {}: {}.", view.shown_chat(chat), parts.join("; ")))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let view = context.view;
        match self {
            Self::List => Ok(list(view)),
            Self::Show { chat } => show(view.chat(chat)?, context.store, view),
            Self::Set { chat, policy, deny, undeny } => {
                let denied = (*deny || *undeny).then_some(*deny);
                set(view.chat(chat)?, (*policy, denied), context)
            }
        }
    }
}

fn list(view: &View) -> Output {
    let row = |chat: &ChatRow| {
        [
            chat.id.to_string(),
            view.address(chat),
            chat.title.clone(),
            kind(chat).to_owned(),
            chat.denied_at.map_or(chat.policy.as_str(), |_| "denied").to_owned(),
            joined(view.wired_in(chat.id).map(|it| &it.wiring.agent)),
        ]
    };
    let head = ["NO", "CHAT", "TITLE", "KIND", "UNKNOWN USERS", "AGENTS"];
    let none = "no chat is known yet; write in one, and it shows up here";
    let text = listed(head, view.chats.iter().map(row).collect(), none);
    let json = view.chats.iter().map(|it| value(it, view)).collect();
    let output = Output::new(text, Value::Array(json));
    let open = |it: &&ChatRow| it.denied_at.is_none() && view.wired_in(it.id).next().is_none();
    match view.chats.iter().find(open) {
        Some(chat) if view.own.is_none() => output.hint(format!(
            "{} is connected to nobody; `nanoclaw wire {} --own` gives it an agent",
            view.label(chat),
            chat.id
        )),
        Some(_) | None => output,
    }
}

fn show(chat: &ChatRow, store: &CentralStore, view: &View) -> Result {
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
    context: &mut Context<'_>,
) -> Result {
    let Context { store, now, .. } = context;
    if policy.is_none() && denied.is_none() {
        let what = format!("no change given for chat {}", chat.id);
        return Err(refused(what, "give `--policy`, `--deny` or `--undeny`"));
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
            store.set_denied(chat.id, Some(*now))?;
            said.push("everything in it is ignored from now on".to_owned());
            undo.push("--undeny".to_owned());
        }
        Some(false) => {
            store.set_denied(chat.id, None)?;
            said.push("it is no longer ignored".to_owned());
            undo.push("--deny".to_owned());
        }
        None => {}
    }
    let json = json!({ "id": chat.id.0, "policy": policy.unwrap_or(chat.policy).as_str(),
        "denied": denied.unwrap_or(chat.denied_at.is_some()) });
    Ok(Output::new(format!("chat {}: {}", chat.id, said.join("; ")), json).undo(format!(
        "chats set {} {}",
        chat.id,
        undo.join(" ")
    )))
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
    let wiring = &wired.wiring;
    let rest = match wiring.ignored {
        Ignored::Drop => "",
        Ignored::Accumulate => ", stores the rest as context",
    };
    format!("{}: {}{rest}; {}", wiring.agent, when(wired), conversation(wiring.session_mode))
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
    let wiring = &wired.wiring;
    json!({
        "chat": wiring.chat.0,
        "agent": wiring.agent.as_str(),
        "trigger": wired.trigger,
        "engage": wiring.engage.as_str(),
        "pattern": wiring.engage.pattern(),
        "scope": wiring.scope.as_str(),
        "ignored": wiring.ignored.as_str(),
        "session_mode": wiring.session_mode.as_str(),
        "priority": wiring.priority,
    })
}
