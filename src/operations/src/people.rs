//! People, and how platforms name them.

use clap::Subcommand;
use domain::people::{Handle, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, Linked, PersonRow, Removed, Unlinked};

use crate::caller::beyond;
use crate::command::{Command, Context};
use crate::find::{View, who};
use crate::operation::{Family, Operation, USER};
use crate::output::{OperationError, Output, Result, instant, joined, listed, not_found, refused};
use crate::times;

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum UsersOperation {
    /// Show everybody
    List,
    /// Show one person: handles, roles, memberships
    Show {
        #[arg(help = USER)]
        user: String,
    },
    /// Add a person by what a platform calls them, like telegram:123456
    Add {
        #[arg(value_parser = handle)]
        handle: Handle,
        /// What people call them
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Call a person differently
    Rename {
        #[arg(help = USER)]
        user: String,
        name: String,
    },
    /// Say that a handle is the same person
    Link {
        #[arg(help = USER)]
        user: String,
        #[arg(value_parser = handle)]
        handle: Handle,
    },
    /// Take a handle from its person
    Unlink {
        #[arg(value_parser = handle)]
        handle: Handle,
    },
    /// Show or set where a person lives
    Timezone {
        #[arg(help = USER)]
        user: String,
        /// A zone or a city, like Europe/Berlin; `-` is that of the install
        zone: Option<String>,
    },
    /// Show or set when a person is left alone by what they did not ask for
    Quiet {
        #[arg(help = USER)]
        user: String,
        /// From and to in their zone, like 22:00-7:00; `off` ends it
        hours: Option<String>,
    },
    /// Forget a person, with roles and memberships
    Remove {
        #[arg(help = USER)]
        user: String,
    },
}

impl Command for UsersOperation {
    fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::List
                | Self::Show { .. }
                | Self::Timezone { zone: None, .. }
                | Self::Quiet { hours: None, .. }
        )
    }

    /// An agent may look people up, and say nothing about them.
    fn check_own(&self, view: &View) -> Result<()> {
        if !self.is_change() {
            return Ok(());
        }
        Err(match matches!(self, Self::Timezone { .. } | Self::Quiet { .. }) {
            true => beyond("say for people where they live or when they sleep", view),
            false => beyond("change who is who", view),
        })
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        match self {
            Self::List | Self::Add { .. } | Self::Unlink { .. } => Ok(()),
            Self::Show { user }
            | Self::Rename { user, .. }
            | Self::Link { user, .. }
            | Self::Timezone { user, .. }
            | Self::Quiet { user, .. }
            | Self::Remove { user } => view.resolve_user(user),
        }
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        let named = |user: &String| view.shown_user(user);
        Ok(match self {
            Self::List
            | Self::Show { .. }
            | Self::Timezone { zone: None, .. }
            | Self::Quiet { hours: None, .. } => String::new(),
            Self::Timezone { user, zone: Some(zone) } => {
                format!("The time zone of {} becomes `{zone}`.", named(user))
            }
            Self::Quiet { user, hours: Some(hours) } => {
                format!("The quiet hours of {} become `{hours}`.", named(user))
            }
            Self::Add { handle, name } => format!("{handle} becomes known here as `{name}`."),
            Self::Rename { user, name } => {
                format!("{} is called `{name}` from now on.", named(user))
            }
            Self::Link { user, handle } => {
                let user = named(user);
                format!("The user of {handle} is taken for {user} and gets all their rights.")
            }
            Self::Unlink { handle } => format!("The user of {handle} loses their rights."),
            Self::Remove { user } => format!("{} is forgotten and loses every right.", named(user)),
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&mut *context.store, context.view);
        match self {
            Self::List => Ok(list(view)),
            Self::Show { user } => show(view.person(user)?, store, view),
            Self::Add { handle, name } => add(handle, name, context),
            Self::Rename { user, name } => rename(view.person(user)?, name, store),
            Self::Link { user, handle } => link(view.person(user)?, handle, store, view),
            Self::Unlink { handle } => unlink(handle, store, view),
            Self::Timezone { user, zone } => {
                times::timezone(view.person(user)?, zone.as_deref(), store)
            }
            Self::Quiet { user, hours } => {
                times::quiet(view.person(user)?, hours.as_deref(), store)
            }
            Self::Remove { user } => remove(view.person(user)?, store),
        }
    }
}

fn list(view: &View) -> Output {
    let row = |person: &PersonRow| {
        [
            person.id.to_string(),
            person.name.clone(),
            joined(&person.handles),
            joined(roles(person, view)),
            joined(member_of(person, view)),
        ]
    };
    let rows = view.people.iter().map(row).collect();
    let none = "nobody is known yet; `nanoclaw pair` makes you the owner";
    let text = listed(["ID", "NAME", "HANDLES", "ROLES", "MEMBER OF"], rows, none);
    Output::new(text, Value::Array(view.people.iter().map(|it| value(it, view)).collect()))
}

fn show(person: &PersonRow, store: &CentralStore, view: &View) -> Result {
    let zone = store.person_zone(person.id)?.map(|it| it.to_string());
    let quiet = store.person_quiet(person.id)?.map(|it| it.to_string());
    let lines = [
        format!("id         {}", person.id),
        format!("name       {}", person.name),
        format!("handles    {}", joined(&person.handles)),
        format!("roles      {}", joined(roles(person, view))),
        format!("member of  {}", joined(member_of(person, view))),
        format!("zone       {}", zone.as_deref().unwrap_or("as the install")),
        format!("quiet      {}", quiet.as_deref().unwrap_or("-")),
        format!("since      {}", instant(person.created_at)),
    ];
    let mut json = value(person, view);
    (json["zone"], json["quiet"]) = (zone.into(), quiet.into());
    Ok(Output::new(lines.join("\n"), json))
}

fn add(handle: &Handle, name: &str, context: &mut Context<'_>) -> Result {
    let Context { store, view, now, .. } = context;
    if let Some(person) = store.person_of(handle)? {
        return Err(refused(
            format!("{handle} is {} already", view.who_is(person)),
            format!("give them another name with `nanoclaw users rename {person} NAME`"),
        ));
    }
    let id = store.add_person(handle, name.trim(), *now)?;
    let json = json!({ "id": id.to_string(), "handle": handle.to_string() });
    Ok(Output::new(format!("added {handle} as {id}"), json).hint(format!(
        "let them talk to an agent with `nanoclaw members add {id} AGENT`; undo with \
         `nanoclaw users remove {id}`"
    )))
}

fn rename(person: &PersonRow, name: &str, store: &CentralStore) -> Result {
    let (id, name) = (person.id, name.trim());
    store.rename_person(id, name)?;
    let json = json!({ "id": id.to_string(), "name": name });
    let operation = UsersOperation::Rename { user: id.to_string(), name: person.name.clone() };
    let undo = Operation::Users(Family { json: false, operation }).to_string();
    Ok(Output::new(format!("{} is called {name} now", who(person)), json).undo(undo))
}

fn link(person: &PersonRow, handle: &Handle, store: &mut CentralStore, view: &View) -> Result {
    let text = match store.link(person.id, handle)? {
        Linked::Yes => format!("{handle} is {} from now on, with the same rights", who(person)),
        Linked::Already => format!("{handle} is {} already", who(person)),
        Linked::Anothers(other) => {
            return Err(refused(
                format!("{handle} is {}", view.who_is(other)),
                format!("take it from them with `nanoclaw users unlink {handle}`, or remove them"),
            ));
        }
        Linked::NoPerson => return Err(gone(person)),
    };
    let json = json!({ "id": person.id.to_string(), "handle": handle.to_string() });
    Ok(Output::new(text, json).undo(format!("users unlink {handle}")))
}

fn unlink(handle: &Handle, store: &mut CentralStore, view: &View) -> Result {
    match store.unlink(handle)? {
        Unlinked::Yes(id) => {
            let text = format!("{handle} is no longer {}", view.who_is(id));
            let json = json!({ "id": id.to_string(), "handle": handle.to_string() });
            Ok(Output::new(text, json).undo(format!("users link {id} {handle}")))
        }
        Unlinked::OnlyOne(id) => Err(refused(
            format!("{handle} is all that {} is known by", view.who_is(id)),
            format!("link another handle first, or `nanoclaw users remove {id}`"),
        )),
        Unlinked::NoHandle => {
            Err(not_found(format!("{handle} is nobody here"), "see `nanoclaw users list`"))
        }
    }
}

fn remove(person: &PersonRow, store: &mut CentralStore) -> Result {
    match store.remove_person(person.id)? {
        Removed::Yes => {
            let text = format!(
                "removed {} with roles and memberships; the user of {} is unknown now",
                who(person),
                joined(&person.handles)
            );
            Ok(Output::new(text, json!({ "id": person.id.to_string() })))
        }
        Removed::NotThere => Err(gone(person)),
        Removed::LastOwner => Err(last_owner(person)),
    }
}

fn gone(person: &PersonRow) -> OperationError {
    not_found(format!("{} is gone", who(person)), "see `nanoclaw users list`")
}

pub(crate) fn last_owner(person: &PersonRow) -> OperationError {
    refused(
        format!("{} is the last owner", who(person)),
        "make somebody else one first: `nanoclaw roles grant USER owner`",
    )
}

pub(crate) fn role_text(role: &Role) -> String {
    match role {
        Role::Owner => "owner".to_owned(),
        Role::Admin { of: None } => "admin of all agents".to_owned(),
        Role::Admin { of: Some(agent) } => format!("admin of {agent}"),
    }
}

fn roles(person: &PersonRow, view: &View) -> Vec<String> {
    let of = view.roles.iter().filter(|it| it.person == person.id);
    of.map(|it| role_text(&it.role)).collect()
}

fn member_of(person: &PersonRow, view: &View) -> Vec<String> {
    let of = view.members.iter().filter(|it| it.person == person.id);
    of.map(|it| it.agent.to_string()).collect()
}

fn value(person: &PersonRow, view: &View) -> Value {
    json!({
        "id": person.id.to_string(),
        "name": person.name,
        "handles": person.handles,
        "roles": roles(person, view),
        "member_of": member_of(person, view),
        "created_at": instant(person.created_at),
    })
}

fn handle(text: &str) -> Result<Handle, &'static str> {
    Handle::parse(text).ok_or("write it as `channel:id`, like telegram:123456")
}
