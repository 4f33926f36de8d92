//! In whose time the people who write to a session live, shown to its runner.

use rusqlite::{OptionalExtension, params};

use super::InboundStore;
use crate::StoreError;

impl InboundStore {
    /// Shows the runner whose zone is which: pairs of `channel:id` and the name of a zone, empty where
    /// none is known. The empty sender stands for everybody else.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn show_zones(&mut self, zones: &[(String, String)]) -> Result<(), StoreError> {
        self.commit("the zones", |tx| {
            for (sender, zone) in zones {
                tx.prepare_cached(
                    "INSERT INTO zones VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET zone = excluded.zone WHERE zone <> excluded.zone",
                )?
                .execute(params![sender, zone])?;
            }
            Ok(())
        })
    }

    /// Who wrote here lately, as `channel:id`.
    pub fn recent_senders(&self) -> Result<Vec<String>, StoreError> {
        self.conn
            .prepare_cached(
                "SELECT DISTINCT sender_id FROM
                     (SELECT sender_id FROM messages_in ORDER BY seq DESC LIMIT 200)",
            )
            .and_then(|mut it| it.query_map([], |row| row.get(0))?.collect())
            .map_err(StoreError::query("list the senders"))
    }

    /// Whether [`Self::show_zones`] would change nothing.
    pub fn shows_zones(&self, zones: &[(String, String)]) -> Result<bool, StoreError> {
        for (sender, zone) in zones {
            let shown: Option<String> = self
                .conn
                .prepare_cached("SELECT zone FROM zones WHERE sender = ?1")
                .and_then(|mut it| it.query_row([sender], |row| row.get(0)).optional())
                .map_err(StoreError::query("read the zones"))?;
            if shown.unwrap_or_default() != *zone {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
