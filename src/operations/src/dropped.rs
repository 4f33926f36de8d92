//! Messages that reached nobody.

use clap::Subcommand;
use domain::admission::Why;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, ChatRow, DroppedRow};

use crate::caller::beyond;
use crate::command::{Command, Context};
use crate::find::View;
use crate::output::{Output, Result, instant, listed};

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DroppedOperation {
    /// List dropped messages by sender and reason
    List,
    /// Forget the counts
    Clear {
        /// Of one chat alone: `channel:chat`, its number or title
        chat: Option<String>,
    },
}

impl Command for DroppedOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List)
    }

    fn check_own(&self, view: &View) -> Result<()> {
        match self {
            Self::List | Self::Clear { chat: Some(_) } => Ok(()),
            Self::Clear { chat: None } => Err(beyond("forget the counts of all chats", view)),
        }
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        match self {
            Self::List | Self::Clear { chat: None } => Ok(()),
            Self::Clear { chat: Some(chat) } => view.resolve_chat(chat),
        }
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        Ok(match self {
            Self::List => String::new(),
            Self::Clear { chat: None } => "Forgets all counts of dropped messages.".to_owned(),
            Self::Clear { chat: Some(chat) } => {
                format!("Forgets the counts of messages dropped in {}.", view.shown_chat(chat))
            }
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let Context { store, view, .. } = context;
        match self {
            Self::List => list(store, view),
            Self::Clear { chat } => {
                let chat = chat.as_deref().map(|it| view.chat(it)).transpose()?;
                let cleared = store.clear_dropped(chat.map(|it| &it.address))?;
                let text = format!("forgot {cleared} counts");
                Ok(Output::new(text, json!({ "cleared": cleared })))
            }
        }
    }
}

fn list(store: &CentralStore, view: &View) -> Result {
    let all = store.dropped()?;
    let seen = |it: &&DroppedRow| view.own.is_none() || chat(it, view).is_some();
    let all: Vec<&DroppedRow> = all.iter().filter(seen).collect();
    let row = |row: &&DroppedRow| {
        let place = format!("{}:{}", row.from.channel, row.from.chat);
        let place = chat(row, view).map_or(place, |it| view.label(it));
        let sender = match row.sender.name.is_empty() {
            true => row.sender.id.clone(),
            false => format!("{} ({})", row.sender.name, row.sender.id),
        };
        [row.count.to_string(), place, sender, why(&row.reason).to_owned(), instant(row.last_at)]
    };
    let rows = all.iter().map(row).collect();
    let text = listed(["TIMES", "CHAT", "SENDER", "WHY", "LAST"], rows, "nothing was dropped");
    let value = |row: &&DroppedRow| {
        json!({
            "channel": row.from.channel,
            "account": row.from.account,
            "chat": row.from.chat,
            "sender": row.sender.id,
            "sender_name": row.sender.name,
            "reason": row.reason,
            "count": row.count,
            "first_at": instant(row.first_at),
            "last_at": instant(row.last_at),
        })
    };
    let output = Output::new(text, Value::Array(all.iter().map(value).collect()));
    let unknown = |it: &&&DroppedRow| it.reason.starts_with("unknown");
    Ok(match all.iter().find(unknown) {
        Some(row) => output.hint(format!(
            "let them in with `nanoclaw members add {}:{} AGENT`",
            row.from.channel, row.sender.id
        )),
        None => output,
    })
}

fn chat<'a>(row: &DroppedRow, view: &'a View) -> Option<&'a ChatRow> {
    view.chats.iter().find(|it| it.address == row.from)
}

fn why(reason: &str) -> &str {
    match Why::parse(reason) {
        Some(Why::NotCalled) => "called for no agent",
        Some(Why::ChatNotConnected) => "the chat is connected to no agent",
        Some(Why::ChatDenied) => "the chat is denied",
        Some(Why::UnknownStrict) => "an unknown user, in a chat that ignores them",
        Some(Why::UnknownAsk) => "an unknown user who waits for approval",
        Some(Why::UnknownScope) => "an unknown user, for an agent that takes known people only",
        Some(Why::SenderDenied) => "was refused",
        Some(Why::TooManyRequests) => "an unknown user, beyond those whom people are asked about",
        None => reason,
    }
}
