//! Turns that end with a wait for the provider.

use domain::MessageSeq;
use domain::time::Timestamp;
use domain::waits::WaitClass;
use rusqlite::{Connection, OptionalExtension, params};

use super::{RunnerStore, set_state};
use crate::StoreError;
use crate::mailbox::RunnerFacts;

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
            let oldest: Option<i64> =
                tx.query_row(sql, [incarnation], |row| row.get(0)).optional()?;
            if let Some(oldest) = oldest {
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
pub(super) fn untold(
    facts: &RunnerFacts,
    own: &Connection,
) -> rusqlite::Result<Option<MessageSeq>> {
    own.prepare_cached("SELECT min(message) FROM waits WHERE id > ?1")?
        .query_row([facts.imported_wait], |row| {
            row.get::<_, Option<i64>>(0).map(|it| it.map(MessageSeq))
        })
}
