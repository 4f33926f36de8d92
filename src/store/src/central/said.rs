//! What the host itself says: parts of session 0.

use domain::delivery::PartKey;
use domain::time::Timestamp;

use super::CentralStore;
use crate::StoreError;
use crate::outbox::{self, NewPart};
use crate::session::Scope;

impl CentralStore {
    /// Says something, once per key.
    pub fn say(&mut self, part: &NewPart, now: Timestamp) -> Result<(), StoreError> {
        self.change("a notice", |tx| outbox::add(Scope::host(tx), part, None, now)).map(drop)
    }

    /// Whether this was said already, or is about to be.
    pub fn has_said(&self, key: &PartKey) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM part WHERE session = 0 AND key = ?1";
        self.is_there("read what was said", sql, [&key.0])
    }
}
