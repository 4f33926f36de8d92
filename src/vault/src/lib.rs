//! Keeps the users' credentials and makes the calls that need one, so that no container ever holds
//! a key.
//!
//! A credential is sealed on disk ([`seal`]) under a key that lives in a file of its own
//! ([`keyfile`]). An agent's request arrives over the link of its session; the vault decides, puts
//! the credential in, forwards, and streams the answer back ([`Egress`]).
//!
//! Invariants
//! - Who calls is told by the carrier ([`Caller`]), never by what the request says.
//! - What is not expressly allowed is refused, counted, and answered with a reason.
//! - Tokens of our accounts on platforms ([`platform`]) leave the vault for the adapter in this very
//!   process, and for nobody else.
//! - A credential goes to the destination that it was sealed with and nowhere else: over verified
//!   TLS, or in the clear to this very machine.
//! - No value of a credential is in a log, an error, a `Debug` output or an answer, unless a service
//!   encodes it in the body.

pub mod base_url;
pub mod carry;
pub mod keyfile;
mod model;
pub mod platform;
pub mod seal;
pub mod secret;
mod tally;
mod upstream;
mod vault;

use std::fmt;

use async_trait::async_trait;
use domain::SessionId;
pub use domain::sealed::SealedRow;
use tokio::io::{AsyncRead, AsyncWrite};

pub use crate::base_url::{BaseUrl, InvalidBaseUrl};
pub use crate::keyfile::KeyFileError;
pub use crate::seal::{Key, OpenError};
pub use crate::secret::{InvalidSecret, Secret};
pub use crate::upstream::{Limits, Trouble};
pub use crate::vault::{Cause, Credential, CredentialKind, MODEL_CREDENTIAL, Vault, VaultError};

/// Whose stream it is. The host fills it in from the carrier that the stream came through; nothing
/// that the container says ends up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub session: SessionId,
    /// The agent group's name, for logs.
    pub agent: String,
}

/// A two-way byte stream to a container. A boxed stream of another crate is one as well.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The way out of a session. A seam, so that the host can be tested without a vault and so that
/// another vault can stand in for this one.
#[async_trait]
pub trait Egress: fmt::Debug + Send + Sync {
    /// Serves one stream until either side ends it. Trouble is answered within the stream, thus
    /// there is nothing to return. Dropping the future cuts the stream and what it forwards.
    async fn serve(&self, caller: Caller, stream: Box<dyn Duplex>);
}

/// The host's database. The vault trusts nothing that it reads back.
#[async_trait]
pub trait SecretRows: fmt::Debug + Send + Sync {
    async fn get(&self, name: &str) -> Result<Option<SealedRow>, Cause>;

    /// All rows, sorted by name.
    async fn list(&self) -> Result<Vec<SealedRow>, Cause>;

    async fn put(&self, row: SealedRow) -> Result<(), Cause>;

    async fn remove(&self, name: &str) -> Result<bool, Cause>;

    /// Counts how often a session asked for something it may not have. `why` is one of a few fixed
    /// texts, never something that the container said.
    async fn count_refusals(
        &self,
        session: SessionId,
        why: &'static str,
        count: u64,
    ) -> Result<(), Cause>;
}
