//! Forgets what is old in the central database: what the host said, questions that are settled, codes
//! that are closed, counters of what reached nobody, tasks that are over, slots that ended, stops that
//! were resumed, commands that were processed, and the history.

use domain::retention::{BATCH, Cutoffs};

use crate::central::prelude::*;
use crate::row::run;

/// By the age of machinery. A part stays while a card of an open question shows it.
const MACHINERY: [&str; 4] = [
    "DELETE FROM part WHERE id IN
         (SELECT id FROM part d WHERE session = 0 AND state IN ('sent', 'dead') AND changed_at < ?1
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
          WHERE g.active_at < ?1 AND g.denied_at IS NULL
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
const MESSAGES: [&str; 7] = [
    "DELETE FROM dropped WHERE (channel, account, chat, sender, reason) IN
         (SELECT channel, account, chat, sender, reason FROM dropped WHERE last_at < ?1
          ORDER BY last_at LIMIT ?2)",
    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ?1 ORDER BY at LIMIT ?2)",
    "DELETE FROM engaged WHERE (messaging_group, agent_group, thread) IN
         (SELECT messaging_group, agent_group, thread FROM engaged WHERE last_at < ?1 LIMIT ?2)",
    "DELETE FROM processed_command WHERE (channel, account, chat, message) IN
         (SELECT channel, account, chat, message FROM processed_command WHERE at < ?1 ORDER BY at LIMIT ?2)",
    "DELETE FROM stop WHERE id IN
         (SELECT id FROM stop WHERE resumed_at < ?1 ORDER BY resumed_at LIMIT ?2)",
    // The newest stays: how a task did last counts for when it comes next.
    "DELETE FROM fire WHERE (task, slot) IN
         (SELECT task, slot FROM fire f WHERE fired_at < ?1 AND state NOT IN ('fired', 'running')
            AND EXISTS (SELECT 1 FROM fire n WHERE n.task = f.task AND f.slot < n.slot)
          ORDER BY fired_at LIMIT ?2)",
    "DELETE FROM task WHERE id IN
         (SELECT id FROM task WHERE state IN ('done', 'cancelled') AND changed_at < ?1
            AND NOT EXISTS (SELECT 1 FROM fire f WHERE f.task = task.id
                AND (f.state IN ('fired', 'running') OR ?1 <= max(f.fired_at, coalesce(f.ended_at, 0))))
          ORDER BY changed_at LIMIT ?2)",
];

impl CentralStore {
    /// Removes at most [`BATCH`] rows of each kind that are older than the rule says. Returns how
    /// many that were.
    pub fn prune(&mut self, cutoffs: Cutoffs) -> Result<usize> {
        self.change("prune", |central| {
            let machinery = MACHINERY.iter().map(|sql| (sql, cutoffs.machinery));
            let all = machinery.chain(MESSAGES.iter().map(|sql| (sql, cutoffs.messages)));
            let prune = |(sql, before): (&&str, Timestamp)| -> Result<_> {
                Ok(run(&central.conn, sql, params![before.0, BATCH])?)
            };
            all.map(prune).sum()
        })
    }

    /// Gives pages of the write-ahead log back, if nobody reads it just now.
    pub fn truncate_log(&self) -> Result<()> {
        crate::open::truncate_log(&self.conn).map_err(StoreError::query("shorten a log"))
    }
}

#[cfg(test)]
mod tests;
