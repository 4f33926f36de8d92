//! The chats that agents may write to, by names of theirs.

use domain::AgentName;
use domain::naming::destination_name;
use serde_json::{Value, json};
use store::{CentralStore, DestinationRow};

use crate::find::View;
use crate::operation::DestinationsOperation;
use crate::output::{Output, Result, joined, listed, not_found, refused};

/// The longest name; a model has to type it.
const NAME_CHARS_MAX: usize = 32;

pub(crate) fn perform(
    operation: &DestinationsOperation,
    store: &CentralStore,
    view: &View,
) -> Result {
    match operation {
        DestinationsOperation::List { agent } => list(agent.as_ref(), store, view),
        DestinationsOperation::Add { agent, chat, name } => {
            add(&view.agent(agent)?.name, chat, name.as_deref(), store, view)
        }
        DestinationsOperation::Remove { agent, name } => {
            remove(&view.agent(agent)?.name, name, store)
        }
    }
}

fn list(of: Option<&AgentName>, store: &CentralStore, view: &View) -> Result {
    let rows = match of {
        Some(agent) => store.destinations_of(&view.agent(agent)?.name)?,
        None => store.destinations()?,
    };
    let rows: Vec<DestinationRow> =
        rows.into_iter().filter(|it| view.sees_agent(&it.agent)).collect();
    let row = |it: &DestinationRow| {
        let chat = format!("{}:{}", it.address.channel, it.address.chat);
        [it.agent.to_string(), it.name.clone(), chat, it.title.clone()]
    };
    let none = "no agent may write to a chat by name; it answers where it is asked all the same";
    let text = listed(["AGENT", "NAME", "CHAT", "TITLE"], rows.iter().map(row).collect(), none);
    let value = |it: &DestinationRow| {
        json!({
            "agent": it.agent.as_str(),
            "name": it.name,
            "chat": it.chat.0,
            "title": it.title,
        })
    };
    Ok(Output::new(text, Value::Array(rows.iter().map(value).collect())))
}

fn add(
    agent: &AgentName,
    chat: &str,
    name: Option<&str>,
    store: &CentralStore,
    view: &View,
) -> Result {
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
    let undo = format!("undo with `nanoclaw destinations remove {agent} {name}`");
    Ok(Output::new(text, json).hint(undo))
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
    let undo = format!("undo with `nanoclaw destinations add {agent} {} --name {name}`", row.chat);
    Ok(Output::new(text, json).hint(undo))
}
