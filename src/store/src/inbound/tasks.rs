//! Messages that tasks send to a session.

use std::time::Duration;

use domain::message::{Admitted, InboundKind, Incoming};
use domain::task::FireKey;
use domain::time::Timestamp;
use rusqlite::params;

use super::{InboundStore, insert};
use crate::StoreError;

/// A slot of a task, as a message to its agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskMessage {
    pub key: FireKey,
    pub late_by: Duration,
    pub script: Option<String>,
    /// Where the answer goes, for whom, and what is to be done. Its platform id is not looked at.
    pub message: Incoming,
}

impl InboundStore {
    /// Stores the message of a slot; `false` when it is there already.
    ///
    /// # Errors
    /// When the database fails.
    pub fn insert_task(&mut self, it: &TaskMessage, now: Timestamp) -> Result<bool, StoreError> {
        let message = Incoming { platform_id: it.key.to_string(), ..it.message.clone() };
        let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
        self.commit("a task's message", |tx| {
            let Some(seq) = insert(tx, &admitted, now)? else { return Ok(false) };
            let late_by = i64::try_from(it.late_by.as_millis()).unwrap_or(i64::MAX);
            tx.execute(
                "UPDATE messages_in SET task = ?2, slot = ?3, late_by = ?4, script = ?5
                 WHERE seq = ?1",
                params![seq.0, it.key.task.to_string(), it.key.slot.0, late_by, it.script],
            )?;
            Ok(true)
        })
    }
}
