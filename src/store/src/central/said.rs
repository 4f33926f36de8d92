//! What the host itself says: parts of session 0.

use domain::SessionId;
use domain::delivery::{PartKey, PartView, Verdict};
use domain::message::Address;
use domain::time::Timestamp;

use super::{CentralStore, SessionRow};
use crate::StoreError;
use crate::outbox::{self, ClaimedPart, NewPart};
use crate::session::{Scope, record_dead_letter};

impl CentralStore {
    /// Says something, once per key.
    pub fn say(&mut self, part: &NewPart, now: Timestamp) -> Result<(), StoreError> {
        self.change("a notice", |tx| outbox::add(Scope::host(tx), part, None, now)).map(drop)
    }

    /// Whether this was said already, or is about to be.
    pub fn has_said(&self, key: &PartKey) -> Result<bool, StoreError> {
        self.conn
            .prepare_cached("SELECT 1 FROM part WHERE session = 0 AND key = ?1")
            .and_then(|mut it| it.exists([&key.0]))
            .map_err(StoreError::query("read what was said"))
    }

    /// The oldest unfinished part of each chat.
    pub fn open_parts(&self) -> Result<Vec<PartView>, StoreError> {
        outbox::open_parts(Scope::host(&self.conn))
            .map_err(StoreError::query("read the open parts"))
    }

    /// Commits that a part is being sent. `None` when it is finished already.
    pub fn claim_part(
        &mut self,
        key: &PartKey,
        now: Timestamp,
    ) -> Result<Option<ClaimedPart>, StoreError> {
        let root = std::path::Path::new("");
        self.change("the claim of a part", |tx| {
            let tx = Scope::host(tx);
            let part = outbox::claim(tx, root, key, now)?;
            if part.is_none() {
                record_dead_letter(tx, key, now)?;
            }
            Ok(part)
        })
    }

    /// Writes down how an attempt ended.
    pub fn conclude_part(
        &mut self,
        key: &PartKey,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change("the end of a part", |tx| {
            let tx = Scope::host(tx);
            outbox::conclude(tx, key, verdict, now)?;
            match verdict {
                Verdict::Dead { .. } => record_dead_letter(tx, key, now),
                Verdict::Sent { .. } | Verdict::Unsent { .. } | Verdict::Uncertain { .. } => Ok(()),
            }
        })
    }

    /// A chat can be reached again: what waits for it waits no longer. Returns the sessions that have
    /// something to send there, which are awake now.
    pub fn parts_reachable(&mut self, chat: &Address) -> Result<Vec<SessionRow>, StoreError> {
        let ids = self.change("a reachable chat", |tx| {
            outbox::reachable(tx, chat)?;
            let ids: Vec<i64> = tx
                .prepare_cached(
                    "SELECT DISTINCT session FROM part INDEXED BY part_chat
                     WHERE channel = ?1 AND account = ?2 AND chat = ?3
                       AND state NOT IN ('sent', 'dead') AND session > 0",
                )?
                .query_map([&chat.channel, &chat.account, &chat.chat], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for id in &ids {
                tx.execute("UPDATE session SET awake = 1 WHERE id = ?1", [id])?;
            }
            Ok(ids)
        })?;
        let rows = ids.into_iter().map(|id| self.session(SessionId(id)));
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}
