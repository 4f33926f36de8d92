//! `/timezone`, `/quiet` and `/tasks`: what people set for themselves and schedule, in any chat and without
//! a model. Doing it twice changes nothing.

use domain::command::{Command, argument};
use domain::message::Incoming;
use domain::people::PersonId;
use domain::quiet::Hours;
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::texts::{commands, sentence};
use domain::time::Timestamp;
use operations::{Asker, Caller, parse_line};
use schedule::{Zone, local, within_until};
use store::{CentralStore, SessionRow};

use super::Step;
use super::admission_snapshot::AdmissionSnapshot;
use crate::Result;
use crate::approvals;

/// Takes a setting back.
const NONE: [&str; 3] = ["-", "off", "none"];

/// Shows a setting, or sets it to a value that is not empty. Its person is `None` for the user at the
/// terminal of the host.
type Setting = fn(&mut CentralStore, Option<PersonId>, &str, Timestamp) -> Result<String>;

pub(super) fn set(
    central: &mut CentralStore,
    message: &Incoming,
    person: Option<PersonId>,
    command: Command,
    setting: Setting,
    now: Timestamp,
) -> Result<String> {
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
) -> Result<String> {
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
            (None, None) => return Ok(commands::NO_ZONE.to_owned()),
        }
    }
    let counts = central.zone_for(person)?;
    let row = person.map(|it| central.person(it)).transpose()?.flatten();
    let has_own = row.is_some_and(|it| it.zone.is_some());
    let (zone, time) = (counts.name(), local(now, &counts));
    Ok(commands::zone(zone, &time, has_own, person.is_some()))
}

pub(super) fn quiet(
    central: &mut CentralStore,
    person: Option<PersonId>,
    value: &str,
    now: Timestamp,
) -> Result<String> {
    let Some(person) = person else { return Ok(commands::NEVER_QUIET.to_owned()) };
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
        None => commands::NO_QUIET_HOURS.to_owned(),
        Some(hours) => {
            let until = within_until(hours, &zone, now).map(|it| local(it, &zone));
            commands::quiet_hours(hours, zone.name(), until.as_deref())
        }
    })
}

/// `/tasks`: what is scheduled, shown and changed without an agent.
pub(super) fn tasks(
    central: &mut CentralStore,
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    (chat, row): (ChatId, &SessionRow),
    step: &mut Step,
) -> Result<String> {
    let operation = match parse_line(&line(&message.body.text)) {
        Ok(operation) => operation,
        Err(why) => return Ok(usage(&why)),
    };
    let from = &message.from;
    let asker = Asker {
        agent: row.agent.clone(),
        session: row.id,
        chat,
        thread: from.thread.clone(),
        who: Who::Person {
            person: snapshot.person(),
            handle: snapshot.handle.clone(),
            access: snapshot.access(&row.agent),
            is_direct: !message.body.chat.is_group,
        },
        is_attended: true,
        key: format!("{}/{}:{chat}#{}", from.channel, from.account, message.platform_id),
        at: message.body.sent_at.unwrap_or(snapshot.now),
    };
    step.changes_tasks |= operation.is_change();
    approvals::run(&operation, central, &Caller::Chat(asker), snapshot.now).map(|it| it.1)
}

/// What is told instead of doing something: what is wrong, or the help that was asked for.
fn usage(why: &str) -> String {
    let error = why.strip_prefix("error: ");
    if error.is_none() && why.contains("Usage: ") {
        return commands::TASKS.to_owned();
    }
    // The usage of the command line, which follows, is for another place.
    let what = error.unwrap_or(why).split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = what.split_whitespace().collect();
    commands::not_understood(&words.join(" ").replace(">...", ">").replace(['<', '>'], ""))
}

/// The operation that is meant. Telephones put other quotes and dashes in the place of plain ones.
fn line(text: &str) -> String {
    let rest = argument(text).replace(['“', '”', '„', '‟'], "\"").replace('—', "--");
    match rest.as_str() {
        "" => "tasks list".to_owned(),
        rest => format!("tasks {rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_read_as_it_is_typed_on_a_telephone() {
        assert_eq!(line(" /tasks "), "tasks list");
        assert_eq!(line("/Tasks cancel 3"), "tasks cancel 3");
        let typed = line("/tasks add “in 1 hour” „tea“ —missed latest");
        assert_eq!(typed, "tasks add \"in 1 hour\" \"tea\" --missed latest");
        assert_eq!(line("/tasks\nrun 3"), "tasks run 3");
    }

    #[test]
    fn what_is_missing_is_named_and_help_is_no_mistake() {
        let told = |text| usage(&parse_line(&line(text)).unwrap_err());
        for (text, missing) in
            [("/tasks pause", "provided: TASK."), ("/tasks add", ": WHEN PROMPT.")]
        {
            assert!(told(text).contains(missing), "{}", told(text));
        }
        for text in ["/tasks help", "/tasks --help", "/tasks add -h", "/tasks help add"] {
            assert_eq!(told(text), commands::TASKS);
        }
        let told = told("/tasks add 'in 1 hour' x --zone Berln");
        assert!(!told.contains("?."), "{told}");
    }
}
