//! What the agent is shown of a message, and the script of a run, as one column.

use std::time::Duration;

use domain::message::{Admitted, ChatInfo, Quote};
use domain::task::{FireKey, TaskId, TaskRun};
use domain::time::Timestamp;
use domain::trace::Rule;
use serde::{Deserialize, Serialize};

use crate::row::json_column;

/// See the module. A missing value is its default, so that fields can be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Body {
    pub(crate) sender: String,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) chat: ChatInfo,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) quote: Option<Quote>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) sent_at: Option<Timestamp>,
    /// What the router decided by.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) rule: Option<Rule>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) run: Option<Run>,
}

json_column!(Body);

/// What a run of a task knows beside its task and slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Run {
    /// The slot as people there write it.
    pub(crate) due: String,
    pub(crate) late_by_ms: u64,
    /// How many slots before it were skipped because nobody was there.
    pub(crate) missed: u32,
    /// Runs first and decides whether to go on.
    pub(crate) script: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Body {
    pub(crate) fn of(admitted: &Admitted) -> Self {
        let message = &admitted.message;
        Self {
            sender: message.sender.name.clone(),
            text: message.text.clone(),
            chat: message.chat.clone(),
            quote: message.quote.clone(),
            sent_at: message.sent_at,
            rule: admitted.rule.clone(),
            run: None,
        }
    }

    /// The task behind a message, from its columns `task` and `slot`.
    pub(crate) fn task_run(
        &self,
        task: Option<TaskId>,
        slot: Option<Timestamp>,
    ) -> Option<TaskRun> {
        let run = self.run.as_ref()?;
        Some(TaskRun {
            key: FireKey { task: task?, slot: slot? },
            due: run.due.clone(),
            late_by: Duration::from_millis(run.late_by_ms),
            missed: run.missed,
            script: run.script.clone(),
            found: None,
        })
    }
}
