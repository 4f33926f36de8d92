//! What the host says by itself: the outbox of the central database.

use domain::delivery::{PartKey, PartView, Verdict};
use domain::message::Address;
use domain::time::Timestamp;

use super::{CentralStore, dead_letters};
use crate::StoreError;
use crate::outbox::{self, ClaimedPart, NewPart};

impl CentralStore {
    /// Says something, once per key.
    pub fn say(&mut self, part: &NewPart, now: Timestamp) -> Result<(), StoreError> {
        self.change("a notice", |tx| outbox::add(tx, part, None, now)).map(drop)
    }

    /// Whether this was said already, or is about to be.
    pub fn has_said(&self, key: &PartKey) -> Result<bool, StoreError> {
        self.conn
            .prepare_cached("SELECT 1 FROM deliveries WHERE key = ?1")
            .and_then(|mut it| it.exists([&key.0]))
            .map_err(StoreError::query("read what was said"))
    }

    /// The oldest unfinished part of each chat.
    pub fn open_parts(&self) -> Result<Vec<PartView>, StoreError> {
        outbox::open_parts(&self.conn, "true").map_err(StoreError::query("read the open parts"))
    }

    /// Commits that a part is being sent. `None` when it is finished already.
    pub fn claim_part(
        &mut self,
        key: &PartKey,
        now: Timestamp,
    ) -> Result<Option<ClaimedPart>, StoreError> {
        let root = std::path::Path::new("");
        self.change("the claim of a part", |tx| {
            let part = outbox::claim(tx, root, key, now)?;
            if part.is_none() {
                dead_letters::mourn(tx, key)?;
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
            outbox::conclude(tx, key, verdict, now)?;
            match verdict {
                Verdict::Dead { .. } => dead_letters::mourn(tx, key),
                Verdict::Sent { .. } | Verdict::Unsent { .. } | Verdict::Uncertain { .. } => Ok(()),
            }
        })
    }

    /// A chat can be reached again.
    pub fn parts_reachable(&mut self, chat: &Address) -> Result<(), StoreError> {
        self.change("a reachable chat", |tx| outbox::reachable(tx, chat)).map(drop)
    }
}
