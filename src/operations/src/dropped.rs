//! Messages that reached nobody.

use clap::Subcommand;
use domain::admission::Why;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, DroppedRow};

use crate::{Command, Context, Output, Result, View, beyond, instant, named};

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
                let json = all.iter().map(|it| value(it, view)).collect();
                let shown = all.iter().map(|row| {
                    let mut shown = value(row, view);
                    shown["sender"] = named(&row.sender.name, &row.sender.id).into();
                    shown["why"] = why(&row.reason).into();
                    shown
                });
                let keys = "count label sender why last_at";
                let output = Output::list(shown.collect(), keys, "nothing was dropped");
                let output = Output { json, ..output };
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

/// One from an earlier version is shown as it is.
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
