//! Why the vault could not do as asked, sorted by what the caller must do.

use crate::seal::OpenError;

/// An error of the rows' owner.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Ask the user to add it.
    #[error("the vault holds no `{0}`; add it with `nanoclaw vault add {0}`")]
    Missing(String),
    /// Ask the user for another name.
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
