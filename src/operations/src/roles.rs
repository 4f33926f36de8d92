//! Who owns the host, and who is admin of an agent.

use domain::AgentName;
use domain::people::Role;
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{CentralStore, PersonRow, Revoked, RoleRow};

use crate::find::{View, who};
use crate::operation::{RoleWord, RolesOperation};
use crate::output::{Output, Result, listed, refused};
use crate::people::{last_owner, role_text};

pub(crate) fn perform(
    operation: &RolesOperation,
    store: &mut CentralStore,
    view: &View,
    now: Timestamp,
) -> Result {
    match operation {
        RolesOperation::List => Ok(list(view)),
        RolesOperation::Grant { user, role, agent } => {
            let role = read(*role, agent.as_ref(), view)?;
            let person = view.person_or_new(user, store, now)?;
            grant(&person, &role, store)
        }
        RolesOperation::Revoke { user, role, agent } => {
            let role = read(*role, agent.as_ref(), view)?;
            revoke(view.person(user)?, &role, store)
        }
    }
}

fn read(word: RoleWord, agent: Option<&AgentName>, view: &View) -> Result<Role> {
    if let Some(agent) = agent {
        view.agent(agent)?;
    }
    let word = match word {
        RoleWord::Owner => "owner",
        RoleWord::Admin => "admin",
    };
    Role::parse(word, agent.cloned()).map_err(|err| {
        refused(err.to_string(), "omit `--agent`, or use `admin` instead of `owner`")
    })
}

fn list(view: &View) -> Output {
    let row = |it: &RoleRow| [view.who_is(it.person), role_text(&it.role)];
    let none = "nobody has a role yet; `nanoclaw pair` makes you the owner";
    let rows = view.roles.iter().map(row).collect();
    let text = listed(["WHO", "ROLE"], rows, none);
    let value = |it: &RoleRow| {
        json!({
            "user": it.person.to_string(),
            "name": it.name,
            "role": it.role.as_str(),
            "agent": scope(&it.role),
        })
    };
    Output::new(text, Value::Array(view.roles.iter().map(value).collect()))
}

fn grant(person: &PersonRow, role: &Role, store: &mut CentralStore) -> Result {
    let granted = store.grant(person.id, role)?;
    let already = if granted { "" } else { " already" };
    let text = format!("{} is {}{already}", who(person), role_text(role));
    Ok(Output::new(text, value(person, role)).hint(undo("revoke", person, role)))
}

fn revoke(person: &PersonRow, role: &Role, store: &mut CentralStore) -> Result {
    let text = match store.revoke(person.id, role)? {
        Revoked::Yes => format!("{} is no longer {}", who(person), role_text(role)),
        Revoked::NotHeld => {
            return Err(refused(
                format!("{} is not {}", who(person), role_text(role)),
                "see `nanoclaw roles list`",
            ));
        }
        Revoked::LastOwner => return Err(last_owner(person)),
    };
    Ok(Output::new(text, value(person, role)).hint(undo("grant", person, role)))
}

fn undo(operation: &str, person: &PersonRow, role: &Role) -> String {
    let agent = scope(role).map(|it| format!(" --agent {it}")).unwrap_or_default();
    format!("undo with `nanoclaw roles {operation} {} {}{agent}`", person.id, role.as_str())
}

fn value(person: &PersonRow, role: &Role) -> Value {
    json!({ "user": person.id.to_string(), "role": role.as_str(), "agent": scope(role) })
}

fn scope(role: &Role) -> Option<&str> {
    match role {
        Role::Owner => None,
        Role::Admin { of } => of.as_ref().map(AgentName::as_str),
    }
}
