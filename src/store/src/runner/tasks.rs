//! What the runner reads of the task behind a message.

use std::time::Duration;

use domain::MessageSeq;
use domain::task::{FireKey, TaskId};
use domain::time::Timestamp;
use rusqlite::OptionalExtension;

use super::RunnerStore;
use crate::StoreError;

/// The task that sent a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskIn {
    pub key: FireKey,
    pub late_by: Duration,
    /// To be run first; it decides whether the model is asked.
    pub script: Option<String>,
}

impl RunnerStore {
    /// The task that sent this message; `None` when a person wrote it.
    ///
    /// # Errors
    /// When the inbound database cannot be read just now.
    pub fn task_of(&mut self, seq: MessageSeq) -> Result<Option<TaskIn>, StoreError> {
        let row = self.read_inbound(|conn| {
            conn.prepare_cached(
                "SELECT task, slot, late_by, script FROM messages_in
                 WHERE seq = ?1 AND task IS NOT NULL",
            )?
            .query_row([seq.0], |row| {
                let task: String = row.get(0)?;
                let (slot, late_by): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok((task, slot, late_by, row.get(3)?))
            })
            .optional()
        })?;
        Ok(row.and_then(|(task, slot, late_by, script)| {
            let key = FireKey { task: TaskId::parse(&task)?, slot: Timestamp(slot) };
            let late_by = Duration::from_millis(u64::try_from(late_by).unwrap_or(0));
            Some(TaskIn { key, late_by, script })
        }))
    }
}
