//! `/timezone` and `/quiet`: what people set for themselves, in any chat and without a model. Doing it
//! twice changes nothing.

use domain::command::{Command, argument};
use domain::message::Incoming;
use domain::people::PersonId;
use domain::quiet::Hours;
use domain::time::Timestamp;
use schedule::{Zone, local, within_until};
use store::{CentralStore, StoreError};

use crate::host::Host;

/// Takes a setting back.
const NONE: [&str; 3] = ["-", "off", "none"];

/// Shows a setting, or sets it to a value that is not empty. Its person is `None` for the user at the
/// terminal of the host.
type Setting =
    fn(&mut CentralStore, Option<PersonId>, &str, Timestamp) -> Result<String, StoreError>;

/// Does what a personal command says; what the chat is told of it is left to the session.
pub(super) async fn set(
    host: &Host,
    message: &Incoming,
    person: Option<PersonId>,
    command: Command,
    setting: Setting,
) -> Result<String, StoreError> {
    let now = host.clock.now();
    let by = format!("{}:{}", message.from.channel, message.sender.id);
    let value = argument(&message.text).to_owned();
    let set = move |central: &mut CentralStore| {
        let before = central.rows_changed();
        let text = setting(central, person, &value, now)?;
        if before != central.rows_changed() {
            central.record_change(&format!("/{} {value}", command.as_str()), &by, now)?;
        }
        Ok(text)
    };
    host.central.write("a personal setting", set).await
}

pub(super) fn zone(
    central: &mut CentralStore,
    person: Option<PersonId>,
    value: &str,
    now: Timestamp,
) -> Result<String, StoreError> {
    const HOW: &str = "`/timezone CITY` sets it, like `/timezone Europe/Berlin`";
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
            (None, None) => return Ok(format!("You have no time zone of your own; {HOW}.")),
        }
    }
    let counts = central.zone_for(person)?;
    let own = person.map(|it| central.person_zone(it)).transpose()?.flatten();
    let whose = match (own, person) {
        (Some(_), _) => "set by you; `/timezone -` undoes that",
        (None, Some(_)) => "the default; `/timezone CITY` sets your own",
        (None, None) => "the default; `/timezone CITY` changes it",
    };
    Ok(format!("Your time zone is {counts}, {whose}. It is {} there.", local(now, &counts)))
}

pub(super) fn quiet(
    central: &mut CentralStore,
    person: Option<PersonId>,
    value: &str,
    now: Timestamp,
) -> Result<String, StoreError> {
    let Some(person) = person else {
        return Ok(
            "This terminal gets no unsolicited messages, so there is nothing to hold back.".into()
        );
    };
    if !value.is_empty() {
        let hours = match Hours::parse(value) {
            Ok(hours) => Some(hours),
            Err(_) if NONE.contains(&value) => None,
            Err(wrong) => return Ok(sentence(&wrong.to_string())),
        };
        central.set_person_quiet(person, hours)?;
    }
    let zone = central.zone_for(Some(person))?;
    Ok(match central.person_quiet(person)? {
        None => "You have no quiet hours. `/quiet 22:00-7:00` sets some.".to_owned(),
        Some(hours) => {
            let on = match within_until(hours, &zone, now) {
                Some(until) => format!(" They are on until {}.", local(until, &zone)),
                None => String::new(),
            };
            format!(
                "Your quiet hours are {hours} ({zone}).{on} Until they end, I hold back what you didn't ask \
                 for in our private chat, but not answers, questions that need you, or errors. \
                 `/quiet off` ends that."
            )
        }
    })
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|it| it.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with(['?', '.']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
