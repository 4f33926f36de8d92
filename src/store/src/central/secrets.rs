//! Sealed secrets. Only ciphertext is seen here.

use domain::sealed::SealedRow;
use rusqlite::params;

use super::CentralStore;
use crate::StoreError;
use crate::row::row;

row!(SealedRow { name, kind, base_url, sealed, created_at });

impl CentralStore {
    pub fn secret(&self, name: &str) -> Result<Option<SealedRow>, StoreError> {
        let sql = "SELECT name, kind, base_url, sealed, created_at FROM secret WHERE name = ?1";
        self.one("read a secret", sql, [name])
    }

    pub fn secrets(&self) -> Result<Vec<SealedRow>, StoreError> {
        let sql = "SELECT name, kind, base_url, sealed, created_at FROM secret ORDER BY name";
        self.list("list the secrets", sql, [])
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
