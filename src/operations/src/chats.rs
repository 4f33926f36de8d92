//! Chats: what is known of them, and whom they let in.

mod connect;
mod wiring;

use domain::admission::Policy;
use domain::plain::shell_word;
use domain::texts::approval::DETAIL_CHARS_MAX;
use store::ChatRow;

use crate::chats::connect::{ConnectArgs, DisconnectArgs};
use crate::chats::wiring::{brief, unknown_users, wiring_value};
use crate::prelude::*;

/// In place of a template: none.
const USUAL: &str = "-";
const TEMPLATE_BYTES_MAX: usize = 1_000;

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
  nanoclaw chats set 3 --deny            ignore the whole chat
  nanoclaw chats set webhook:ci --template '{workflow_run.name}: {workflow_run.html_url}'")]
    Set {
        #[arg(help = CHAT)]
        chat: String,
        /// What to do with people whom nobody knows: ignore them, ask, or let them in
        #[arg(long, value_name = "POLICY",
              value_parser = parse_enum(Policy::ALL.map(Policy::as_str), Policy::parse))]
        policy: Option<Policy>,
        /// Ignore everything in it
        #[arg(long, conflicts_with = "undeny")]
        deny: bool,
        /// Listen again
        #[arg(long)]
        undeny: bool,
        /// How an event that a program posts there is told, with {path.of.a.value}; `-` for the usual way
        #[arg(long, value_name = "TEXT", value_parser = parse_template)]
        template: Option<String>,
    },
    /// Connect a chat to an agent, or change how
    Connect(ConnectArgs),
    /// Disconnect a chat from an agent
    Disconnect(DisconnectArgs),
}

impl Command for ChatsOperation {
    fn right(&self) -> Right<'_> {
        match self {
            Self::List | Self::Show { .. } => Right::Look(None),
            Self::Set { chat, .. } => Right::Chat(chat),
            Self::Connect(ConnectArgs { agent, .. })
            | Self::Disconnect(DisconnectArgs { agent, .. }) => Right::Agent(agent.as_ref()),
        }
    }

    fn prepare(&mut self, store: &CentralStore, view: &View, host: &View) -> Result<String> {
        match self {
            Self::List | Self::Show { .. } => Ok(String::new()),
            Self::Connect(args) => args.prepare(store, view, host),
            Self::Disconnect(args) => args.prepare(view, host),
            Self::Set { chat, policy, deny, undeny, template } => {
                let denied = (*deny || *undeny).then_some(*deny);
                let told = told(*policy, denied, template.as_deref()).join("; ");
                let told = format!("In {}: {told}.", view.resolve_chat(chat, host)?);
                // Who allows it sees all of it: a line of a card shows only so much.
                let told: Vec<char> = told.replace('\n', "⏎").chars().collect();
                let lines = told.chunks(DETAIL_CHARS_MAX).map(String::from_iter);
                Ok(lines.collect::<Vec<_>>().join("\n"))
            }
        }
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
                let hint = |chat: &ChatRow| {
                    let (label, id) = (view.label(chat), chat.id);
                    format!(
                        "{label} is connected to nobody; `nanoclaw chats connect {id} --own` gives it an agent"
                    )
                };
                Ok(Output { hint: open.map(hint), ..output })
            }
            Self::Show { chat } => show(view.chat(chat)?, context.store, view),
            Self::Connect(args) => args.run(context),
            Self::Disconnect(args) => args.run(context),
            Self::Set { chat, policy, deny, undeny, template } => {
                let denied = (*deny || *undeny).then_some(*deny);
                set(view.chat(chat)?, *policy, denied, template.as_deref(), context)
            }
        }
    }
}

fn set(
    chat: &ChatRow,
    policy: Option<Policy>,
    denied: Option<bool>,
    template: Option<&str>,
    context: &mut Context<'_>,
) -> Result {
    let told = told(policy, denied, template);
    if told.is_empty() {
        let what = format!("no change given for chat {}", chat.id);
        return Err(refused(what, "give `--policy`, `--deny`, `--undeny` or `--template`"));
    }
    let mut undo = format!("chats set {}", chat.id);
    if let Some(policy) = policy {
        context.store.set_policy(chat.id, policy)?;
        undo += &format!(" --policy {}", chat.policy.as_str());
    }
    if let Some(denied) = denied {
        context.store.set_denied(chat.id, denied.then_some(context.now))?;
        undo += if denied { " --undeny" } else { " --deny" };
    }
    if let Some(template) = template {
        context.store.set_template(chat.id, Some(template).filter(|it| *it != USUAL))?;
        let before = chat.template.as_deref().unwrap_or(USUAL);
        undo += &format!(" {}", shell_word(&format!("--template={before}")));
    }
    let json = json!({
        "id": chat.id.0, "policy": policy.unwrap_or(chat.policy),
        "denied": denied.unwrap_or(chat.denied_at.is_some()),
        "template": template.map_or(chat.template.as_deref(), |it| Some(it).filter(|it| *it != USUAL)),
    });
    Ok(Output::new(format!("chat {}: {}", chat.id, told.join("; ")), json).undo(undo))
}

/// What a change of a chat comes to.
fn told(policy: Option<Policy>, denied: Option<bool>, template: Option<&str>) -> Vec<String> {
    let policy = policy.map(|it| format!("people whom nobody knows are {}", unknown_users(it)));
    let denied = denied.map(|is_denied| match is_denied {
        true => "everything in it is ignored from now on".to_owned(),
        false => "it is listened to again".to_owned(),
    });
    let template = template.map(|template| match template {
        USUAL => "events there are told in the usual way".to_owned(),
        text => format!("events there are told as: {text}"),
    });
    policy.into_iter().chain(denied).chain(template).collect()
}

/// A template that fits beside what it is filled with.
fn parse_template(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= TEMPLATE_BYTES_MAX;
    fits.then(|| text.to_owned()).ok_or_else(|| format!("take 1 to {TEMPLATE_BYTES_MAX} bytes"))
}

fn show(chat: &ChatRow, store: &CentralStore, view: &View) -> Result {
    let mut sessions = store.sessions_in_chat(chat.id)?;
    sessions.retain(|it| view.sees_agent(&it.agent));
    let mut json = value(chat, view);
    json["wirings"] = view.wired_in(chat.id).map(wiring_value).collect();
    json["sessions"] = sessions.iter().map(|it| it.id.to_string()).collect();
    let mut output =
        Output::record(json, "id address title is_group policy denied denied_at template sessions");
    for wired in view.wired_in(chat.id) {
        output.text.push_str(&format!("\n{}: {}", wired.wiring.agent, brief(wired)));
    }
    Ok(output)
}

fn value(chat: &ChatRow, view: &View) -> Value {
    let agents = view.wired_in(chat.id).map(|it| it.wiring.agent.as_str());
    json!({
        "id": chat.id.0, "channel": chat.address.channel, "account": chat.address.account,
        "chat": chat.address.chat, "address": view.address(chat), "title": chat.title,
        "is_group": chat.is_group, "policy": chat.policy, "denied": chat.denied_at.is_some(),
        "denied_at": chat.denied_at.map(instant), "template": chat.template,
        "agents": agents.collect::<Vec<_>>(),
    })
}
