//! The vault itself: adds, lists, removes and opens credentials.
//!
//! Invariants
//! - A value is opened for each request and dropped after it; removing or replacing a
//!   credential thus takes effect with the next request.
//! - Nothing here returns a value, or a piece of one, to the outside of the crate; for the tokens of
//!   accounts on platforms there is [`crate::platform`].

use std::sync::Arc;

use domain::time::Timestamp;

use crate::platform;
use crate::seal::{self, Binding, Key, OpenError, Sealed};
use crate::tally::Tallies;
use crate::upstream::{Limits, Trouble, Upstream};
use crate::{
    BaseUrl, Credential, CredentialKind, MODEL_CREDENTIAL, SealedRow, Secret, SecretRows,
    VaultError,
};

#[derive(Debug)]
pub struct Vault {
    pub(crate) key: Key,
    pub(crate) rows: Arc<dyn SecretRows>,
    pub(crate) upstream: Upstream,
    pub(crate) tallies: Tallies,
}

/// What a check of a credential found. Whether the other side accepts it shows only in use.
#[derive(Debug)]
pub struct Probe {
    pub credential: Credential,
    /// The status that the destination answered with, any of which shows that it is there; or why
    /// it did not answer. The credential itself was not sent.
    pub reached: Result<u16, Trouble>,
}

impl Vault {
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(key: Key, rows: Arc<dyn SecretRows>) -> Result<Self, VaultError> {
        Self::with_limits(key, rows, Limits::default())
    }

    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn with_limits(
        key: Key,
        rows: Arc<dyn SecretRows>,
        limits: Limits,
    ) -> Result<Self, VaultError> {
        let upstream = Upstream::new(limits).map_err(VaultError::Tls)?;
        Ok(Self { key, rows, upstream, tallies: Tallies::default() })
    }

    /// Seals and stores a credential; one of the same name is replaced. The kind is told from the
    /// value.
    ///
    /// # Errors
    /// When the name is not one that the vault can use, or the row cannot be written.
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
        let sealed = seal::seal(&self.key, &Binding { name, kind, base_url: &base_url }, &secret)
            .map_err(|_no_detail| VaultError::Unsealable)?;
        let row = SealedRow {
            name: name.to_owned(),
            kind: kind.as_str().to_owned(),
            base_url: base_url.as_str().to_owned(),
            sealed: sealed.into_bytes(),
            created_at: now,
        };
        self.rows.put(row).await.map_err(rows_failed("store a credential"))?;
        Ok(Credential { name: name.to_owned(), kind, base_url, created_at: now })
    }

    /// All credentials of agents, without opening them.
    ///
    /// # Errors
    /// When the rows cannot be read, or one of them is damaged beyond telling what it is.
    pub async fn list(&self) -> Result<Vec<Credential>, VaultError> {
        let rows = self.rows.list().await.map_err(rows_failed("list its credentials"))?;
        rows.iter().filter(|it| it.kind != platform::KIND).map(describe).collect()
    }

    /// One credential, without opening it.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn credential(&self, name: &str) -> Result<Option<Credential>, VaultError> {
        self.row(name).await?.as_ref().map(describe).transpose()
    }

    /// Tells whether there was one. A row that cannot be read can still be removed.
    ///
    /// # Errors
    /// When the row cannot be removed.
    pub async fn remove(&self, name: &str) -> Result<bool, VaultError> {
        self.rows.remove(name).await.map_err(rows_failed("remove a credential"))
    }

    /// Checks that a credential opens and that its destination answers. Takes at most
    /// [`Limits::probe_max`] for the latter.
    ///
    /// # Errors
    /// When there is no such credential or it does not open.
    pub async fn probe(&self, name: &str) -> Result<Probe, VaultError> {
        let (credential, _secret) = self.open(name).await?;
        let reached = self.upstream.probe(&credential.base_url).await;
        Ok(Probe { credential, reached })
    }

    /// Opens a credential for one use.
    pub(crate) async fn open(&self, name: &str) -> Result<(Credential, Secret), VaultError> {
        let row = self.row(name).await?.ok_or_else(|| VaultError::Missing(name.to_owned()))?;
        let credential = describe(&row)?;
        // The name that was asked for, not the one in the row.
        let binding = Binding { name, kind: credential.kind, base_url: &credential.base_url };
        let secret = seal::open(&self.key, &binding, &Sealed::from_bytes(row.sealed))
            .map_err(|source| VaultError::Unreadable { name: name.to_owned(), source })?;
        Ok((credential, secret))
    }

    pub(crate) async fn row(&self, name: &str) -> Result<Option<SealedRow>, VaultError> {
        self.rows.get(name).await.map_err(rows_failed("look up a credential"))
    }
}

fn describe(row: &SealedRow) -> Result<Credential, VaultError> {
    let damaged = || VaultError::Unreadable { name: row.name.clone(), source: OpenError::Tampered };
    Ok(Credential {
        name: row.name.clone(),
        kind: CredentialKind::parse(&row.kind).ok_or_else(damaged)?,
        base_url: BaseUrl::parse(&row.base_url).map_err(|_why| damaged())?,
        created_at: row.created_at,
    })
}

pub(crate) fn rows_failed(op: &'static str) -> impl FnOnce(crate::Cause) -> VaultError {
    move |source| VaultError::Rows { op, source }
}
