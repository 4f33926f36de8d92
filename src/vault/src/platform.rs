//! Tokens of our accounts on messaging platforms.
//!
//! Invariants
//! - A token is sealed together with its account and with the addresses that the account is reached
//!   at: a writer of the database without a key cannot have it sent to another server.
//! - It opens for the adapter alone, which runs in this process; no agent's request ever reaches it.

use std::collections::BTreeMap;

use domain::time::Timestamp;
use secrecy::SecretString;

use crate::seal;
use crate::vault::rows_failed;
use crate::{SealedRow, Secret, Vault, VaultError};

/// [`SealedRow::kind`] of a token.
pub(crate) const KIND: &str = "channel-token";

#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    pub channel: &'a str,
    pub account: &'a str,
    /// Where the platform is instead of its usual place.
    pub urls: &'a BTreeMap<String, String>,
}

impl Holder<'_> {
    fn name(&self) -> String {
        format!("channel/{}/{}", self.channel, self.account)
    }

    fn bound(&self) -> Vec<u8> {
        let mut fields = vec![KIND, self.channel, self.account];
        fields.extend(self.urls.iter().flat_map(|(name, url)| [name.as_str(), url.as_str()]));
        seal::encode(&fields)
    }
}

impl Vault {
    /// Seals and stores a token; an earlier one of the same account is replaced.
    pub async fn add_token(
        &self,
        of: Holder<'_>,
        token: &Secret,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        let row = SealedRow {
            name: of.name(),
            kind: KIND.to_owned(),
            base_url: String::new(),
            sealed: seal::seal(&self.key, &of.bound(), token)?,
            created_at: now,
        };
        self.rows.put(row).await.map_err(rows_failed("store a token"))
    }

    /// The token of an account, for its adapter; `None` when none is stored.
    /// Fails when one is stored and does not open, be it for other addresses.
    pub async fn token(&self, of: Holder<'_>) -> Result<Option<SecretString>, VaultError> {
        let Some(row) = self.row(&of.name()).await? else { return Ok(None) };
        let token = seal::open(&self.key, &of.bound(), &row.sealed).map_err(|source| {
            let what = format!("token of {}/{}", of.channel, of.account);
            VaultError::Unreadable { what, command: format!("channels add {}", of.channel), source }
        })?;
        Ok(Some(token.into_inner()))
    }

    pub async fn has_token(&self, of: Holder<'_>) -> Result<bool, VaultError> {
        Ok(self.row(&of.name()).await?.is_some())
    }

    /// Tells whether there was one.
    pub async fn remove_token(&self, of: Holder<'_>) -> Result<bool, VaultError> {
        self.remove(&of.name()).await
    }
}
