//! Accounts of ours on platforms. Their credentials lie in the vault.

use std::collections::BTreeMap;

use domain::time::Timestamp;
use rusqlite::params;

use super::CentralStore;
use crate::StoreError;
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

impl CentralStore {
    /// Every account, by channel and name.
    pub fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let sql = "SELECT channel, name, urls, created_at FROM account ORDER BY channel, name";
        self.list("list the accounts", sql, [])
    }

    /// Stores an account, or replaces the addresses of one that is there. Its cursor is forgotten:
    /// another credential may belong to another account of the platform, whose events are numbered
    /// differently, and reading some of them twice does no harm. `false` when it was there.
    pub fn put_account(&mut self, account: &AccountRow) -> Result<bool, StoreError> {
        self.change("store an account", |tx| {
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
    pub fn remove_account(&mut self, channel: &str, name: &str) -> Result<bool, StoreError> {
        self.change("remove an account", |tx| {
            let sql = "DELETE FROM cursor WHERE channel = ?1 AND account = ?2";
            tx.execute(sql, [channel, name])?;
            let sql = "DELETE FROM account WHERE channel = ?1 AND name = ?2";
            Ok(tx.execute(sql, [channel, name])? == 1)
        })
    }
}
