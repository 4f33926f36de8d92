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
    /// Set what a person is called, where they live, and when they are left alone
    #[command(after_help = "\
Examples:
  nanoclaw users set ann --timezone Asia/Tokyo    or a city: --timezone berlin
  nanoclaw users set ann --quiet 22:00-7:00       what she did not ask for waits, by her clock")]
    Set {
        #[arg(help = USER)]
        user: String,
        /// What people call them; `-` is no name
        #[arg(long)]
        name: Option<String>,
        /// A zone or a city; `-` is that of the install
        #[arg(long, value_name = "ZONE")]
        timezone: Option<String>,
        /// From and to; `off` ends it
        #[arg(long, value_name = "HOURS")]
        quiet: Option<String>,
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
    /// Forget a person, with roles and memberships
    Remove {
        #[arg(help = USER)]
        user: String,
    },
}

impl Command for UsersOperation {
    fn is_change(&self) -> bool {
        !matches!(self, Self::List | Self::Show { .. })
    }

    /// An agent may look people up, and say nothing about them.
    fn check_own(&self, view: &View) -> Result<()> {
        if self.is_change() { Err(beyond("change who is who", view)) } else { Ok(()) }
    }

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        let named = |user: &mut String| view.resolve_user(user, host);
        Ok(match self {
            Self::List | Self::Show { .. } => String::new(),
            Self::Set { user, name, timezone, quiet } => {
                let name = name.as_ref().map(|it| format!("the name becomes `{it}`"));
                let zone = timezone.as_ref().map(|it| format!("the time zone becomes `{it}`"));
                let quiet = quiet.as_ref().map(|it| format!("the quiet hours become `{it}`"));
                let parts: Vec<String> = [name, zone, quiet].into_iter().flatten().collect();
                format!("{}: {}.", named(user)?, parts.join("; "))
            }
            Self::Add { handle, name } => format!("{handle} becomes known here as `{name}`."),
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
                json["zone"] = person.zone.as_ref().map(ToString::to_string).into();
                json["quiet"] = person.quiet.map(|it| it.to_string()).into();
                let keys = "id name handles roles member_of zone quiet created_at";
                let mut shown = json.clone();
                if person.zone.is_none() {
                    shown["zone"] = "as the install".into();
                }
                Ok(Output { json, ..Output::record(shown, keys) })
            }
            Self::Add { handle, name } => add(handle, name, context),
            Self::Set { user, name, timezone, quiet } => {
                let wanted = [name, timezone, quiet].map(Option::as_deref);
                set(view.person(user)?, wanted, store)
            }
            Self::Link { user, handle } => link(view.person(user)?, handle, store, view),
            Self::Unlink { handle } => unlink(handle, store, view),
            Self::Remove { user } => remove(view.person(user)?, store),
        }
    }
}

fn add(handle: &Handle, name: &str, context: &mut Context<'_>) -> Result {
    let Context { store, view, now, .. } = context;
    if let Some(person) = store.person_of(handle)? {
        return Err(refused(
            format!("{handle} is {} already", view.who_is(person)),
            format!("give them another name with `nanoclaw users set {person} --name NAME`"),
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
            let has_more = view.person_by_id(other).is_some_and(|it| 1 < it.handles.len());
            let hint = match has_more {
                true => format!("take it from them with `nanoclaw users unlink {handle}`"),
                false => format!(
                    "they are known by nothing else: forget them with `nanoclaw users remove {other}`"
                ),
            };
            return Err(refused(format!("{handle} is {}", view.who_is(other)), hint));
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
        "make somebody else one first: `nanoclaw roles add USER owner`",
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

/// Takes quiet hours back.
const OFF: &str = "off";

/// Sets what was given: the name, the time zone, and the quiet hours.
fn set(person: &PersonRow, wanted: [Option<&str>; 3], store: &mut CentralStore) -> Result {
    let (id, name, [new_name, zone, hours]) = (person.id, who(person), wanted);
    let (zone_before, quiet_before) = (person.zone.as_ref(), person.quiet);
    let mut said = Vec::new();
    if let Some(new) = new_name.map(str::trim) {
        if new.is_empty() {
            return Err(refused("an empty name is given", "say one, or `-` for none"));
        }
        let new = if new == NONE { "" } else { new };
        store.rename_person(id, new)?;
        said.push(match new {
            "" => format!("{name} has no name now"),
            new => format!("{name} is called {new} now"),
        });
    }
    if let Some(text) = zone {
        let find =
            || Zone::find(text).map_err(|err| refused(err.to_string(), "name a city near it"));
        let own = (text != NONE).then(find).transpose()?;
        store.set_person_zone(id, own.as_ref())?;
        let counts = store.zone_for(Some(id))?;
        said.push(match own {
            Some(own) => format!("{name} lives in {own}"),
            None => {
                format!("{name} has no zone of their own; that of the install counts: {counts}")
            }
        });
    }
    if let Some(text) = hours {
        let parse =
            || Hours::parse(text).map_err(|err| refused(err.to_string(), "use `off` to end them"));
        let quiet = (![OFF, NONE].contains(&text)).then(parse).transpose()?;
        store.set_person_quiet(id, quiet)?;
        said.push(match quiet {
            Some(hours) => format!("{name} is left alone {hours} ({})", store.zone_for(Some(id))?),
            None => format!("{name} has no quiet hours"),
        });
    }
    if said.is_empty() {
        let what = format!("no change given for {name}");
        return Err(refused(what, "give `--name`, `--timezone` or `--quiet`"));
    }
    let zone_before = || zone_before.map_or_else(|| NONE.to_owned(), |it| it.to_string());
    let quiet_before = || quiet_before.map_or_else(|| OFF.to_owned(), |it| it.to_string());
    let operation = UsersOperation::Set {
        user: id.to_string(),
        name: new_name.map(|_| or_none(&person.name)),
        timezone: zone.map(|_| zone_before()),
        quiet: hours.map(|_| quiet_before()),
    };
    let json = json!({ "id": id.to_string(), "name": new_name, "timezone": zone, "quiet": hours });
    let output = Output::new(said.join("\n"), json);
    Ok(output.undo(Operation::Users(Family { json: false, operation })))
}

fn or_none(name: &str) -> String {
    if name.is_empty() { NONE.to_owned() } else { name.to_owned() }
}

fn handle(text: &str) -> Result<Handle, &'static str> {
    Handle::parse(text).ok_or("write it as `channel:id`, like telegram:123456")
}
