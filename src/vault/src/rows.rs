//! Where sealed credentials are kept. The host implements it over its database; the vault trusts
//! nothing that it reads back.

use std::fmt;

use async_trait::async_trait;
use domain::SessionId;
use domain::time::Timestamp;

use crate::Cause;

/// One stored credential. Every reader of the database may read all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// Unique.
    pub name: String,
    /// [`crate::CredentialKind::as_str`].
    pub kind: String,
    /// [`crate::BaseUrl::as_str`].
    pub base_url: String,
    /// [`crate::Sealed::as_bytes`].
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
}

#[async_trait]
pub trait SecretRows: fmt::Debug + Send + Sync {
    async fn get(&self, name: &str) -> Result<Option<SealedRow>, Cause>;

    /// All rows, sorted by name.
    async fn list(&self) -> Result<Vec<SealedRow>, Cause>;

    /// Adds the row, or replaces the one of that name.
    async fn put(&self, row: SealedRow) -> Result<(), Cause>;

    /// Tells whether there was one.
    async fn remove(&self, name: &str) -> Result<bool, Cause>;

    /// Counts how often a session asked for something it may not have. `why` is one of a few fixed
    /// texts, never something that the container said.
    async fn count_refusals(
        &self,
        session: SessionId,
        why: &'static str,
        count: u64,
    ) -> Result<(), Cause>;
}
