//! People, and how platforms name them.

use clap::Subcommand;
use domain::people::{Handle, Role};
use domain::quiet::Hours;
use schedule::Zone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, Linked, PersonRow, Removed, Unlinked};

use crate::{
    Command, Context, Family, Operation, OperationError, Output, Result, USER, View, beyond,
    instant, joined, not_found, refused, who,
};

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

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        let named = |user: &mut String| view.resolve_user(user, host);
        Ok(match self {
            Self::List
            | Self::Show { .. }
            | Self::Timezone { zone: None, .. }
            | Self::Quiet { hours: None, .. } => String::new(),
            Self::Timezone { user, zone: Some(zone) } => {
                format!("The time zone of {} becomes `{zone}`.", named(user)?)
            }
            Self::Quiet { user, hours: Some(hours) } => {
                format!("The quiet hours of {} become `{hours}`.", named(user)?)
            }
            Self::Add { handle, name } => format!("{handle} becomes known here as `{name}`."),
            Self::Rename { user, name } => {
                format!("{} is called `{name}` from now on.", named(user)?)
            }
            Self::Link { user, handle } => {
                let user = named(user)?;
                format!("The user of {handle} is taken for {user} and gets all their rights.")
            }
            Self::Unlink { handle } => format!("The user of {handle} loses their rights."),
            Self::Remove { user } => {
                format!("{} is forgotten and loses every right.", named(user)?)
            }
        })
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let (store, view) = (&mut *context.store, context.view);
        match self {
            Self::List => {
                let none = "nobody is known yet; `nanoclaw pair` makes you the owner";
                let all = view.people.iter().map(|it| value(it, view)).collect();
                Ok(Output::list(all, "id name handles roles member_of", none))
            }
            Self::Show { user } => {
                let person = view.person(user)?;
                let mut json = value(person, view);
                json["zone"] = store.person_zone(person.id)?.map(|it| it.to_string()).into();
                json["quiet"] = store.person_quiet(person.id)?.map(|it| it.to_string()).into();
                let keys = "id name handles roles member_of zone quiet created_at";
                Ok(Output::record(json, keys))
            }
            Self::Add { handle, name } => add(handle, name, context),
            Self::Rename { user, name } => {
                let (person, name) = (view.person(user)?, name.trim());
                let (user, before) = (person.id.to_string(), person.name.clone());
                store.rename_person(person.id, name)?;
                let json = json!({ "id": user, "name": name });
                let operation = Self::Rename { user, name: before };
                let undo = Operation::Users(Family { json: false, operation });
                Ok(Output::new(format!("{} is called {name} now", who(person)), json).undo(undo))
            }
            Self::Link { user, handle } => link(view.person(user)?, handle, store, view),
            Self::Unlink { handle } => unlink(handle, store, view),
            Self::Timezone { user, zone } => timezone(view.person(user)?, zone.as_deref(), store),
            Self::Quiet { user, hours } => quiet(view.person(user)?, hours.as_deref(), store),
            Self::Remove { user } => remove(view.person(user)?, store),
        }
    }
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
    let json = json!({ "id": id.to_string(), "handle": handle });
    Ok(Output::new(format!("added {handle} as {id}"), json).hint(format!(
        "let them talk to an agent with `nanoclaw members add {id} AGENT`; undo with \
         `nanoclaw users remove {id}`"
    )))
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
    let json = json!({ "id": person.id.to_string(), "handle": handle });
    Ok(Output::new(text, json).undo(format!("users unlink {handle}")))
}

fn unlink(handle: &Handle, store: &mut CentralStore, view: &View) -> Result {
    match store.unlink(handle)? {
        Unlinked::Yes(id) => {
            let text = format!("{handle} is no longer {}", view.who_is(id));
            let json = json!({ "id": id.to_string(), "handle": handle });
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

fn value(person: &PersonRow, view: &View) -> Value {
    let roles = view.roles.iter().filter(|it| it.person == person.id);
    let members = view.members.iter().filter(|it| it.person == person.id);
    json!({
        "id": person.id.to_string(),
        "name": person.name,
        "handles": person.handles,
        "roles": roles.map(|it| role_text(&it.role)).collect::<Vec<_>>(),
        "member_of": members.map(|it| it.agent.as_str()).collect::<Vec<_>>(),
        "created_at": instant(person.created_at),
    })
}

/// Takes a setting back.
const NONE: &str = "-";

/// Shows or sets in whose time things are meant.
fn timezone(person: &PersonRow, zone: Option<&str>, store: &mut CentralStore) -> Result {
    let (id, name) = (person.id, who(person));
    let before = store.person_zone(id)?;
    let mut own = before.clone();
    if let Some(text) = zone {
        let hint = "see `nanoclaw users timezone --help`";
        let find = || Zone::find(text).map_err(|err| refused(err.to_string(), hint));
        own = (text != NONE).then(find).transpose()?;
        store.set_person_zone(id, own.as_ref())?;
    }
    let counts = store.zone_for(Some(id))?;
    let text = match &own {
        Some(own) => format!("{name} lives in {own}"),
        None => format!("{name} has no zone of their own; that of the install counts: {counts}"),
    };
    let own = own.as_ref().map(Zone::name);
    let json = json!({ "id": id.to_string(), "own": own, "zone": counts.name() });
    let undo = format!("users timezone {id} {}", before.as_ref().map_or(NONE, Zone::name));
    let output = Output::new(text, json);
    Ok(if zone.is_some() { output.undo(undo) } else { output })
}

/// Shows or sets when a person is left alone.
fn quiet(person: &PersonRow, hours: Option<&str>, store: &mut CentralStore) -> Result {
    let (id, name) = (person.id, who(person));
    let before = store.person_quiet(id)?;
    let mut quiet = before;
    if let Some(text) = hours {
        let parse =
            || Hours::parse(text).map_err(|err| refused(err.to_string(), "use `off` to end them"));
        quiet = (!["off", NONE].contains(&text)).then(parse).transpose()?;
        store.set_person_quiet(id, quiet)?;
    }
    let zone = store.zone_for(Some(id))?;
    let text = match quiet {
        Some(hours) => format!("{name} is left alone {hours} ({zone})"),
        None => format!("{name} has no quiet hours"),
    };
    let quiet = quiet.map(|it| it.to_string());
    let json = json!({ "id": id.to_string(), "quiet": quiet, "zone": zone.name() });
    let before = before.map_or_else(|| "off".to_owned(), |it| it.to_string());
    let output = Output::new(text, json);
    Ok(if hours.is_some() { output.undo(format!("users quiet {id} {before}")) } else { output })
}

fn handle(text: &str) -> Result<Handle, &'static str> {
    Handle::parse(text).ok_or("write it as `channel:id`, like telegram:123456")
}
