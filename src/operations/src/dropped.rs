//! Messages that reached nobody.

use crate::prelude::*;
use domain::admission::Why;
use store::DroppedRow;

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
    fn right(&self) -> Right<'_> {
        match self {
            Self::List => Right::Look(None),
            Self::Clear { chat: Some(_) } => Right::Agent(None),
            Self::Clear { chat: None } => Right::Host("forget the counts of all chats"),
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
                let keys = "count label from=sender why last_at";
                let unknown = all.iter().find(|it| it.reason.starts_with("unknown"));
                let hint = unknown.map(|row| {
                    let (channel, sender) = (&row.from.channel, &row.sender.id);
                    format!("let them in with `nanoclaw members add {channel}:{sender} AGENT`")
                });
                Ok(Output { hint, ..Output::list(values, keys, "nothing was dropped") })
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
        "channel": row.from.channel, "account": row.from.account, "chat": row.from.chat,
        "label": view.label_at(&row.from), "sender": row.sender.id, "sender_name": row.sender.name,
        "from": named(&row.sender.name, &row.sender.id), "reason": row.reason,
        "why": why(&row.reason), "count": row.count, "first_at": instant(row.first_at),
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
