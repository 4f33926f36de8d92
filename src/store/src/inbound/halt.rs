//! What a person tells the host about a session itself: a command that the host answers, and the
//! order to stop.

use domain::Incarnation;
use domain::message::{Admitted, InboundKind, Incoming};
use domain::stop::Toll;
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::{InboundStore, insert, parts, stood};
use crate::StoreError;
use crate::outbox::PartKind;

impl InboundStore {
    /// Stores a command together with the host's answer to it. Doing it again changes nothing.
    ///
    /// # Errors
    /// When the database fails; then nothing is stored. So for every method below.
    pub fn answer_command(
        &mut self,
        message: &Incoming,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a command", |tx| {
            let admitted =
                Admitted { message: message.clone(), kind: InboundKind::Command, rule: None };
            if let Some(seq) = insert(tx, &admitted, now)? {
                tx.execute(
                    "UPDATE messages_in SET outcome = 'answered', reason = 'by the host',
                            ended_at = ?2 WHERE seq = ?1",
                    params![seq.0, now.0],
                )?;
                parts::add_notice(tx, "command", seq, PartKind::Answer, answer, now)?;
            }
            Ok(())
        })
    }

    /// Stops what is being worked on: sets all waiting messages aside, takes back what is not sent
    /// yet, and lets the running incarnation say nothing more. `answer` makes the text from what
    /// that came to. Doing it again changes nothing.
    pub fn halt(
        &mut self,
        message: &Incoming,
        answer: impl FnOnce(&Toll) -> String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.commit("a stop", |tx| {
            let admitted =
                Admitted { message: message.clone(), kind: InboundKind::Command, rule: None };
            let Some(seq) = insert(tx, &admitted, now)? else {
                return Ok(());
            };
            let toll = stood::total(&stood::end_work(tx, seq.0, now)?);
            tx.execute(
                "UPDATE messages_in SET outcome = 'answered', reason = 'by the host', ended_at = ?2
                 WHERE seq = ?1",
                params![seq.0, now.0],
            )?;
            parts::add_notice(tx, "command", seq, PartKind::Answer, &answer(&toll), now)
        })
    }

    /// The last incarnation that a person stopped; 0 when there was none.
    pub(crate) fn halted(&self) -> Result<Incarnation, StoreError> {
        self.conn
            .prepare_cached("SELECT incarnation FROM halted")
            .and_then(|mut it| it.query_row([], |row| row.get(0).map(Incarnation)))
            .map_err(StoreError::query("read the stops"))
    }

    /// Whether a person stopped the last incarnation that there was: what it wrote is not read.
    pub(crate) fn is_silenced(&self) -> Result<bool, StoreError> {
        is_silenced(&self.conn).map_err(StoreError::query("read the stops"))
    }

    /// Whether the runner is shown exactly these chats.
    pub fn shows_destinations(&self, all: &[(String, String, String)]) -> Result<bool, StoreError> {
        let read = || -> rusqlite::Result<Vec<(String, String, String)>> {
            self.connection()
                .prepare_cached("SELECT name, title, channel FROM destinations ORDER BY name")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect()
        };
        read().map(|it| it == all).map_err(StoreError::query("read the destinations"))
    }

    /// Shows the runner which chats its agent may write to: `(name, title, channel)`, by name.
    pub fn show_destinations(
        &mut self,
        all: &[(String, String, String)],
    ) -> Result<(), StoreError> {
        self.commit("the destinations", |tx| {
            tx.execute("DELETE FROM destinations", [])?;
            let mut insert =
                tx.prepare_cached("INSERT OR REPLACE INTO destinations VALUES (?1, ?2, ?3)")?;
            for it in all {
                insert.execute([&it.0, &it.1, &it.2])?;
            }
            Ok(())
        })
    }
}

pub(super) fn is_silenced(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT halted.incarnation > 0 AND NOT EXISTS
             (SELECT 1 FROM launches WHERE launches.incarnation > halted.incarnation)
         FROM halted",
    )?
    .query_row([], |row| row.get(0))
}
