//! Conversations with agents.

use clap::Subcommand;
use domain::SessionId;
use domain::message::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, SessionRow};

use crate::command::{Command, Context};
use crate::find::View;
use crate::output::{Output, Result, listed, not_found};

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SessionsOperation {
    /// Show all conversations
    List,
    /// Show one
    Show {
        /// As in `sessions list`, like s3
        id: String,
    },
}

impl Command for SessionsOperation {
    fn is_change(&self) -> bool {
        false
    }

    fn check_own(&self, _view: &View) -> Result<()> {
        Ok(())
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        match self {
            Self::List => list(context.store, context.view),
            Self::Show { id } => show(id, context.store, context.view),
        }
    }
}

fn list(store: &CentralStore, view: &View) -> Result {
    let awake: Vec<SessionId> = store.awake()?.into_iter().map(|it| it.id).collect();
    let all = store.sessions()?;
    let all: Vec<SessionRow> = all.into_iter().filter(|it| view.sees_agent(&it.agent)).collect();
    let row = |row: &SessionRow| {
        let state = if awake.contains(&row.id) { "awake" } else { "asleep" };
        let thread = row.thread.clone().unwrap_or_else(|| "-".into());
        [row.id.to_string(), row.agent.to_string(), place(row, view), thread, state.to_owned()]
    };
    let none = "there is no conversation yet; `nanoclaw chat` begins one";
    let head = ["ID", "AGENT", "CHAT", "THREAD", "STATE"];
    let text = listed(head, all.iter().map(row).collect(), none);
    let json = all.iter().map(|it| value(it, awake.contains(&it.id))).collect();
    Ok(Output::new(text, Value::Array(json)))
}

fn show(id: &str, store: &CentralStore, view: &View) -> Result {
    let missing =
        || not_found(format!("there is no session `{id}`"), "see `nanoclaw sessions list`");
    let row = SessionId::parse(id.trim())
        .map(|id| store.session(id))
        .transpose()?
        .flatten()
        .filter(|it| view.sees_agent(&it.agent))
        .ok_or_else(missing)?;
    let awake = store.awake()?.iter().any(|it| it.id == row.id);
    let lines = [
        format!("id      {}", row.id),
        format!("agent   {}", row.agent),
        format!("chat    {}", place(&row, view)),
        format!("thread  {}", row.thread.as_deref().unwrap_or("-")),
        format!("state   {}", if awake { "awake" } else { "asleep" }),
    ];
    let output = Output::new(lines.join("\n"), value(&row, awake));
    Ok(output.hint("`nanoclaw status` shows its container and what waits"))
}

fn place(row: &SessionRow, view: &View) -> String {
    let Some(at) = &row.chat else { return "all that share it".to_owned() };
    let known = view.chats.iter().find(|it| it.address == *at);
    known.map_or_else(|| format!("{}:{}", at.channel, at.chat), |it| view.label(it))
}

fn value(row: &SessionRow, awake: bool) -> Value {
    let part = |of: fn(&Address) -> &String| row.chat.as_ref().map(of);
    json!({
        "id": row.id.to_string(),
        "agent": row.agent.as_str(),
        "channel": part(|it| &it.channel),
        "account": part(|it| &it.account),
        "chat": part(|it| &it.chat),
        "thread": row.thread,
        "awake": awake,
    })
}
