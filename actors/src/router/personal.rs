//! `/timezone` and `/quiet`: what people set for themselves, in any chat and without a model. Doing it
//! twice changes nothing.

use domain::admission::{AgentDecision, Decision};
use domain::command::{Command, Permission, argument, parse, permit};
use domain::message::Incoming;
use domain::people::PersonId;
use domain::quiet::Hours;
use domain::time::Timestamp;
use schedule::{Zone, local, within_until};
use store::{CentralStore, StoreError};

use super::admission_snapshot::AdmissionSnapshot;
use crate::host::Host;
use crate::router::SessionCommand;

/// Takes a setting back.
const NONE: [&str; 3] = ["-", "off", "none"];

/// What somebody wants to see or set, who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PersonalCommand {
    about: About,
    /// Whose it is; `None` for the user at the terminal of the host.
    person: Option<PersonId>,
    /// Empty: only to be shown.
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Zone,
    Quiet,
}

impl About {
    fn command(self) -> Command {
        match self {
            Self::Zone => Command::Timezone,
            Self::Quiet => Command::Quiet,
        }
    }
}

/// The personal command in a message, if it is one.
pub(super) fn of(
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    decision: &AgentDecision,
) -> Option<PersonalCommand> {
    let command = parse(&message.text).filter(|_| decision.decision != Decision::Accumulate)?;
    let about = [About::Zone, About::Quiet].into_iter().find(|it| it.command() == command)?;
    let access = snapshot.access(&decision.agent);
    let permitted = permit(command, access, !message.chat.is_group) == Permission::Permit;
    let value = argument(&message.text).to_owned();
    permitted.then(|| PersonalCommand { about, person: snapshot.person(), value })
}

impl PersonalCommand {
    /// Does it; what the chat is told of it is left to the session.
    pub(super) async fn run(
        self,
        host: &Host,
        message: &Incoming,
    ) -> Result<SessionCommand, StoreError> {
        let now = host.clock.now();
        let by = format!("{}:{}", message.from.channel, message.sender.id);
        let line = format!("/{} {}", self.about.command().as_str(), self.value);
        let set = move |central: &mut CentralStore| {
            let before = central.rows_changed();
            let text = match self.about {
                About::Zone => zone(central, &self, now)?,
                About::Quiet => quiet(central, &self, now)?,
            };
            if before != central.rows_changed() {
                central.record_change(&line, &by, now)?;
            }
            Ok(text)
        };
        let text = host.central.write("a personal setting", set).await?;
        Ok(SessionCommand::Reply(message.clone(), text))
    }
}

fn zone(
    central: &mut CentralStore,
    personal_command: &PersonalCommand,
    now: Timestamp,
) -> Result<String, StoreError> {
    const HOW: &str = "`/timezone CITY` sets it, like `/timezone Europe/Berlin`";
    let taken_back = NONE.contains(&personal_command.value.as_str());
    if !personal_command.value.is_empty() {
        let zone = match Zone::find(&personal_command.value) {
            Ok(zone) => Some(zone),
            Err(_) if taken_back => None,
            Err(unknown) => return Ok(sentence(&unknown.to_string())),
        };
        match (personal_command.person, &zone) {
            (Some(person), zone) => {
                central.set_person_zone(person, zone.as_ref())?;
            }
            (None, Some(zone)) => central.set_install_zone(zone)?,
            (None, None) => return Ok(format!("You have no time zone of your own; {HOW}.")),
        }
    }
    let counts = central.zone_for(personal_command.person)?;
    let own = personal_command.person.map(|it| central.person_zone(it)).transpose()?.flatten();
    let whose = match (own, personal_command.person) {
        (Some(_), _) => "set by you; `/timezone -` undoes that",
        (None, Some(_)) => "the default; `/timezone CITY` sets your own",
        (None, None) => "the default; `/timezone CITY` changes it",
    };
    Ok(format!("Your time zone is {counts}, {whose}. It is {} there.", local(now, &counts)))
}

fn quiet(
    central: &mut CentralStore,
    personal_command: &PersonalCommand,
    now: Timestamp,
) -> Result<String, StoreError> {
    let Some(person) = personal_command.person else {
        return Ok(
            "This terminal gets no unsolicited messages, so there is nothing to hold back.".into()
        );
    };
    if !personal_command.value.is_empty() {
        let hours = match Hours::parse(&personal_command.value) {
            Ok(hours) => Some(hours),
            Err(_) if NONE.contains(&personal_command.value.as_str()) => None,
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
