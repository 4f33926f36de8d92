//! Sealed secrets. Only ciphertext is seen here.

use domain::time::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

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
        self.conn
            .prepare_cached(
                "SELECT name, kind, base_url, sealed, created_at FROM secret WHERE name = ?1",
            )
            .and_then(|mut it| it.query_row([name], sealed_row).optional())
            .map_err(StoreError::query("read a secret"))
    }

    pub fn secrets(&self) -> Result<Vec<SealedRow>, StoreError> {
        let read = || -> rusqlite::Result<Vec<SealedRow>> {
            self.conn
                .prepare(
                    "SELECT name, kind, base_url, sealed, created_at FROM secret ORDER BY name",
                )?
                .query_map([], sealed_row)?
                .collect()
        };
        read().map_err(StoreError::query("list the secrets"))
    }

    /// Stores a secret in the place of an earlier one of the same name.
    pub fn put_secret(&self, row: &SealedRow) -> Result<(), StoreError> {
        self.conn
            .execute(
                "INSERT OR REPLACE INTO secret VALUES (?1, ?2, ?3, ?4, ?5)",
                params![row.name, row.kind, row.base_url, row.sealed, row.created_at.0],
            )
            .map(drop)
            .map_err(StoreError::query("store a secret"))
    }

    /// `false` when there is none of that name.
    pub fn remove_secret(&self, name: &str) -> Result<bool, StoreError> {
        self.conn
            .execute("DELETE FROM secret WHERE name = ?1", [name])
            .map(|changed| changed == 1)
            .map_err(StoreError::query("remove a secret"))
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
