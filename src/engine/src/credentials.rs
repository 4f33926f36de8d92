//! The fields of accounts, opened for their adapters, and what these store: renewed tokens, and a shelf.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use channel::{Cause, Keeper, SecretString};
use domain::time::{Clock, Timestamp};
use store::{CentralStore, Db};
use vault::Vault;
use vault::platform::Holder;

use crate::host::{Credentials, LOCAL, Opened};

#[derive(Debug)]
pub struct AccountCredentials {
    pub vault: Arc<Vault>,
    pub central: Db<CentralStore>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Credentials for AccountCredentials {
    async fn of_account(
        &self,
        channel: &'static str,
        name: &str,
        urls: &BTreeMap<String, String>,
    ) -> Result<Opened, Cause> {
        let account = name.to_owned();
        let stored = self.central.read(move |it| it.sealed_account(channel, &account)).await?;
        let Some((account, secrets)) = stored else {
            let gone = || format!("there is no account {channel}/{name} any more").into();
            return (name == LOCAL).then(|| Opened::fixed(BTreeMap::new())).ok_or_else(gone);
        };
        let of = Holder { channel, account: name, urls };
        let mut values = self.vault.open_fields(of, &secrets)?;
        values.extend(account.fields.into_iter().map(|(name, value)| (name, value.into())));
        let keeper = AccountKeeper {
            vault: Arc::clone(&self.vault),
            central: self.central.clone(),
            clock: Arc::clone(&self.clock),
            channel,
            name: name.to_owned(),
            urls: urls.clone(),
            renewed_at: account.renewed_at,
        };
        Ok(Opened { values, keeper: Arc::new(keeper) })
    }
}

/// Of one connection: once somebody gave the account other fields, it renews none.
#[derive(Debug)]
struct AccountKeeper {
    vault: Arc<Vault>,
    central: Db<CentralStore>,
    clock: Arc<dyn Clock>,
    channel: &'static str,
    name: String,
    urls: BTreeMap<String, String>,
    renewed_at: Timestamp,
}

#[async_trait]
impl Keeper for AccountKeeper {
    async fn put_field(&self, field: &str, value: &SecretString) -> Result<(), Cause> {
        let (channel, name, since) = (self.channel, self.name.clone(), self.renewed_at);
        let of = Holder { channel, account: &name, urls: &self.urls };
        let row = self.vault.seal_field(of, field, value, self.clock.now())?;
        let put = move |it: &mut CentralStore| it.renew_secret(channel, &name, since, &row);
        if self.central.write("a renewed token", put).await? {
            return Ok(());
        }
        Err(format!("the account was given other fields meanwhile; this {field} is its former one")
            .into())
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Cause> {
        let (channel, name, key) = (self.channel, self.name.clone(), key.to_owned());
        Ok(self.central.read(move |it| it.on_shelf(channel, &name, &key)).await?)
    }

    async fn put(&self, key: &str, value: Option<&str>) -> Result<(), Cause> {
        let (channel, name) = (self.channel, self.name.clone());
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        let put =
            move |it: &mut CentralStore| it.put_on_shelf(channel, &name, &key, value.as_deref());
        Ok(self.central.write("what an adapter keeps", put).await??)
    }
}
