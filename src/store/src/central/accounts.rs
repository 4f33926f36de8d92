//! Accounts of ours on platforms. Their credentials lie in the vault.

use std::collections::BTreeMap;

use domain::time::Timestamp;
use rusqlite::params;

use super::CentralStore;
use crate::StoreError;
use crate::row::{json_column, row};

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
        let urls = serde_json::to_string(&account.urls).unwrap_or_else(|_| "{}".into());
        self.change("store an account", |tx| {
            let key = [&account.channel, &account.name];
            let forget = "UPDATE cursor SET value = NULL WHERE channel = ?1 AND account = ?2";
            tx.execute(forget, key)?;
            let changed = tx.execute(
                "UPDATE account SET urls = ?3 WHERE channel = ?1 AND name = ?2",
                params![account.channel, account.name, urls],
            )?;
            if changed == 0 {
                tx.execute(
                    "INSERT INTO account (channel, name, urls, created_at) VALUES (?1, ?2, ?3, ?4)",
                    params![account.channel, account.name, urls, account.created_at.0],
                )?;
            }
            Ok(changed == 0)
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
