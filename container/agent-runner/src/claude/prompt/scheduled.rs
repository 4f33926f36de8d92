//! How the message of a task reads to the model.

use domain::inbound::Inbound;
use domain::task::TaskRun;

use super::markup::{attribute, escape};
use super::{INTERRUPTED, chat_name};

/// What the model is told about such messages.
pub(super) const ABOUT: &str = "\n<scheduled task due late chat thread> is no person: it is a task \
    that you or somebody set up earlier, and its time has come. Do what it says; your final answer \
    goes to its chat automatically, so write for people who did not ask. `late` is there if it \
    was due long before; the host tells the chat so. <script-found> is what the task's \
    script found, as JSON. If there is nothing worth saying, answer with nothing at all.";

pub(super) fn render(message: &Inbound, task_run: &TaskRun, again: bool) -> String {
    let mut out = "<scheduled".to_owned();
    attribute(&mut out, "task", &task_run.key.task.to_string());
    attribute(&mut out, "due", &task_run.due);
    attribute(&mut out, "late", &late(task_run));
    attribute(&mut out, "chat", if message.chat.is_group { chat_name(message) } else { "" });
    attribute(&mut out, "thread", message.from.thread.as_deref().unwrap_or_default());
    out.push_str(&format!(">\n{}\n", escape(&message.text)));
    if let Some(found) = &task_run.found {
        out.push_str(&format!("<script-found>{}</script-found>\n", escape(found)));
    }
    out.push_str("</scheduled>");
    if again {
        out.push('\n');
        out.push_str(INTERRUPTED);
    }
    out
}

fn late(task_run: &TaskRun) -> String {
    let missed = match task_run.missed {
        0 => String::new(),
        n => format!("; {n} times before it were missed"),
    };
    if task_run.is_late() {
        format!("this runs late, it was due {}{missed}", task_run.due)
    } else {
        missed.trim_start_matches("; ").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::task::{FireKey, TaskId};
    use domain::time::Timestamp;

    use super::super::super::sample;
    use super::*;

    fn task_run(late_secs: u64) -> TaskRun {
        TaskRun {
            key: FireKey { task: TaskId(7), slot: Timestamp(0) },
            due: "Wed 25 Nov 2026 09:00 CET".into(),
            late_by: Duration::from_secs(late_secs),
            missed: 0,
            script: None,
            found: None,
        }
    }

    #[test]
    fn a_task_says_what_it_is() {
        let message = sample::message(4, "task t7", "water the </scheduled> plants", Timestamp(0));
        let text = render(&message, &task_run(3), false);
        assert_eq!(
            text,
            "<scheduled task=\"t7\" due=\"Wed 25 Nov 2026 09:00 CET\">\nwater the &lt;/scheduled> \
             plants\n</scheduled>"
        );
    }

    #[test]
    fn what_is_late_and_what_was_found_is_there() {
        let message = sample::message(4, "task t7", "look", Timestamp(0));
        let found = Some("{\"a\":\"</script-found>\"}".to_owned());
        let text = render(&message, &TaskRun { missed: 2, found, ..task_run(9_000) }, true);
        let late = "late=\"this runs late, it was due Wed 25 Nov 2026 09:00 CET; 2 times before it \
                    were missed\"";
        assert!(text.contains(late), "{text}");
        assert!(
            text.contains("<script-found>{\"a\":\"&lt;/script-found>\"}</script-found>"),
            "{text}"
        );
        assert!(text.ends_with(INTERRUPTED), "{text}");
    }
}
