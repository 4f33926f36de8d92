//! What the agent is shown of a message, and the script of a run, as one column.

use std::time::Duration;

use domain::message::{Admitted, ChatInfo, Quote};
use domain::task::{Errand, FireKey, TaskId};
use domain::time::Timestamp;
use domain::trace::Rule;
use rusqlite::Row;
use serde::{Deserialize, Serialize};

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

    /// As a column.
    pub(crate) fn to_json(&self) -> rusqlite::Result<String> {
        to_json(self)
    }

    pub(crate) fn read(row: &Row<'_>, index: usize) -> rusqlite::Result<Self> {
        from_json(row, index)
    }

    /// The task behind a message, from its columns `task` and `slot`.
    pub(crate) fn errand(&self, task: Option<i64>, slot: Option<i64>) -> Option<Errand> {
        let run = self.run.as_ref()?;
        Some(Errand {
            key: FireKey { task: TaskId(task?), slot: Timestamp(slot?) },
            due: run.due.clone(),
            late_by: Duration::from_millis(run.late_by_ms),
            missed: run.missed,
            script: run.script.clone(),
            found: None,
        })
    }
}

pub(crate) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|err| rusqlite::Error::ToSqlConversionFailure(Box::new(err)))
}

/// Reads a column that holds JSON.
pub(crate) fn from_json<T: for<'a> Deserialize<'a>>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|err| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(err))
    })
}

/// The same for a column that may be empty.
pub(crate) fn from_json_or_none<T: for<'a> Deserialize<'a>>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<T>> {
    if row.get_ref(index)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    from_json(row, index).map(Some)
}
