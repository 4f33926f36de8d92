//! Deletes rows that the host imported long ago. The runner does this itself, because it alone
//! writes its database.
//!
//! Invariants
//! - Only what the inbound database says is imported goes: messages up to there, claims on
//!   messages that have their outcome there.
//! - Numbers are never given out twice: the last message stays.

use domain::retention::{BATCH, MACHINERY};
use domain::time::Timestamp;
use rusqlite::params;

use super::RunnerStore;
use crate::StoreError;
use crate::row::run;

impl RunnerStore {
    /// Removes at most [`BATCH`] messages and claims that are old. Looks at no more than that many,
    /// the oldest. Returns how many went.
    ///
    /// # Errors
    /// When a database fails; then nothing is removed.
    pub fn prune(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let before = (now - MACHINERY).0;
        self.commit("prune", |tx, facts| {
            let sql = "DELETE FROM messages_out WHERE seq IN
                           (SELECT seq FROM
                                (SELECT seq, created_at FROM messages_out ORDER BY seq LIMIT ?3)
                            WHERE seq <= ?1 AND created_at < ?2
                              AND seq < (SELECT max(seq) FROM messages_out))";
            let messages = run(tx, sql, params![facts.imported_seq.0, before, BATCH])?;
            let sql = "DELETE FROM claims WHERE (message, incarnation) IN
                           (SELECT message, incarnation FROM
                                (SELECT message, incarnation, claimed_at FROM claims
                                 ORDER BY message, incarnation LIMIT ?3)
                            WHERE message < ?1 AND claimed_at < ?2)";
            Ok(messages + run(tx, sql, params![facts.waiting_from.0, before, BATCH])?)
        })
    }
}

#[cfg(test)]
#[path = "pruning_tests.rs"]
mod tests;
