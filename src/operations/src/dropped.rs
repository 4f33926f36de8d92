//! Messages that reached nobody.

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, DroppedRow};

use crate::{Command, Context, Output, Result, View, beyond, instant};

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

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        Ok(match self {
            Self::List => String::new(),
            Self::Clear { chat: None } => "Forgets all counts of dropped messages.".to_owned(),
            Self::Clear { chat: Some(chat) } => {
                let chat = view.resolve_chat(chat, host)?;
                format!("Forgets the counts of messages dropped in {chat}.")
            }
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&*context.store, context.view);
        match self {
            Self::List => {
                let mut all = store.dropped()?;
                all.retain(|it| view.own.is_none() || view.chat_at(&it.from).is_some());
                let values = all.iter().map(|it| value(it, view)).collect();
                let keys = "count label sender sender_name reason last_at";
                let output = Output::list(values, keys, "nothing was dropped");
                Ok(match all.iter().find(|it| it.reason.starts_with("unknown")) {
                    Some(row) => output.hint(format!(
                        "let them in with `nanoclaw members add {}:{} AGENT`",
                        row.from.channel, row.sender.id
                    )),
                    None => output,
                })
            }
            Self::Clear { chat } => {
                let chat = chat.as_deref().map(|it| view.chat(it)).transpose()?;
                let cleared = store.clear_dropped(chat.map(|it| &it.address))?;
                let text = format!("forgot {cleared} counts");
                Ok(Output::new(text, json!({ "cleared": cleared })))
            }
        }
    }
}

fn value(row: &DroppedRow, view: &View) -> Value {
    json!({
        "channel": row.from.channel,
        "account": row.from.account,
        "chat": row.from.chat,
        "label": view.label_at(&row.from),
        "sender": row.sender.id,
        "sender_name": row.sender.name,
        "reason": row.reason,
        "count": row.count,
        "first_at": instant(row.first_at),
        "last_at": instant(row.last_at),
    })
}
