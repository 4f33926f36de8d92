//! The vault's rows, kept in the central database.

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use domain::SessionId;
use domain::time::{Clock, SystemClock};
use store::layout::Layout;
use store::{CentralStore, Db, NoGate};
use vault::keyfile::{KeyFileError, open_or_create};
use vault::seal::Key;
use vault::{Cause, Limits, SealedRow, SecretRows, Vault};

use crate::error::Hint;

#[derive(Debug)]
struct CentralRows(Db<CentralStore>);

#[async_trait]
impl SecretRows for CentralRows {
    async fn get(&self, name: &str) -> Result<Option<SealedRow>, Cause> {
        let name = name.to_owned();
        Ok(self.0.read(move |db| db.secret(&name)).await?)
    }

    async fn list(&self) -> Result<Vec<SealedRow>, Cause> {
        Ok(self.0.read(|db| db.secrets()).await?)
    }

    async fn put(&self, row: SealedRow) -> Result<(), Cause> {
        let put = move |db: &mut CentralStore| {
            db.put_secret(&row)?;
            let line = format!("store the credential {}", row.name);
            db.record_change(&line, "host", SystemClock.now())
        };
        Ok(self.0.write("a credential", put).await?)
    }

    async fn remove(&self, name: &str) -> Result<bool, Cause> {
        let name = name.to_owned();
        let remove = move |db: &mut CentralStore| {
            let is_gone = db.remove_secret(&name)?;
            if is_gone {
                let line = format!("remove the credential {name}");
                db.record_change(&line, "host", SystemClock.now())?;
            }
            Ok(is_gone)
        };
        Ok(self.0.write("a removal", remove).await?)
    }

    async fn count_refusals(
        &self,
        session: SessionId,
        why: &'static str,
        count: u64,
    ) -> Result<(), Cause> {
        let now = SystemClock.now();
        let counted = move |db: &mut CentralStore| db.count_refusals(session, why, count, now);
        Ok(self.0.write("a refusal", counted).await?)
    }
}

/// The vault of a data directory, for the command line. Makes the key if nothing is sealed yet.
pub(crate) fn vault(layout: &Layout) -> anyhow::Result<Vault> {
    let anything_sealed = !crate::home::central(layout)?.secrets()?.is_empty();
    let key = key(layout, anything_sealed)?;
    let path = layout.central();
    let db = Db::new(Arc::new(NoGate), move || CentralStore::open(&path));
    Vault::new(key, Arc::new(CentralRows(db)), Limits::default())
        .context("the vault cannot be used")
}

/// The key of the vault; made if nothing is sealed yet.
pub(crate) fn key(layout: &Layout, anything_sealed: bool) -> anyhow::Result<Key> {
    let opened = open_or_create(&layout.vault_key(), anything_sealed);
    let is_lost = opened.as_ref().is_err_and(KeyFileError::is_lost);
    opened.hint(match is_lost {
        true => {
            "bring back `vault.key` from a backup; if you can't, `nanoclaw vault reset` forgets what \
             was sealed with it, and you enter your credentials again"
        }
        false => "see the file's permissions with `ls -l`, or restore it from a backup",
    })
}
