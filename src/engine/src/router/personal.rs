//! `/timezone` and `/quiet`: what people set for themselves, in any chat and without a model. Doing it
//! twice changes nothing.

use domain::command::{Command, argument};
use domain::message::Incoming;
use domain::people::PersonId;
use domain::quiet::Hours;
use domain::texts::commands::{NEVER_QUIET, NO_QUIET_HOURS, NO_ZONE};
use domain::texts::{self, sentence};
use domain::time::Timestamp;
use schedule::{Zone, local, within_until};
use store::{CentralStore, StoreError};

/// Takes a setting back.
const NONE: [&str; 3] = ["-", "off", "none"];

/// Shows a setting, or sets it to a value that is not empty. Its person is `None` for the user at the
/// terminal of the host.
type Setting =
    fn(&mut CentralStore, Option<PersonId>, &str, Timestamp) -> Result<String, StoreError>;

pub(super) fn set(
    central: &mut CentralStore,
    message: &Incoming,
    person: Option<PersonId>,
    command: Command,
    setting: Setting,
    now: Timestamp,
) -> Result<String, StoreError> {
    let by = format!("{}:{}", message.from.channel, message.body.sender.id);
    let value = argument(&message.body.text);
    let before = central.rows_changed();
    let text = setting(central, person, value, now)?;
    if before != central.rows_changed() {
        central.record_change(&format!("/{} {value}", command.as_str()), &by, now)?;
    }
    Ok(text)
}

pub(super) fn zone(
    central: &mut CentralStore,
    person: Option<PersonId>,
    value: &str,
    now: Timestamp,
) -> Result<String, StoreError> {
    if !value.is_empty() {
        let zone = match Zone::find(value) {
            Ok(zone) => Some(zone),
            Err(_) if NONE.contains(&value) => None,
            Err(unknown) => return Ok(sentence(&unknown.to_string())),
        };
        match (person, &zone) {
            (Some(person), zone) => {
                central.set_person_zone(person, zone.as_ref())?;
            }
            (None, Some(zone)) => central.set_install_zone(zone)?,
            (None, None) => return Ok(NO_ZONE.to_owned()),
        }
    }
    let counts = central.zone_for(person)?;
    let row = person.map(|it| central.person(it)).transpose()?.flatten();
    let has_own = row.is_some_and(|it| it.zone.is_some());
    let (zone, time) = (counts.name(), local(now, &counts));
    Ok(texts::commands::zone(zone, &time, has_own, person.is_some()))
}

pub(super) fn quiet(
    central: &mut CentralStore,
    person: Option<PersonId>,
    value: &str,
    now: Timestamp,
) -> Result<String, StoreError> {
    let Some(person) = person else { return Ok(NEVER_QUIET.to_owned()) };
    if !value.is_empty() {
        let hours = match Hours::parse(value) {
            Ok(hours) => Some(hours),
            Err(_) if NONE.contains(&value) => None,
            Err(wrong) => return Ok(sentence(&wrong.to_string())),
        };
        central.set_person_quiet(person, hours)?;
    }
    let zone = central.zone_for(Some(person))?;
    Ok(match central.person(person)?.and_then(|it| it.quiet) {
        None => NO_QUIET_HOURS.to_owned(),
        Some(hours) => {
            let until = within_until(hours, &zone, now).map(|it| local(it, &zone));
            texts::commands::quiet_hours(hours, zone.name(), until.as_deref())
        }
    })
}
