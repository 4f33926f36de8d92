//! Secret fields of our accounts on messaging platforms: tokens, keys, passwords.
//!
//! Invariants
//! - A value is sealed together with its account, its field and the addresses that the account is reached
//!   at: a writer of the database without a key cannot have it sent to another server.
//! - It opens for the adapter alone, which runs in this process; no agent's request ever reaches it.
//! - Nothing is stored here: what is sealed goes into one commit with the rest of its account.

use std::collections::BTreeMap;

use domain::time::Timestamp;
use secrecy::SecretString;

use crate::seal::{self, OpenError};
use crate::{InvalidSecret, SealedRow, Secret, Vault, VaultError};

/// [`SealedRow::kind`] of a field.
pub(crate) const KIND: &str = "channel-field";

#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    pub channel: &'a str,
    pub account: &'a str,
    /// Where the platform is instead of its usual place.
    pub urls: &'a BTreeMap<String, String>,
}

impl Holder<'_> {
    /// The name of a field's row.
    pub fn name(&self, field: &str) -> String {
        format!("channel/{}/{}/{field}", self.channel, self.account)
    }

    fn bound(&self, field: &str) -> Vec<u8> {
        let mut fields = vec![KIND, self.channel, self.account, field];
        fields.extend(self.urls.iter().flat_map(|(name, url)| [name.as_str(), url.as_str()]));
        seal::encode(&fields)
    }
}

/// Whether a text can be sealed as a field at all: 1 byte to 64 KiB.
pub fn check_field(value: &SecretString) -> Result<(), InvalidSecret> {
    Secret::of_field(value).map(drop)
}

impl Vault {
    /// The row that keeps a field.
    pub fn seal_field(
        &self,
        of: Holder<'_>,
        field: &str,
        value: &SecretString,
        now: Timestamp,
    ) -> Result<SealedRow, VaultError> {
        let value = Secret::of_field(value).map_err(|_why| VaultError::Unsealable)?;
        Ok(SealedRow {
            name: of.name(field),
            kind: KIND.to_owned(),
            base_url: String::new(),
            sealed: seal::seal(&self.key, &of.bound(field), &value)?,
            created_at: now,
        })
    }

    /// The fields of an account by their names, for its adapter.
    /// Fails when one does not open, be it for other addresses.
    pub fn open_fields(
        &self,
        of: Holder<'_>,
        rows: &[SealedRow],
    ) -> Result<BTreeMap<String, SecretString>, VaultError> {
        let prefix = of.name("");
        let open = |row: &SealedRow| {
            let field = row.name.strip_prefix(&prefix).ok_or(OpenError::Tampered)?;
            let value = seal::open(&self.key, &of.bound(field), &row.sealed)?;
            Ok((field.to_owned(), value.into_inner()))
        };
        let opened: Result<_, OpenError> = rows.iter().map(open).collect();
        opened.map_err(|source| {
            let what = format!("credentials of {}/{}", of.channel, of.account);
            let command = format!("channels add {} --name {}", of.channel, of.account);
            VaultError::Unreadable { what, command, source }
        })
    }
}
