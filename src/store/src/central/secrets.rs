//! Sealed secrets. Only ciphertext is seen here.

use domain::time::Timestamp;
use rusqlite::{Row, params};

use super::CentralStore;
use crate::StoreError;

/// A secret as it lies on disk. `kind` and `base_url` are bound into the seal: a row whose columns
/// were changed does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    pub name: String,
    pub kind: String,
    pub base_url: String,
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
}

impl CentralStore {
    pub fn secret(&self, name: &str) -> Result<Option<SealedRow>, StoreError> {
        let sql = "SELECT name, kind, base_url, sealed, created_at FROM secret WHERE name = ?1";
        self.one("read a secret", sql, [name], sealed_row)
    }

    pub fn secrets(&self) -> Result<Vec<SealedRow>, StoreError> {
        let sql = "SELECT name, kind, base_url, sealed, created_at FROM secret ORDER BY name";
        self.list("list the secrets", sql, [], sealed_row)
    }

    /// Stores a secret in the place of an earlier one of the same name.
    pub fn put_secret(&self, row: &SealedRow) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO secret VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![row.name, row.kind, row.base_url, row.sealed, row.created_at.0];
        self.run("store a secret", sql, row).map(drop)
    }

    /// `false` when there is none of that name.
    pub fn remove_secret(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM secret WHERE name = ?1";
        Ok(self.run("remove a secret", sql, [name])? == 1)
    }
}

fn sealed_row(row: &Row<'_>) -> rusqlite::Result<SealedRow> {
    Ok(SealedRow {
        name: row.get(0)?,
        kind: row.get(1)?,
        base_url: row.get(2)?,
        sealed: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
    })
}
