//! The chats that agents may write to, by names of theirs.

use crate::prelude::*;
use domain::naming::destination_name;
use store::{ChatRow, DestinationRow};

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
    fn right(&self) -> Right<'_> {
        match self {
            Self::List { agent } => Right::Look(agent.as_ref()),
            Self::Add { agent, .. } | Self::Remove { agent, .. } => Right::Agent(Some(agent)),
        }
    }

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        Ok(match self {
            Self::List { .. } => String::new(),
            Self::Add { agent, chat, .. } => format!(
                "The agent `{agent}` may write to {} from any of its conversations; what it knows \
                 from them can turn up there.",
                view.resolve_chat(chat, host)?
            ),
            Self::Remove { agent, name } => {
                format!("The agent `{agent}` may no longer write to `{name}` unasked.")
            }
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&*context.store, context.view);
        match self {
            Self::List { agent } => {
                let mut rows = match agent {
                    Some(agent) => store.destinations_of(&view.agent(agent)?.name)?,
                    None => store.destinations()?,
                };
                rows.retain(|it| view.sees_agent(&it.agent));
                let value = |row: &DestinationRow| {
                    let (chat, label) = (row.chat.0, view.label_at(&row.address));
                    let (agent, name, title) = (&row.agent, &row.name, &row.title);
                    json!({
                        "agent": agent, "name": name, "chat": chat, "title": title, "label": label,
                    })
                };
                let none = "no agent may write to a chat by name; it answers where it is asked";
                let all = rows.iter().map(value).collect();
                Ok(Output::list(all, "agent name chat label", none))
            }
            Self::Add { agent, chat, name } => {
                let agent = &view.agent(agent)?.name;
                add(agent, view.chat(chat)?, name.as_deref(), context)
            }
            Self::Remove { agent, name } => {
                let agent = &view.agent(agent)?.name;
                let Some(row) = store.destination(agent, name)? else {
                    let what = format!("{agent} has no chat called `{name}`");
                    return Err(not_found(what, "see `nanoclaw destinations list`"));
                };
                store.remove_destination(agent, name)?;
                let text = format!("{agent} may no longer write to `{name}` unasked");
                let json = json!({ "agent": agent, "name": name, "chat": row.chat.0 });
                let undo = format!("destinations add {agent} {} --name {name}", row.chat);
                Ok(Output::new(text, json).undo(undo))
            }
        }
    }
}

/// The longest name; a model has to type it.
const NAME_CHARS_MAX: usize = 32;

fn add(agent: &AgentName, chat: &ChatRow, name: Option<&str>, context: &Context<'_>) -> Result {
    let (store, view) = (&*context.store, context.view);
    let rows = store.destinations_of(agent)?;
    if name.is_none()
        && let Some(there) = rows.iter().find(|it| it.chat == chat.id)
    {
        let what =
            format!("{agent} may write to {} already, as `{}`", view.label(chat), there.name);
        return Err(refused(what, "give it another name too with `--name NAME`"));
    }
    let taken: Vec<String> = rows.into_iter().map(|it| it.name).collect();
    let name = match name.map(str::trim) {
        Some(name) if is_name(name) => name.to_owned(),
        Some(name) => {
            let hint = format!("take 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_` and `.`");
            return Err(refused(format!("`{name}` is no name for a chat"), hint));
        }
        None => destination_name(&chat.title, &chat.address.channel, &taken),
    };
    if !store.add_destination(agent, &name, chat.id)? {
        let what = format!("{agent} calls another chat `{name}` already, or this one");
        return Err(refused(what, format!("say another --name; taken are {}", joined(&taken))));
    }
    let text = format!("{agent} may write to {} as `{name}`", view.label(chat));
    let json = json!({ "agent": agent, "name": name, "chat": chat.id.0 });
    Ok(Output::new(text, json).undo(format!("destinations remove {agent} {name}")))
}

/// A name is one word, so that it reads the same wherever it is written.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && name.chars().all(plain)
}
