//! What the demo agent makes of a task's message: a reminder, unless it knows the word.

use domain::task::TaskRun;

use super::parse::{Word, parse};
use super::tasks::after;

/// A prompt that begins so was not meant as another task.
const REMIND: [&str; 6] = [
    "remind me of ",
    "remind me to ",
    "remind me that ",
    "remind us of ",
    "remind us to ",
    "remind us that ",
];

/// The text of a reminder; `None` when the prompt is something that the agent can do.
pub(super) fn reminder(task_run: &TaskRun, prompt: &str) -> Option<String> {
    let text = match (REMIND.iter().find_map(|it| after(prompt, it)), parse(prompt)) {
        (Some(text), _) | (None, Word::Echo(text)) => text,
        (None, _) => return None,
    };
    let text = text.strip_prefix("say ").unwrap_or(text).trim();
    let found = task_run.found.as_ref().map(|it| format!(" (found: {it})")).unwrap_or_default();
    Some(format!("Reminder: {text}{found}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::task::{FireKey, TaskId};
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn plain_words_are_a_reminder_and_known_ones_are_done() {
        let mut task_run = TaskRun {
            key: FireKey { task: TaskId(1), slot: Timestamp(0) },
            due: String::new(),
            late_by: Duration::ZERO,
            missed: 0,
            script: None,
            found: None,
        };
        let text = |task_run: &TaskRun, prompt| reminder(task_run, prompt);
        assert_eq!(text(&task_run, "say hello").as_deref(), Some("Reminder: hello"));
        assert_eq!(text(&task_run, "Remind me of the oven").as_deref(), Some("Reminder: the oven"));
        assert_eq!(text(&task_run, "call mum").as_deref(), Some("Reminder: call mum"));
        assert_eq!(text(&task_run, "wait 5"), None);
        task_run.found = Some("[1]".into());
        assert_eq!(text(&task_run, "look").as_deref(), Some("Reminder: look (found: [1])"));
    }
}
