//! Accounts of ours on platforms, and sealed secrets, of which only ciphertext is seen here.

use std::collections::BTreeMap;

use domain::sealed::SealedRow;
use domain::time::Timestamp;
use rusqlite::params;

use super::CentralStore;
use crate::Result;
use crate::row::{is_there, json_column, row, to_json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    pub channel: String,
    pub name: String,
    /// Where the platform is instead of its usual place; the names are the adapter's.
    pub urls: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

json_column!(BTreeMap<String, String>);
row!(AccountRow { channel, name, urls, created_at });
row!(SealedRow { name, kind, base_url, sealed, created_at });

impl CentralStore {
    /// Every account, by channel and name.
    pub fn accounts(&self) -> Result<Vec<AccountRow>> {
        let sql = "SELECT channel, name, urls, created_at FROM account ORDER BY channel, name";
        self.list("list the accounts", sql, [])
    }

    /// Stores an account, or replaces the addresses of one that is there. Its cursor is forgotten:
    /// another credential may belong to another account of the platform, whose events are numbered
    /// differently, and reading some of them twice does no harm. `false` when it was there.
    pub fn put_account(&mut self, account: &AccountRow) -> Result<bool> {
        self.change("store an account", |central| {
            let tx = &central.conn;
            let AccountRow { channel, name, urls, created_at } = account;
            let forget = "UPDATE cursor SET value = NULL WHERE channel = ?1 AND account = ?2";
            tx.execute(forget, [channel, name])?;
            let sql = "SELECT 1 FROM account WHERE channel = ?1 AND name = ?2";
            let is_new = !is_there(tx, sql, [channel, name])?;
            let sql =
                "INSERT INTO account (channel, name, urls, created_at) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET urls = excluded.urls";
            tx.execute(sql, params![channel, name, to_json(urls)?, created_at.0])?;
            Ok(is_new)
        })
    }

    /// Forgets an account and how far it was read. What came through it stays. `false` when there
    /// is none of that name.
    pub fn remove_account(&mut self, channel: &str, name: &str) -> Result<bool> {
        self.change("remove an account", |central| {
            let tx = &central.conn;
            let sql = "DELETE FROM cursor WHERE channel = ?1 AND account = ?2";
            tx.execute(sql, [channel, name])?;
            let sql = "DELETE FROM account WHERE channel = ?1 AND name = ?2";
            Ok(tx.execute(sql, [channel, name])? == 1)
        })
    }

    pub fn secret(&self, name: &str) -> Result<Option<SealedRow>> {
        let sql = "SELECT name, kind, base_url, sealed, created_at FROM secret WHERE name = ?1";
        self.one("read a secret", sql, [name])
    }

    pub fn secrets(&self) -> Result<Vec<SealedRow>> {
        let sql = "SELECT name, kind, base_url, sealed, created_at FROM secret ORDER BY name";
        self.list("list the secrets", sql, [])
    }

    /// Stores a secret in the place of an earlier one of the same name.
    pub fn put_secret(&self, row: &SealedRow) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO secret VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![row.name, row.kind, row.base_url, row.sealed, row.created_at.0];
        self.run("store a secret", sql, row).map(drop)
    }

    /// `false` when there is none of that name.
    pub fn remove_secret(&self, name: &str) -> Result<bool> {
        let sql = "DELETE FROM secret WHERE name = ?1";
        Ok(self.run("remove a secret", sql, [name])? == 1)
    }
}
