//! People, and how platforms name them.

use domain::people::Handle;
use domain::quiet::Hours;
use schedule::Zone;
use store::{Linked, PersonRow, Removed, Unlinked};

use crate::prelude::*;
use crate::roles::{last_owner, role_text};
use crate::{Family, Operation};

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
        #[arg(value_parser = new_handle)]
        handle: Handle,
        /// What people call them
        #[arg(long, default_value = "", value_parser = one_name)]
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
        #[arg(long, value_parser = one_name)]
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
        #[arg(value_parser = new_handle)]
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

const WHO_IS_WHO: &str = "change who is who";

impl Command for UsersOperation {
    /// An agent may look people up, and say nothing about them.
    fn right(&self) -> Right<'_> {
        match self {
            Self::List | Self::Show { .. } => Right::Look(None),
            Self::Add { .. } | Self::Set { .. } | Self::Remove { .. } => Right::Host(WHO_IS_WHO),
            Self::Link { .. } | Self::Unlink { .. } => Right::Host(WHO_IS_WHO),
        }
    }

    fn prepare(&mut self, _store: &CentralStore, view: &View, host: &View) -> Result<String> {
        let named = |user: &mut String| view.resolve_user(user, host);
        Ok(match self {
            Self::List | Self::Show { .. } => String::new(),
            Self::Set { user, name, timezone, quiet } => {
                let all = [("name", name), ("time zone", timezone), ("quiet hours", quiet)];
                let new = all.map(|(what, to)| to.as_ref().map(|it| format!("new {what} `{it}`")));
                format!("{}: {}.", named(user)?, joined(new.iter().flatten()))
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
                let zone = person.zone.as_ref().map(ToString::to_string);
                let mut json = value(person, view);
                json["zone"] = zone.clone().into();
                json["lives_in"] = zone.unwrap_or_else(|| "as the install".to_owned()).into();
                json["quiet"] = json!(person.quiet);
                let keys = "id name handles roles member_of lives_in=zone quiet created_at";
                Ok(Output::record(json, keys))
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
        let hint = format!("give them another name with `nanoclaw users set {person} --name NAME`");
        return Err(refused(format!("{handle} is {} already", view.who_is(person)), hint));
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
        Removed::LastOwner => Err(last_owner(&who(person))),
    }
}

fn gone(person: &PersonRow) -> OperationError {
    not_found(format!("{} is gone", who(person)), "see `nanoclaw users list`")
}

fn value(person: &PersonRow, view: &View) -> Value {
    let roles = view.roles.iter().filter(|it| it.person == person.id);
    let members = view.members.iter().filter(|it| it.person == person.id);
    json!({
        "id": person.id.to_string(), "name": person.name, "handles": person.handles,
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
    let (id, known_as, [name, timezone, quiet]) = (person.id, who(person), wanted);
    let mut said = Vec::new();
    if let Some(new) = name.map(str::trim) {
        if new.is_empty() {
            return Err(refused("an empty name is given", "say one, or `-` for none"));
        }
        let new = Some(new).filter(|it| *it != NONE);
        store.rename_person(id, new.unwrap_or_default())?;
        said.push(match new {
            Some(new) => format!("{known_as} is called {new} now"),
            None => format!("{known_as} has no name now"),
        });
    }
    if let Some(text) = timezone {
        let find = || Zone::find(text).or_refuse("name a city near it");
        let own = (text != NONE).then(find).transpose()?;
        store.set_person_zone(id, own.as_ref())?;
        let counts = store.zone_for(Some(id))?;
        said.push(match own {
            Some(own) => format!("{known_as} lives in {own}"),
            None => {
                format!("{known_as} has no zone of their own; that of the install counts: {counts}")
            }
        });
    }
    if let Some(text) = quiet {
        let parse = || Hours::parse(text).or_refuse("use `off` to end them");
        let hours = (![OFF, NONE].contains(&text)).then(parse).transpose()?;
        store.set_person_quiet(id, hours)?;
        let zone = store.zone_for(Some(id))?;
        said.push(match hours {
            Some(hours) => format!("{known_as} is left alone {hours} ({zone})"),
            None => format!("{known_as} has no quiet hours"),
        });
    }
    if said.is_empty() {
        let what = format!("no change given for {known_as}");
        return Err(refused(what, "give `--name`, `--timezone` or `--quiet`"));
    }
    let before = |text: Option<String>, none: &str| text.unwrap_or_else(|| none.to_owned());
    let old_name = Some(person.name.clone()).filter(|it| !it.is_empty());
    let operation = UsersOperation::Set {
        user: id.to_string(),
        name: name.map(|_| before(old_name, NONE)),
        timezone: timezone.map(|_| before(person.zone.as_ref().map(ToString::to_string), NONE)),
        quiet: quiet.map(|_| before(person.quiet.map(|it| it.to_string()), OFF)),
    };
    let json = json!({ "id": id.to_string(), "name": name, "timezone": timezone, "quiet": quiet });
    let output = Output::new(said.join("\n"), json);
    Ok(output.undo(Operation::Users(Family { json: false, operation })))
}

fn handle(text: &str) -> Result<Handle, &'static str> {
    Handle::parse(text).ok_or("write it as `channel:id`, like telegram:123456")
}

/// One that may become somebody's.
fn new_handle(text: &str) -> Result<Handle, &'static str> {
    let wrong = "write the id without white space, in at most 256 bytes";
    Some(handle(text)?).filter(Handle::is_plain).ok_or(wrong)
}

/// How long a name may be that people give.
const NAME_CHARS_MAX: usize = 100;

fn one_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains(['\n', '\r']) || text.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(format!("choose one line of at most {NAME_CHARS_MAX} characters"));
    }
    Ok(text.to_owned())
}
