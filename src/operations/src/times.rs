//! In whose time things are meant, and when people are left alone.

use domain::quiet::{Hours, NoHours};
use schedule::{UnknownZone, Zone};
use serde_json::json;
use store::{CentralStore, PersonRow};

use crate::find::who;
use crate::output::{Output, Result, refused};

/// Takes a setting back.
const NONE: &str = "-";

pub(crate) fn timezone(person: &PersonRow, zone: Option<&str>, store: &mut CentralStore) -> Result {
    let before = store.person_zone(person.id)?;
    let Some(text) = zone else { return shown(person, store, before.as_ref()) };
    let wrong = |why: UnknownZone| refused(why.to_string(), "see `nanoclaw users timezone --help`");
    let zone = (text != NONE).then(|| Zone::find(text).map_err(wrong)).transpose()?;
    store.set_person_zone(person.id, zone.as_ref())?;
    let output = shown(person, store, zone.as_ref())?;
    let before = before.as_ref().map_or(NONE, Zone::name);
    Ok(output.undo(format!("users timezone {} {before}", person.id)))
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
    let wrong = |why: NoHours| refused(why.to_string(), "use `off` to end them");
    let is_set = !["off", NONE].contains(&text);
    let hours = is_set.then(|| Hours::parse(text).map_err(wrong)).transpose()?;
    store.set_person_quiet(person.id, hours)?;
    let before = before.map_or_else(|| "off".to_owned(), |it| it.to_string());
    Ok(told(person, store)?.undo(format!("users quiet {} {before}", person.id)))
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
