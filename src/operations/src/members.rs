//! Who may talk to which agent, and who was refused.

use domain::AgentName;
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{CentralStore, DenialRow, MemberRow};

use crate::find::{View, who};
use crate::operation::MembersOperation;
use crate::output::{Output, Result, listed, refused};

pub(crate) fn perform(
    operation: &MembersOperation,
    store: &mut CentralStore,
    view: &View,
    now: Timestamp,
) -> Result {
    match operation {
        MembersOperation::List { agent } => list(agent.as_ref(), store, view),
        MembersOperation::Add { user, agent } => add(user, agent.as_ref(), store, view, now),
        MembersOperation::Remove { user, agent } => remove(user, agent.as_ref(), store, view),
    }
}

fn list(of: Option<&AgentName>, store: &CentralStore, view: &View) -> Result {
    if let Some(agent) = of {
        view.agent(agent)?;
    }
    let asked = |agent: &AgentName| of.is_none_or(|it| it == agent) && view.sees_agent(agent);
    let members: Vec<&MemberRow> = view.members.iter().filter(|it| asked(&it.agent)).collect();
    let denials = store.denials()?;
    let denials: Vec<&DenialRow> = denials.iter().filter(|it| asked(&it.agent)).collect();
    let member =
        |it: &&MemberRow| [it.agent.to_string(), view.who_is(it.person), "member".to_owned()];
    let denial = |it: &&DenialRow| {
        let name = if it.name.is_empty() { String::new() } else { format!("{} ", it.name) };
        let whom = format!("{name}({})", it.handle);
        [it.agent.to_string(), whom, "refused".to_owned()]
    };
    let rows = members.iter().map(member).chain(denials.iter().map(denial)).collect();
    let none = "there are no members; owners and admins may talk to their agents all the same";
    let text = listed(["AGENT", "WHO", "STATE"], rows, none);
    let member = |it: &&MemberRow| json!({ "agent": it.agent.as_str(), "user": it.person.to_string(), "name": it.name });
    let denial = |it: &&DenialRow| json!({ "agent": it.agent.as_str(), "handle": it.handle.to_string(), "name": it.name });
    let members: Vec<Value> = members.iter().map(member).collect();
    let refused: Vec<Value> = denials.iter().map(denial).collect();
    Ok(Output::new(text, json!({ "members": members, "refused": refused })))
}

fn add(
    user: &str,
    agent: Option<&AgentName>,
    store: &mut CentralStore,
    view: &View,
    now: Timestamp,
) -> Result {
    let agent = &view.agent_or_only(agent)?.name;
    let person = view.person_or_new(user, store, now)?;
    let added = store.add_member(person.id, agent)?;
    let text = match added {
        true => format!("{} may talk to {agent} now", who(&person)),
        false => format!("{} may talk to {agent} already", who(&person)),
    };
    let json = json!({ "user": person.id.to_string(), "agent": agent.as_str(), "added": added });
    let undo = format!("undo with `nanoclaw members remove {} {agent}`", person.id);
    Ok(Output::new(text, json).hint(undo))
}

fn remove(user: &str, agent: Option<&AgentName>, store: &CentralStore, view: &View) -> Result {
    let agent = &view.agent_or_only(agent)?.name;
    let person = view.person(user)?;
    if !store.remove_member(person.id, agent)? {
        return Err(refused(
            format!("{} is no member of {agent}", who(person)),
            "see `nanoclaw members list`; a role is taken back with `nanoclaw roles revoke`",
        ));
    }
    let text = format!("{} is no member of {agent} any longer", who(person));
    let json = json!({ "user": person.id.to_string(), "agent": agent.as_str() });
    let undo = format!("undo with `nanoclaw members add {} {agent}`", person.id);
    Ok(Output::new(text, json).hint(undo))
}
