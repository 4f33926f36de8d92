//! What is to be done at set times. The host keeps it; from here it is a line of its command line.

use domain::message::Form;
use domain::plain::shell_word;

use super::{HostClient, ToolError};

/// The host takes no longer line.
const LINE_BYTES_MAX: usize = 32_000;

/// An operation about tasks, to be put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskLine {
    operation: &'static str,
    options: Vec<String>,
    plain: Vec<String>,
}

impl TaskLine {
    pub(crate) fn new(operation: &'static str) -> Self {
        Self { operation, options: Vec::new(), plain: Vec::new() }
    }

    /// Adds what the operation is about.
    pub(crate) fn say(mut self, word: &str) -> Self {
        self.plain.push(shell_word(word));
        self
    }

    /// Adds an option, if there is a value for it.
    pub(crate) fn option(mut self, name: &str, value: Option<&str>) -> Self {
        self.options.extend(value.map(|it| shell_word(&format!("--{name}={it}"))));
        self
    }

    pub(crate) fn flag(mut self, name: &str, set: bool) -> Self {
        self.options.extend(set.then(|| format!("--{name}")));
        self
    }

    /// The tool by which a model says the same.
    pub(crate) fn tool(&self) -> &'static str {
        match self.operation {
            "add" => "schedule_task",
            "edit" => "update_task",
            "pause" => "pause_task",
            "resume" => "resume_task",
            "cancel" => "cancel_task",
            "run" => "run_task_now",
            "history" => "task_history",
            _ => "list_tasks",
        }
    }

    /// As the host reads it; a `--` keeps what is said from being taken for an option.
    pub(crate) fn text(&self) -> String {
        let mut words = vec!["tasks", self.operation];
        words.extend(self.options.iter().map(String::as_str));
        if !self.plain.is_empty() {
            words.push("--");
            words.extend(self.plain.iter().map(String::as_str));
        }
        words.join(" ")
    }
}

impl HostClient {
    /// Has the host look at tasks or change them: the tools about tasks. The answer says what is
    /// stored.
    pub(crate) async fn tasks(&self, line: &TaskLine) -> Result<String, ToolError> {
        let text = line.text();
        if LINE_BYTES_MAX < text.len() {
            return Err(ToolError::TaskTooLong(text.len()));
        }
        let seq = self.send(None, Form::Admin, text).await?;
        self.answer(seq).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_stays_one_word() {
        let line = TaskLine::new("add").say("every day at 9").say("-5 is cold, isn't it\nsay so");
        let line =
            line.option("zone", Some("Europe/Berlin")).option("chat", None).flag("all", false);
        assert_eq!(
            line.text(),
            "tasks add --zone=Europe/Berlin -- 'every day at 9' '-5 is cold, isn'\\''t it\nsay so'"
        );
        assert_eq!(TaskLine::new("list").flag("all", true).text(), "tasks list --all");
    }
}
