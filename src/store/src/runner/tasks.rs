//! What the runner reads of the task behind a message.

use domain::MessageSeq;
use domain::task::Errand;
use rusqlite::OptionalExtension;

use super::RunnerStore;
use crate::StoreError;
use crate::inbound::{ERRAND, errand};

impl RunnerStore {
    /// The task that sent this message; `None` when a person wrote it.
    ///
    /// # Errors
    /// When the inbound database cannot be read just now.
    pub fn task_of(&mut self, seq: MessageSeq) -> Result<Option<Errand>, StoreError> {
        let row = self.read_inbound(|conn| {
            conn.prepare_cached(&format!("SELECT {ERRAND} FROM messages_in WHERE seq = ?1"))?
                .query_row([seq.0], |row| errand(row, 0))
                .optional()
        })?;
        Ok(row.flatten())
    }
}
