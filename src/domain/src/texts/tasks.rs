//! Notices about tasks. Prompts and reasons come from agents and people, so they are quoted.

use crate::plain::quoted;
use crate::task::{TaskId, TaskRun};

const PROMPT_CHARS_MAX: usize = 60;
const REASON_CHARS_MAX: usize = 200;

/// Stands above the answer of a task that was late: people must not take an old reminder for a new
/// one. `waited` says that it was there in time and had to wait after that.
pub fn late_mark(task_run: &TaskRun, waited: bool) -> Option<String> {
    if !task_run.is_late() && !waited {
        return None;
    }
    let due = if task_run.due.is_empty() { "earlier" } else { &task_run.due };
    let missed = match task_run.missed {
        0 => String::new(),
        1 => "; one time before it was missed".to_owned(),
        n => format!("; {n} times before it were missed"),
    };
    Some(format!("⏰ This ran late. It was due {due}{missed}."))
}

pub fn failed(id: TaskId, prompt: &str, due: &str, why: &str) -> String {
    format!("The task {id} ({}), due {due}, failed: {}.", name(prompt), reason(why))
}

pub fn gave_up(id: TaskId, prompt: &str, failures: u32, why: &str) -> String {
    format!(
        "The task {id} ({}) failed {failures} times in a row, so it stops until it is resumed: \
         `nanoclaw tasks resume {id}`. The last reason: {}.",
        name(prompt),
        reason(why)
    )
}

fn name(prompt: &str) -> String {
    quoted(prompt, PROMPT_CHARS_MAX, "without a text")
}

fn reason(why: &str) -> String {
    quoted(why.trim_end_matches('.'), REASON_CHARS_MAX, "it gave none")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::task::FireKey;
    use crate::time::Timestamp;

    fn task_run(late_secs: u64, missed: u32) -> TaskRun {
        TaskRun {
            key: FireKey { task: TaskId(7), slot: Timestamp(0) },
            due: "Wed 25 Nov 2026 09:00 CET".into(),
            late_by: Duration::from_secs(late_secs),
            missed,
            script: None,
            found: None,
        }
    }

    #[test]
    fn only_what_is_late_says_so() {
        assert_eq!(late_mark(&task_run(120, 0), false), None);
        let mark = late_mark(&task_run(121, 0), false).unwrap();
        assert_eq!(mark, "⏰ This ran late. It was due Wed 25 Nov 2026 09:00 CET.");
        assert!(late_mark(&task_run(0, 0), true).is_some());
        let mark = late_mark(&task_run(9_999, 3), false).unwrap();
        assert!(mark.ends_with("; 3 times before it were missed."), "{mark}");
    }

    #[test]
    fn what_others_wrote_is_quoted() {
        let text = failed(TaskId(7), "water `the`\nplants", "09:00", "exit status: 1.");
        let want = "The task t7 (`water 'the' plants`), due 09:00, failed: `exit status: 1`.";
        assert_eq!(text, want);
        let text = gave_up(TaskId(7), "", 5, "");
        assert!(text.contains("(without a text) failed 5 times"), "{text}");
        assert!(text.contains("`nanoclaw tasks resume t7`"), "{text}");
    }
}
