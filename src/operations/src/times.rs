//! In whose time things are meant, and when people are left alone.

use domain::people::PersonId;
use domain::quiet::Hours;
use schedule::Zone;
use serde_json::json;
use store::{CentralStore, PersonRow};

use crate::find::who;
use crate::output::{Output, Result, refused};

/// Takes a setting back.
pub(crate) const NONE: &str = "-";

/// Reads a zone or a city; `None` takes a person's zone back.
pub(crate) fn zone(text: &str) -> Result<Option<Zone>, String> {
    match text {
        NONE => Ok(None),
        text => Zone::find(text).map(Some).map_err(|it| it.to_string()),
    }
}

/// Reads quiet hours; `None` ends them.
pub(crate) fn hours(text: &str) -> Result<Option<Hours>, String> {
    match text {
        "off" | NONE => Ok(None),
        text => Hours::parse(text).map(Some).map_err(|it| it.to_string()),
    }
}

pub(crate) fn timezone(person: &PersonRow, zone: Option<&str>, store: &mut CentralStore) -> Result {
    let before = store.person_zone(person.id)?;
    let Some(text) = zone else { return shown(person, store, before.as_ref()) };
    let zone =
        self::zone(text).map_err(|why| refused(why, "see `nanoclaw users timezone --help`"))?;
    store.set_person_zone(person.id, zone.as_ref())?;
    let output = shown(person, store, zone.as_ref())?;
    let before = before.as_ref().map_or(NONE, Zone::name);
    Ok(output.hint(format!("undo with `nanoclaw users timezone {} {before}`", person.id)))
}

fn shown(person: &PersonRow, store: &CentralStore, own: Option<&Zone>) -> Result {
    let counts = store.zone_for(Some(person.id))?;
    let text = match own {
        Some(own) => format!("{} lives in {own}", who(person)),
        None => format!(
            "{} has no zone of their own; that of the install counts: {counts}",
            who(person)
        ),
    };
    let json = json!({
        "id": person.id.to_string(),
        "own": own.map(Zone::name),
        "zone": counts.name(),
    });
    Ok(Output::new(text, json))
}

pub(crate) fn quiet(person: &PersonRow, hours: Option<&str>, store: &mut CentralStore) -> Result {
    let before = store.person_quiet(person.id)?;
    let Some(text) = hours else { return told(person, store) };
    let hours = self::hours(text).map_err(|why| refused(why, "or `off`, which ends them"))?;
    store.set_person_quiet(person.id, hours)?;
    let before = before.map_or_else(|| "off".to_owned(), |it| it.to_string());
    let undo = format!("undo with `nanoclaw users quiet {} {before}`", person.id);
    Ok(told(person, store)?.hint(undo))
}

fn told(person: &PersonRow, store: &CentralStore) -> Result {
    let (hours, zone) = (store.person_quiet(person.id)?, store.zone_for(Some(person.id))?);
    let text = match hours {
        Some(hours) => format!("{} is left alone {hours} ({zone})", who(person)),
        None => format!("{} has no quiet hours", who(person)),
    };
    let json = json!({
        "id": person.id.to_string(),
        "quiet": hours.map(|it| it.to_string()),
        "zone": zone.name(),
    });
    Ok(Output::new(text, json))
}

/// What `users show` tells of both.
pub(crate) fn of(
    person: PersonId,
    store: &CentralStore,
) -> Result<(Option<String>, Option<String>)> {
    let zone = store.person_zone(person)?.map(|it| it.name().to_owned());
    Ok((zone, store.person_quiet(person)?.map(|it| it.to_string())))
}
