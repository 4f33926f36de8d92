//! Conversations with agents.

use crate::prelude::*;
use domain::SessionId;
use domain::message::Address;
use store::SessionRow;

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
    fn right(&self) -> Right<'_> {
        Right::Look(None)
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&*context.store, context.view);
        let awake: Vec<SessionId> = store.awake()?.into_iter().map(|it| it.id).collect();
        let mut all = store.sessions()?;
        all.retain(|it| view.sees_agent(&it.agent));
        let value = |row: &SessionRow| value(row, awake.contains(&row.id), view);
        let keys = "id agent label thread awake";
        match self {
            Self::List => {
                let none = "there is no conversation yet; `nanoclaw chat` begins one";
                Ok(Output::list(all.iter().map(value).collect(), keys, none))
            }
            Self::Show { id } => {
                let wanted = SessionId::parse(id.trim());
                let missing = || {
                    not_found(format!("there is no session `{id}`"), "see `nanoclaw sessions list`")
                };
                let row = all.iter().find(|it| Some(it.id) == wanted).ok_or_else(missing)?;
                Ok(Output::record(value(row), keys)
                    .hint("`nanoclaw status` shows its container and what waits"))
            }
        }
    }
}

fn value(row: &SessionRow, is_awake: bool, view: &View) -> Value {
    let part = |of: fn(&Address) -> &String| row.chat.as_ref().map(of);
    let shared = || "all that share it".to_owned();
    json!({
        "id": row.id.to_string(), "agent": row.agent, "channel": part(|it| &it.channel),
        "account": part(|it| &it.account), "chat": part(|it| &it.chat),
        "label": row.chat.as_ref().map_or_else(shared, |it| view.label_at(it)),
        "thread": row.thread, "awake": is_awake,
    })
}
