//! The chats that agents may write to, by names of theirs.

use clap::Subcommand;
use domain::AgentName;
use domain::naming::destination_name;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, DestinationRow};

use crate::caller::mine;
use crate::command::{Command, Context};
use crate::find::View;
use crate::operation::CHAT;
use crate::output::{Output, Result, joined, listed, not_found, refused};

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DestinationsOperation {
    /// Show what agents call the chats that they may write to
    List {
        /// Of one agent
        #[arg(long)]
        agent: Option<AgentName>,
    },
    /// Let an agent write to a chat
    Add {
        /// The agent's name
        agent: AgentName,
        #[arg(help = CHAT)]
        chat: String,
        /// What the agent calls it [default: after the chat's title]
        #[arg(long)]
        name: Option<String>,
    },
    /// Do not let an agent write there any longer
    Remove {
        /// The agent's name
        agent: AgentName,
        /// What the agent calls it
        name: String,
    },
}

impl Command for DestinationsOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List { .. })
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::List { agent } => mine(agent.as_ref(), view),
            Self::Add { agent, .. } | Self::Remove { agent, .. } => mine(Some(agent), view),
        }
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        match self {
            Self::List { .. } | Self::Remove { .. } => Ok(()),
            Self::Add { chat, .. } => view.resolve_chat(chat),
        }
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        Ok(match self {
            Self::List { .. } => String::new(),
            Self::Add { agent, chat, .. } => format!(
                "The agent `{agent}` may write to {} from any of its conversations; what it knows \
                 from them can turn up there.",
                view.shown_chat(chat)
            ),
            Self::Remove { agent, name } => {
                format!("The agent `{agent}` may no longer write to `{name}` unasked.")
            }
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let view = context.view;
        match self {
            Self::List { agent } => list(agent.as_ref(), context.store, view),
            Self::Add { agent, chat, name } => {
                add(&view.agent(agent)?.name, chat, name.as_deref(), context)
            }
            Self::Remove { agent, name } => remove(&view.agent(agent)?.name, name, context.store),
        }
    }
}

/// The longest name; a model has to type it.
const NAME_CHARS_MAX: usize = 32;

fn list(of: Option<&AgentName>, store: &CentralStore, view: &View) -> Result {
    let rows = match of {
        Some(agent) => store.destinations_of(&view.agent(agent)?.name)?,
        None => store.destinations()?,
    };
    let rows: Vec<DestinationRow> =
        rows.into_iter().filter(|it| view.sees_agent(&it.agent)).collect();
    let row = |row: &DestinationRow| {
        let chat = format!("{}:{}", row.address.channel, row.address.chat);
        [row.agent.to_string(), row.name.clone(), chat, row.title.clone()]
    };
    let none = "no agent may write to a chat by name; it answers where it is asked all the same";
    let text = listed(["AGENT", "NAME", "CHAT", "TITLE"], rows.iter().map(row).collect(), none);
    let value = |it: &DestinationRow| json!({ "agent": it.agent, "name": it.name, "chat": it.chat.0, "title": it.title });
    Ok(Output::new(text, Value::Array(rows.iter().map(value).collect())))
}

fn add(agent: &AgentName, chat: &str, name: Option<&str>, context: &mut Context<'_>) -> Result {
    let Context { store, view, .. } = context;
    let chat = view.chat(chat)?;
    let there = store.destinations_of(agent)?;
    let taken: Vec<String> = there.into_iter().map(|it| it.name).collect();
    let name = match name.map(str::trim) {
        Some(name) => checked(name)?,
        None => destination_name(&chat.title, &chat.address.channel, &taken),
    };
    if !store.add_destination(agent, &name, chat.id)? {
        return Err(refused(
            format!("{agent} calls another chat `{name}` already, or this one"),
            format!("say another --name; taken are {}", joined(&taken)),
        ));
    }
    let text = format!("{agent} may write to {} as `{name}`", view.label(chat));
    let json = json!({ "agent": agent.as_str(), "name": name, "chat": chat.id.0 });
    Ok(Output::new(text, json).undo(format!("destinations remove {agent} {name}")))
}

/// A name is one word, so that it reads the same wherever it is written.
fn checked(name: &str) -> Result<String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX;
    if fits && name.chars().all(plain) {
        return Ok(name.to_owned());
    }
    Err(refused(
        format!("`{name}` is no name for a chat"),
        format!("take 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_` and `.`"),
    ))
}

fn remove(agent: &AgentName, name: &str, store: &CentralStore) -> Result {
    let missing = || {
        not_found(
            format!("{agent} has no chat called `{name}`"),
            "see `nanoclaw destinations list`",
        )
    };
    let row = store.destination(agent, name)?.ok_or_else(missing)?;
    store.remove_destination(agent, name)?;
    let text = format!("{agent} may no longer write to `{name}` unasked");
    let json = json!({ "agent": agent.as_str(), "name": name, "chat": row.chat.0 });
    Ok(Output::new(text, json).undo(format!("destinations add {agent} {} --name {name}", row.chat)))
}
