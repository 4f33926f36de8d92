//! Forgets what is old in the central database: what the host said, questions that are settled, codes
//! that are closed, and counters of what reached nobody.

use domain::retention::{BATCH, Cutoffs};
use domain::time::Timestamp;
use rusqlite::params;

use super::CentralStore;
use crate::StoreError;

/// By the age of machinery. A part stays while a card of an open question shows it.
const MACHINERY: [&str; 4] = [
    "DELETE FROM deliveries WHERE id IN
         (SELECT id FROM deliveries d WHERE state IN ('sent', 'dead') AND changed_at < ?1
            AND NOT EXISTS (SELECT 1 FROM question_card c JOIN question q ON q.id = c.question
                            WHERE c.part = d.key AND q.settled_at IS NULL)
          ORDER BY changed_at LIMIT ?2)",
    "DELETE FROM question WHERE id IN
         (SELECT id FROM question WHERE settled_at IS NOT NULL AND settled_at < ?1
          ORDER BY settled_at LIMIT ?2)",
    "DELETE FROM pairing WHERE id IN
         (SELECT id FROM pairing WHERE coalesce(closed_at, expires_at) < ?1 AND expires_at < ?1
          LIMIT ?2)",
    // Chats of unknown users that were never connected, and about which nothing was decided.
    "DELETE FROM messaging_group WHERE id IN
         (SELECT g.id FROM messaging_group g
          WHERE coalesce(g.active_at, g.created_at) < ?1 AND g.denied_at IS NULL
            AND g.policy = 'ask'
            AND NOT EXISTS (SELECT 1 FROM wiring w WHERE w.messaging_group = g.id)
            AND NOT EXISTS (SELECT 1 FROM session s WHERE s.messaging_group = g.id)
            AND NOT EXISTS (SELECT 1 FROM question q WHERE q.messaging_group = g.id)
            AND NOT EXISTS (SELECT 1 FROM destination d WHERE d.messaging_group = g.id)
            AND NOT EXISTS (SELECT 1 FROM task t WHERE t.messaging_group = g.id)
            AND NOT EXISTS (SELECT 1 FROM pairing p WHERE p.used_in = g.id)
            AND NOT EXISTS (SELECT 1 FROM handle h
                            WHERE h.channel = g.channel AND h.id = g.peer)
          LIMIT ?2)",
];

/// By the age of messages.
const MESSAGES: [&str; 3] = [
    "DELETE FROM dropped WHERE (channel, account, chat, sender, reason) IN
         (SELECT channel, account, chat, sender, reason FROM dropped WHERE last_at < ?1
          ORDER BY last_at LIMIT ?2)",
    "DELETE FROM refusal WHERE (session, why) IN
         (SELECT session, why FROM refusal WHERE last_at < ?1 LIMIT ?2)",
    "DELETE FROM engaged WHERE (messaging_group, agent_group, thread) IN
         (SELECT messaging_group, agent_group, thread FROM engaged WHERE last_at < ?1 LIMIT ?2)",
];

impl CentralStore {
    /// Removes at most [`BATCH`] rows of each kind that are older than the rule says. Returns how
    /// many that were.
    ///
    /// # Errors
    /// When the database fails; then nothing is removed.
    pub fn prune(&mut self, cutoffs: Cutoffs) -> Result<usize, StoreError> {
        self.change("prune", |tx| {
            let mut gone = 0;
            for sql in MACHINERY {
                gone += tx.prepare_cached(sql)?.execute(params![cutoffs.machinery.0, BATCH])?;
            }
            for sql in MESSAGES {
                gone += tx.prepare_cached(sql)?.execute(params![cutoffs.messages.0, BATCH])?;
            }
            Ok(gone)
        })
    }

    /// See [`crate::copies::mark_restored`].
    pub(crate) fn mark_restored(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        self.change("mark a restored copy", |tx| {
            tx.execute("UPDATE session SET awake = 1", [])?;
            tx.execute(
                "INSERT INTO setting VALUES ('restored_at', ?1)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
                [now.0.to_string()],
            )?;
            tx.execute("UPDATE deliveries SET doubted = 1 WHERE state NOT IN ('sent', 'dead')", [])
        })
    }

    /// Gives pages of the write-ahead log back, if nobody reads it just now.
    ///
    /// # Errors
    /// When the database fails.
    pub fn truncate_log(&self) -> Result<(), StoreError> {
        crate::open::truncate_log(&self.conn).map_err(StoreError::query("shorten a log"))
    }
}

#[cfg(test)]
mod tests;
