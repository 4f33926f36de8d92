//! Sealed credentials, as the vault makes them and the store keeps them.

use crate::time::Timestamp;

/// A credential as it lies on disk, where every reader of the database may read all of it. `kind` and
/// `base_url` are bound into the seal: a row whose columns were changed does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    pub name: String,
    pub kind: String,
    pub base_url: String,
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
}
