//! Chats: what is known of them, and whom they let in.

use clap::Subcommand;
use domain::admission::{Ignored, Policy};
use domain::engage::Engage;
use domain::session_key::SessionMode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, ChatRow, Wired};

use crate::values;
use crate::wire::{ConnectArgs, DisconnectArgs};
use crate::{CHAT, Command, Context, Output, Result, View, beyond, instant, mine, refused};

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
    /// Connect a chat to an agent, or change how
    Connect(ConnectArgs),
    /// Disconnect a chat from an agent
    Disconnect(DisconnectArgs),
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
            Self::Connect(ConnectArgs { agent, .. })
            | Self::Disconnect(DisconnectArgs { agent, .. }) => mine(agent.as_ref(), view),
        }
    }

    fn prepare(&mut self, store: &CentralStore, view: &View, host: &View) -> Result<String> {
        let (chat, policy, deny, undeny) = match self {
            Self::List | Self::Show { .. } => return Ok(String::new()),
            Self::Connect(args) => return args.prepare(store, view, host),
            Self::Disconnect(args) => return args.prepare(view, host),
            Self::Set { chat, policy, deny, undeny } => (chat, policy, deny, undeny),
        };
        let policy = policy.map(|it| format!("people whom nobody knows are {}", unknown_users(it)));
        let deny = deny.then(|| "everything in it is ignored".to_owned());
        let undeny = undeny.then(|| "it is listened to again".to_owned());
        let parts: Vec<String> = [policy, deny, undeny].into_iter().flatten().collect();
        Ok(format!("In {}: {}.", view.resolve_chat(chat, host)?, parts.join("; ")))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let view = context.view;
        match self {
            Self::List => {
                let all = view.chats.iter().map(|it| value(it, view)).collect();
                let none = "no chat is known yet; write in one, and it shows up here";
                let output =
                    Output::list(all, "id address title is_group policy denied agents", none);
                let is_open = |chat: &&ChatRow| {
                    chat.denied_at.is_none() && view.wired_in(chat.id).next().is_none()
                };
                let open = view.chats.iter().find(is_open).filter(|_| view.own.is_none());
                Ok(match open {
                    Some(chat) => output.hint(format!(
                        "{} is connected to nobody; `nanoclaw chats connect {} --own` gives it an agent",
                        view.label(chat),
                        chat.id
                    )),
                    None => output,
                })
            }
            Self::Show { chat } => show(view.chat(chat)?, context.store, view),
            Self::Connect(args) => args.run(context),
            Self::Disconnect(args) => args.run(context),
            Self::Set { chat, policy, deny, undeny } => {
                let (store, chat) = (&*context.store, view.chat(chat)?);
                let denied = (*deny || *undeny).then_some(*deny);
                let (mut said, mut undo) = (Vec::new(), Vec::new());
                if let Some(policy) = *policy {
                    store.set_policy(chat.id, policy)?;
                    said.push(format!("unknown users: {}", unknown_users(policy)));
                    undo.push(format!("--policy {}", chat.policy.as_str()));
                }
                if let Some(denied) = denied {
                    store.set_denied(chat.id, denied.then_some(context.now))?;
                    let (what, back) = match denied {
                        true => ("everything in it is ignored from now on", "--undeny"),
                        false => ("it is no longer ignored", "--deny"),
                    };
                    said.push(what.to_owned());
                    undo.push(back.to_owned());
                }
                if said.is_empty() {
                    let what = format!("no change given for chat {}", chat.id);
                    return Err(refused(what, "give `--policy`, `--deny` or `--undeny`"));
                }
                let json = json!({ "id": chat.id.0, "policy": policy.unwrap_or(chat.policy),
                    "denied": denied.unwrap_or(chat.denied_at.is_some()) });
                let output = Output::new(format!("chat {}: {}", chat.id, said.join("; ")), json);
                Ok(output.undo(format!("chats set {} {}", chat.id, undo.join(" "))))
            }
        }
    }
}

fn show(chat: &ChatRow, store: &CentralStore, view: &View) -> Result {
    let mut sessions = store.sessions_in_chat(chat.id)?;
    sessions.retain(|it| view.sees_agent(&it.agent));
    let mut json = value(chat, view);
    json["wirings"] = view.wired_in(chat.id).map(wiring_value).collect();
    json["sessions"] = sessions.iter().map(|it| it.id.to_string()).collect();
    let mut output =
        Output::record(json, "id address title is_group policy denied denied_at sessions");
    for wired in view.wired_in(chat.id) {
        output.text.push_str(&format!("\n{}: {}", wired.wiring.agent, brief(wired)));
    }
    Ok(output)
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
pub(crate) fn brief(wired: &Wired) -> String {
    let rest = match wired.wiring.ignored {
        Ignored::Drop => "",
        Ignored::Accumulate => ", stores the rest as context",
    };
    format!("{}{rest}; {}", when(wired), conversation(wired.wiring.session_mode))
}

pub(crate) fn conversation(mode: SessionMode) -> &'static str {
    match mode {
        SessionMode::Shared => "a conversation of its own",
        SessionMode::PerThread => "a conversation of its own, one for each thread",
        SessionMode::AgentShared => "one conversation with the agent's other chats of this kind",
    }
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

fn value(chat: &ChatRow, view: &View) -> Value {
    let agents = view.wired_in(chat.id).map(|it| it.wiring.agent.as_str());
    json!({
        "id": chat.id.0,
        "channel": chat.address.channel,
        "account": chat.address.account,
        "chat": chat.address.chat,
        "address": view.address(chat),
        "title": chat.title,
        "is_group": chat.is_group,
        "policy": chat.policy,
        "denied": chat.denied_at.is_some(),
        "denied_at": chat.denied_at.map(instant),
        "agents": agents.collect::<Vec<_>>(),
    })
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
