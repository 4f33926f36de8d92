//! Turns that end with a wait for the provider.

use domain::MessageSeq;
use domain::time::Timestamp;
use domain::waits::WaitClass;
use rusqlite::{Connection, params};

use super::{RunnerStore, set_state};
use crate::StoreError;
use crate::mailbox::RunnerFacts;
use crate::row::{one, only};

impl RunnerStore {
    /// Lets go of every message in hand, without an outcome: the host offers them again when the
    /// wait is over. `until` is when the provider says that it goes on. `state` is stored with it, as
    /// with the end of a turn.
    ///
    /// # Errors
    /// When a database fails; then nothing changed.
    pub fn wait(
        &mut self,
        class: WaitClass,
        until: Option<Timestamp>,
        state: &[(&str, Option<&str>)],
    ) -> Result<(), StoreError> {
        let incarnation = self.incarnation.0;
        self.commit("a wait", |tx, facts| {
            let sql = "SELECT message FROM claims WHERE incarnation = ?1 AND outcome IS NULL
                       ORDER BY message LIMIT 1";
            if let Some(oldest) = one::<i64>(tx, sql, [incarnation])? {
                tx.execute(
                    "INSERT INTO waits (id, message, incarnation, class, until)
                     VALUES ((SELECT max(coalesce(max(id), 0), ?5) + 1 FROM waits),
                             ?1, ?2, ?3, ?4)",
                    params![
                        oldest,
                        incarnation,
                        class.as_str(),
                        until.map(|it| it.0),
                        facts.imported_wait
                    ],
                )?;
                let sql = "DELETE FROM claims WHERE incarnation = ?1 AND outcome IS NULL";
                tx.execute(sql, [incarnation])?;
            }
            set_state(tx, state)
        })
    }
}

/// The oldest message with a wait that the host did not import yet. It and all behind it stay where they
/// are meanwhile.
pub(super) fn held_back_from(
    facts: &RunnerFacts,
    own: &Connection,
) -> rusqlite::Result<Option<MessageSeq>> {
    only(own, "SELECT min(message) FROM waits WHERE id > ?1", [facts.imported_wait])
}
