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
mod egress;
pub mod error;
pub mod keyfile;
mod model;
pub mod platform;
pub mod seal;
pub mod secret;
mod tally;
mod upstream;
mod vault;

pub use crate::base_url::{BaseUrl, InvalidBaseUrl};
pub use crate::egress::{Caller, Duplex, Egress, SealedRow, SecretRows};
pub use crate::error::{Cause, VaultError};
pub use crate::keyfile::KeyFileError;
pub use crate::seal::{Key, OpenError};
pub use crate::secret::{InvalidSecret, Secret};
pub use crate::upstream::{Limits, Trouble};
pub use crate::vault::{Credential, CredentialKind, MODEL_CREDENTIAL, Vault};
