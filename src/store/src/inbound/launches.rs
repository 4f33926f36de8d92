//! The history of a session's containers. An incarnation number is given out by a commit before
//! its container is created, so that no two containers ever share one.

use domain::Incarnation;
use domain::session::Launches;
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::InboundStore;
use crate::StoreError;

/// More rows in a row than any limit on bad launches.
const LOOK_BACK: i64 = 32;

/// The history of starts, as far as it matters.
pub(crate) fn launches_of(conn: &Connection) -> rusqlite::Result<Launches> {
    let mut launches = Launches::default();
    let mut counting = true;
    let mut statement = conn.prepare_cached(
        "SELECT incarnation, ended_at, bad, answered FROM launches
         ORDER BY incarnation DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([LOOK_BACK])?;
    while let Some(row) = rows.next()? {
        let ended_at: Option<i64> = row.get(1)?;
        let Some(ended_at) = ended_at else {
            launches.open = launches.open.or(Some(Incarnation(row.get(0)?)));
            continue;
        };
        launches.last_end = launches.last_end.or(Some(Timestamp(ended_at)));
        let (bad, answered): (bool, i64) = (row.get(2)?, row.get(3)?);
        counting &= bad && answered == 0;
        launches.failures += u32::from(counting);
    }
    Ok(launches)
}

impl InboundStore {
    pub(crate) fn launches(&self) -> Result<Launches, StoreError> {
        launches_of(&self.conn).map_err(StoreError::query("read the launches"))
    }

    /// Hands out the next incarnation.
    ///
    /// # Errors
    /// When the database fails; then nothing may be started. So for every method below.
    pub fn launch(&mut self, now: Timestamp) -> Result<Incarnation, StoreError> {
        self.commit("a launch", |tx| {
            tx.execute(
                "INSERT INTO launches (incarnation, started_at)
                 VALUES ((SELECT coalesce(max(incarnation), 0) + 1 FROM launches), ?1)",
                [now.0],
            )?;
            Ok(Incarnation(tx.last_insert_rowid()))
        })
    }

    /// Records how an incarnation ended. `bad` counts against the session unless the incarnation
    /// brought a message to its end.
    pub fn bury(
        &mut self,
        incarnation: Incarnation,
        bad: bool,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("the end of a launch", |tx| {
            tx.execute(
                "UPDATE launches SET ended_at = ?2, bad = ?3, reason = ?4
                 WHERE incarnation = ?1 AND ended_at IS NULL",
                params![incarnation.0, now.0, bad, reason],
            )
        })
        .map(drop)
    }

    /// Why the last bad launch ended.
    pub fn last_words(&self) -> Result<String, StoreError> {
        self.conn
            .query_row(
                "SELECT coalesce(reason, '') FROM launches WHERE bad = 1
                 ORDER BY incarnation DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(StoreError::query("read the last launch"))
    }
}
