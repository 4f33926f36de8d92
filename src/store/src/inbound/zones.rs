//! In whose time the people who write to a session live, shown to its runner.

use rusqlite::{OptionalExtension, params};

use super::InboundStore;
use crate::StoreError;

impl InboundStore {
    /// Shows the runner whose zone is which: pairs of `channel:id` and the name of a zone. The empty
    /// sender stands for everybody else. Nothing is written where nothing is new.
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

    /// Whether [`Self::show_zones`] would change nothing.
    pub fn shows_zones(&self, zones: &[(String, String)]) -> Result<bool, StoreError> {
        for (sender, zone) in zones {
            let shown: Option<String> = self
                .conn
                .prepare_cached("SELECT zone FROM zones WHERE sender = ?1")
                .and_then(|mut it| it.query_row([sender], |row| row.get(0)).optional())
                .map_err(StoreError::query("read the zones"))?;
            if shown.as_ref() != Some(zone) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
