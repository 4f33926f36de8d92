//! `/tasks`: what is scheduled, shown and changed without an agent. Doing it twice changes nothing.

use domain::command::argument;
use domain::message::Incoming;
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::texts;
use domain::time::Timestamp;
use operations::{Asker, Caller, parse_line};
use store::{CentralStore, SessionRow, StoreError};

use super::Step;
use super::admission_snapshot::AdmissionSnapshot;
use crate::approvals;

pub(super) fn execute(
    central: &mut CentralStore,
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    (chat, row): (ChatId, &SessionRow),
    step: &mut Step,
    now: Timestamp,
) -> Result<String, StoreError> {
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
        at: message.body.sent_at.unwrap_or(now),
    };
    step.changes_tasks |= operation.is_change();
    approvals::run(&operation, central, &Caller::Chat(asker), now).map(|it| it.1)
}

/// What is told instead of doing something: what is wrong, or the help that was asked for.
fn usage(why: &str) -> String {
    let error = why.strip_prefix("error: ");
    if error.is_none() && why.contains("Usage: ") {
        return texts::commands::TASKS.to_owned();
    }
    // The usage of the command line, which follows, is for another place.
    let what = error.unwrap_or(why).split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = what.split_whitespace().collect();
    texts::commands::not_understood(&words.join(" ").replace(">...", ">").replace(['<', '>'], ""))
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
            assert_eq!(told(text), texts::commands::TASKS);
        }
        let told = told("/tasks add 'in 1 hour' x --zone Berln");
        assert!(!told.contains("?."), "{told}");
    }
}
