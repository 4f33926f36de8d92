//! Which tools were used for a message, for people who ask. Names alone: what a tool was given and
//! what it gave is the agent's business.

use domain::MessageSeq;
use domain::time::Timestamp;
use rusqlite::params;

use super::RunnerStore;
use crate::StoreError;

/// The longest name of a tool that is kept.
pub(crate) const TOOL_NAME_CHARS_MAX: usize = 64;
/// Calls of one message that are kept; a turn that makes more is looked into by other means.
const CALLS_MAX: i64 = 1_000;
/// Messages whose calls are kept, back from the newest; even numbers, so half as many.
const MESSAGES_BACK: i64 = 400;

impl RunnerStore {
    /// A tool begins to work for a message. `call` is the provider's name of this call.
    ///
    /// # Errors
    /// When the database fails. So for every method below.
    pub fn tool_started(
        &mut self,
        message: MessageSeq,
        call: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let incarnation = self.incarnation;
        let cut = |text: &str| text.chars().take(TOOL_NAME_CHARS_MAX).collect::<String>();
        self.commit("a tool", |tx, _| {
            let added = tx.execute(
                "INSERT INTO tool_calls (message, incarnation, call, name, started_at)
                 SELECT ?1, ?2, ?3, ?4, ?5
                 WHERE (SELECT count(*) FROM tool_calls WHERE message = ?1) < ?6
                   AND NOT EXISTS (SELECT 1 FROM tool_calls WHERE call = ?3 AND incarnation = ?2)",
                params![message.0, incarnation.0, cut(call), cut(name), now.0, CALLS_MAX],
            )?;
            if added == 1 {
                let sql = "DELETE FROM tool_calls WHERE message < ?1";
                tx.execute(sql, [message.0 - MESSAGES_BACK])?;
            }
            Ok(())
        })
    }

    /// It is done, for good or ill. A call that nobody saw begin is none.
    pub fn tool_ended(&mut self, call: &str, ok: bool, now: Timestamp) -> Result<(), StoreError> {
        let incarnation = self.incarnation;
        let call: String = call.chars().take(TOOL_NAME_CHARS_MAX).collect();
        let sql = "UPDATE tool_calls SET ended_at = ?3, ok = ?4
                   WHERE call = ?1 AND incarnation = ?2 AND ended_at IS NULL";
        let values = params![call, incarnation.0, now.0, ok];
        self.commit("the end of a tool", |tx, _| tx.execute(sql, values)).map(drop)
    }
}
