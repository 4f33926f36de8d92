//! Plain phrases about tasks, without a model: what is to be done and when, and what becomes of it.

use domain::task::TaskRun;
use domain::time::Timestamp;
use schedule::{Zone, understand};

use crate::host_client::task_line;

/// No phrase about when has more words.
const WHEN_WORDS_MAX: usize = 16;

const REMIND: [&str; 2] = ["remind me ", "remind us "];
const LISTS: [&str; 4] = [
    "list tasks",
    "list all scheduled tasks across groups",
    "what is scheduled",
    "what's scheduled",
];

/// What a prompt such as `remind me of the oven` says. Of a task it was not meant as another one.
pub(super) fn reminds_of(prompt: &str) -> Option<&str> {
    after(after(prompt, &REMIND)?, &["of ", "to ", "that "])
}

pub(super) fn reminder(task_run: &TaskRun, prompt: &str) -> String {
    let text = reminds_of(prompt).unwrap_or(prompt);
    let text = text.strip_prefix("say ").unwrap_or(text).trim();
    let found = task_run.found.as_ref().map(|it| format!(" (found: {it})")).unwrap_or_default();
    format!("Reminder: {text}{found}")
}

/// The line for the host that a text about tasks becomes; `None` when it is about something else.
pub(super) fn parse(text: &str) -> Option<String> {
    let plain = text.trim_end_matches(['?', '.', '!']).trim_end().to_lowercase().replace('’', "'");
    if LISTS.contains(&plain.as_str()) {
        return Some(task_line("list", &[], &[]));
    }
    if let Some(rest) = after(text, &REMIND) {
        return Some(remind(rest));
    }
    if after(text, &["every "]).is_some() {
        let (when, what) = leading_when(text)?;
        return Some(add(when, what));
    }
    moved(text).or_else(|| named(text))
}

/// `pause 3`, `cancel the Monday briefing`.
fn named(text: &str) -> Option<String> {
    const OPERATIONS: [&str; 5] = ["pause", "resume", "cancel", "run", "history"];
    let (operation, rest) = text.split_once(char::is_whitespace)?;
    let operation = OPERATIONS.into_iter().find(|it| it.eq_ignore_ascii_case(operation))?;
    let rest = rest.trim().trim_end_matches(['?', '.', '!']);
    let by_words = ["pause", "resume", "cancel"].contains(&operation) && is_described(rest);
    (is_number(rest) || by_words).then(|| task_line(operation, &[rest], &[]))
}

/// `move 3 to 9:30`, `move the Monday briefing to every tuesday at 8`.
fn moved(text: &str) -> Option<String> {
    let (task, when) = after(text, &["move "])?.split_once(" to ")?;
    let (task, when) = (task.trim(), when.trim().trim_end_matches(['.', '!']));
    let is_meant = (is_number(task) || is_described(task)) && !when.is_empty();
    is_meant.then(|| task_line("edit", &[task], &[("when", Some(when))]))
}

/// When and what, in either order. What is not understood goes to the host, which says why.
fn remind(rest: &str) -> String {
    if let Some(what) = after(rest, &["to ", "that "]) {
        let (what, when) = trailing_when(what).unwrap_or((what, ""));
        return add(when, what);
    }
    let split = leading_when(rest).or_else(|| rest.split_once(" to "));
    let (when, what) = split.unwrap_or((rest, ""));
    add(when, what)
}

fn add(when: &str, what: &str) -> String {
    let what = what.trim().trim_start_matches([',', ':']).trim();
    let what = after(what, &["to ", "that "]).unwrap_or(what);
    task_line("add", &[when.trim(), what], &[])
}

/// The longest beginning that says when, and the rest.
fn leading_when(text: &str) -> Option<(&str, &str)> {
    let ends: Vec<usize> = spaces(text).take(WHEN_WORDS_MAX).collect();
    let split = |at: usize| (text[..at].trim_end_matches([',', ':']), &text[at..]);
    ends.into_iter().rev().map(split).find(|(when, _)| says_when(when))
}

/// What comes before the longest end that says when, and that end.
fn trailing_when(text: &str) -> Option<(&str, &str)> {
    spaces(text).map(|at| text.split_at(at)).find(|(_, when)| says_when(when))
}

fn spaces(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().filter(|it| it.1.is_whitespace()).map(|it| it.0)
}

/// Whether it reads as a time. In which zone and from when on is for the host to say.
fn says_when(text: &str) -> bool {
    understand(text.trim(), &Zone::utc(), Timestamp(0)).is_ok()
}

fn is_number(text: &str) -> bool {
    let text = after(text, &["task "]).unwrap_or(text).trim_start_matches(['t', 'T', '#']);
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

fn is_described(text: &str) -> bool {
    after(text, &["the ", "my ", "our "]).is_some()
}

/// What follows one of these beginnings, in any case.
fn after<'a>(text: &'a str, starts: &[&str]) -> Option<&'a str> {
    let begins =
        |start: &&&str| text.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start));
    starts.iter().find(begins).map(|start| text[start.len()..].trim_start())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::task::{FireKey, TaskId};

    use super::*;

    #[test]
    fn phrases_become_operations() {
        for (text, line) in [
            ("remind me in 20 minutes to stretch", "add -- 'in 20 minutes' stretch"),
            ("Remind me to call mum tomorrow at 8", "add -- 'tomorrow at 8' 'call mum'"),
            ("remind us at 9 that it's time", "add -- 'at 9' 'it'\\''s time'"),
            (
                "every weekday at 9 send me the news at a glance",
                "add -- 'every weekday at 9' 'send me the news at a glance'",
            ),
            (
                "every other friday at 10 take the bins out",
                "add -- 'every other friday at 10' 'take the bins out'",
            ),
            ("remind me this evening at 7 to call mum", "add -- 'this evening at 7' 'call mum'"),
            (
                "remind me to call mum at 2026-12-24T09:00",
                "add -- 'at 2026-12-24T09:00' 'call mum'",
            ),
            ("every 2 hours: drink", "add -- 'every 2 hours' drink"),
            ("remind me every blue moon to sing", "add -- 'every blue moon' sing"),
            ("remind me to sing", "add -- '' sing"),
            ("remind me whenever", "add -- whenever ''"),
            ("what is scheduled?", "list"),
            ("What’s scheduled?", "list"),
            ("list all scheduled tasks across groups", "list"),
            ("pause 3", "pause -- 3"),
            ("Cancel task t3.", "cancel -- 'task t3'"),
            ("pause the Monday briefing", "pause -- 'the Monday briefing'"),
            ("resume my briefing", "resume -- 'my briefing'"),
            ("run #3", "run -- '#3'"),
            ("history 3", "history -- 3"),
            ("move 3 to 9:30", "edit --when=9:30 -- 3"),
            (
                "move the briefing to every monday at 8",
                "edit '--when=every monday at 8' -- 'the briefing'",
            ),
        ] {
            assert_eq!(parse(text), Some(format!("tasks {line}")), "{text}");
        }
    }

    #[test]
    fn small_talk_is_left_alone() {
        for text in [
            "",
            "every day is a good day",
            "every blue moon sing",
            "pause for a second",
            "run to me",
            "run the tests",
            "cancel",
            "move over to me",
            "change nothing",
            "show me",
            "tasks are hard",
            "remind",
            "remind me",
            "é remind me in 5 minutes",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_reminder_says_what_it_is_about() {
        let mut task_run = TaskRun {
            key: FireKey { task: TaskId(1), slot: Timestamp(0) },
            due: String::new(),
            late_by: Duration::ZERO,
            missed: 0,
            script: None,
            found: None,
        };
        assert_eq!(reminder(&task_run, "say hello"), "Reminder: hello");
        assert_eq!(reminder(&task_run, "Remind me of the oven"), "Reminder: the oven");
        assert_eq!(reminder(&task_run, "call mum"), "Reminder: call mum");
        assert_eq!(reminds_of("remind me in 5 minutes to sing"), None, "that is another task");
        task_run.found = Some("[1]".into());
        assert_eq!(reminder(&task_run, "look"), "Reminder: look (found: [1])");
    }
}
