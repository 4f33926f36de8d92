//! The vault itself: adds, lists, removes and opens credentials, and tells everything about one but its
//! value.
//!
//! Invariants
//! - A value is opened for each request and dropped after it; removing or replacing a
//!   credential thus takes effect with the next request.
//! - Nothing here returns a value, or a piece of one, to the outside of the crate; for the tokens of
//!   accounts on platforms there is [`crate::platform`].

use std::sync::Arc;

pub use domain::agent::MODEL_CREDENTIAL;
use domain::time::Timestamp;
use domain::words;
use reqwest::Client;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::platform;
use crate::seal::{self, Key, OpenError};
use crate::tally::Tallies;
use crate::upstream::{self, Limits, Trouble};
use crate::{BaseUrl, SealedRow, Secret, SecretRows};

/// How a subscription's token starts (`claude setup-token` prints one); all else is an API key.
const OAUTH_PREFIX: &str = "sk-ant-oat";

/// Decides the header that a credential travels in. Its words are stored and sealed with it, so they
/// never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum CredentialKind {
    /// An API key, sent as `x-api-key`.
    AnthropicKey,
    /// A token of a subscription, sent as `authorization: Bearer`.
    AnthropicOauth,
}

words!(CredentialKind);

impl CredentialKind {
    /// Tells the kind from the value, so that nobody is asked what they pasted.
    pub fn of(secret: &Secret) -> Self {
        if secret.expose().starts_with(OAUTH_PREFIX) {
            Self::AnthropicOauth
        } else {
            Self::AnthropicKey
        }
    }
}

/// A credential without its value, for lists and checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub name: String,
    pub kind: CredentialKind,
    pub base_url: BaseUrl,
    pub created_at: Timestamp,
}

/// An error of the rows' owner.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the vault holds no `{0}`; add it with `nanoclaw vault add {0}`")]
    Missing(String),
    #[error("`{0}` is not a credential that the vault can use; it takes `anthropic`")]
    UnknownName(String),
    /// Ask the user to add it again. The row is never used, and never repaired.
    #[error("the stored {what} cannot be used; add it again with `nanoclaw {command}`")]
    Unreadable {
        what: String,
        command: String,
        #[source]
        source: OpenError,
    },
    /// Back off and try again: the rows could not be read or written.
    #[error("the vault could not {op}")]
    Rows {
        op: &'static str,
        #[source]
        source: Cause,
    },
    /// Give up; somebody must look. Nothing was stored.
    #[error("the credential could not be sealed")]
    Unsealable,
    /// Give up; somebody must look. Without trusted roots no server can be verified.
    #[error("the TLS client cannot be set up; are the system's CA certificates installed?")]
    Tls(#[source] reqwest::Error),
}

#[derive(Debug)]
pub struct Vault {
    pub(crate) key: Key,
    pub(crate) rows: Arc<dyn SecretRows>,
    pub(crate) client: Client,
    pub(crate) limits: Limits,
    pub(crate) tallies: Tallies,
}

impl Vault {
    pub fn new(key: Key, rows: Arc<dyn SecretRows>, limits: Limits) -> Result<Self, VaultError> {
        let client = upstream::client(&limits).map_err(VaultError::Tls)?;
        Ok(Self { key, rows, client, limits, tallies: Tallies::default() })
    }

    /// Seals and stores a credential; one of the same name is replaced. The kind is told from the
    /// value.
    pub async fn add(
        &self,
        name: &str,
        secret: Secret,
        base_url: BaseUrl,
        now: Timestamp,
    ) -> Result<Credential, VaultError> {
        if name != MODEL_CREDENTIAL {
            return Err(VaultError::UnknownName(name.to_owned()));
        }
        let kind = CredentialKind::of(&secret);
        let row = SealedRow {
            name: name.to_owned(),
            kind: kind.as_str().to_owned(),
            base_url: base_url.as_str().to_owned(),
            sealed: seal::seal(&self.key, &seal::bound(name, kind, &base_url), &secret)?,
            created_at: now,
        };
        self.rows.put(row).await.map_err(rows_failed("store a credential"))?;
        Ok(Credential { name: name.to_owned(), kind, base_url, created_at: now })
    }

    /// All credentials of agents, without opening them.
    pub async fn list(&self) -> Result<Vec<Credential>, VaultError> {
        let rows = self.rows.list().await.map_err(rows_failed("list its credentials"))?;
        rows.iter().filter(|it| it.kind != platform::KIND).map(describe).collect()
    }

    /// Tells whether there was one. A row that cannot be read can still be removed.
    pub async fn remove(&self, name: &str) -> Result<bool, VaultError> {
        self.rows.remove(name).await.map_err(rows_failed("remove a credential"))
    }

    /// Checks that a credential opens and that its destination answers, within [`Limits::probe_max`]: the
    /// status, any of which shows that it is there, or why there is none. The credential is not sent;
    /// whether the other side accepts it shows only in use.
    pub async fn probe(
        &self,
        name: &str,
    ) -> Result<(Credential, Result<u16, Trouble>), VaultError> {
        let (credential, _secret) = self.open(name).await?;
        let request = self.client.get(credential.base_url.as_str()).timeout(self.limits.probe_max);
        let answer = request.send().await.map_err(|err| Trouble::of(&err));
        Ok((credential, answer.map(|it| it.status().as_u16())))
    }

    pub(crate) async fn open(&self, name: &str) -> Result<(Credential, Secret), VaultError> {
        let row = self.row(name).await?.ok_or_else(|| VaultError::Missing(name.to_owned()))?;
        let credential = describe(&row)?;
        // The name that was asked for, not the one in the row.
        let bound = seal::bound(name, credential.kind, &credential.base_url);
        let secret = seal::open(&self.key, &bound, &row.sealed)
            .map_err(|source| unreadable(name, source))?;
        Ok((credential, secret))
    }

    pub(crate) async fn row(&self, name: &str) -> Result<Option<SealedRow>, VaultError> {
        self.rows.get(name).await.map_err(rows_failed("look up a credential"))
    }
}

fn describe(row: &SealedRow) -> Result<Credential, VaultError> {
    let damaged = || unreadable(&row.name, OpenError::Tampered);
    Ok(Credential {
        name: row.name.clone(),
        kind: CredentialKind::parse(&row.kind).ok_or_else(damaged)?,
        base_url: BaseUrl::parse(&row.base_url).map_err(|_why| damaged())?,
        created_at: row.created_at,
    })
}

fn unreadable(name: &str, source: OpenError) -> VaultError {
    let (what, command) = (format!("credential `{name}`"), format!("vault add {name}"));
    VaultError::Unreadable { what, command, source }
}

pub(crate) fn rows_failed(op: &'static str) -> impl FnOnce(Cause) -> VaultError {
    move |source| VaultError::Rows { op, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_shows_in_the_value() {
        let kind = |text: &str| CredentialKind::of(&Secret::from_input(text.to_owned()).unwrap());
        assert_eq!(kind("sk-ant-oat01-abc"), CredentialKind::AnthropicOauth);
        assert_eq!(kind("sk-ant-api03-abc"), CredentialKind::AnthropicKey);
        assert_eq!(kind("key-of-some-gateway"), CredentialKind::AnthropicKey);
    }

    #[test]
    fn a_kind_reads_back() {
        let words = ["anthropic-key", "anthropic-oauth"];
        assert_eq!(CredentialKind::ALL.map(CredentialKind::as_str), words);
        for kind in CredentialKind::ALL {
            assert_eq!(CredentialKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(CredentialKind::parse("github"), None);
    }
}
