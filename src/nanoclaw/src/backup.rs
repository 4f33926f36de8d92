//! Backups: one tar file with everything that cannot be had again, made while the host runs.
//!
//! ```text
//! nanoclaw-backup.json       what this is; always first
//! central.db                 then every other member, in the order in which it was copied
//! vault.key.sealed           the master key, sealed with a passphrase; see `vault::carry`
//! sessions/<id>/…            databases, received files, files on their way, the CLI's home
//! agents/<name>/…            workspaces
//! manifest.json              size and SHA-256 of each member before it, and symbolic links
//! manifest.sha256            of the manifest; a file without it is not complete
//! ```
//!
//! Each database is consistent in itself. They are copied one after another, oldest knowledge first
//! (see `store::copies`), so after a restore messages may be delivered again, which is harmless, and
//! answers be repeated, which is marked.

pub(crate) mod archive;
pub(crate) mod create;
pub(crate) mod restore;
pub(crate) mod tree;
pub(crate) mod unpack;

use serde::{Deserialize, Serialize};

/// Counts up when an older program could not read it any more.
pub(crate) const FORMAT: u32 = 1;
pub(crate) const HEAD: &str = "nanoclaw-backup.json";
pub(crate) const CENTRAL: &str = "central.db";
pub(crate) const KEY: &str = "vault.key.sealed";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const DIGEST: &str = "manifest.sha256";

/// The first member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) format: u32,
    /// Of the program that made it.
    pub(crate) version: String,
    /// Milliseconds since 1970.
    pub(crate) created_at: i64,
    pub(crate) install: String,
    pub(crate) with_key: bool,
}

/// One member before the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// In hex digits.
    pub(crate) sha256: String,
    /// It became shorter while it was read; its end is zeros.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) changed: bool,
}

/// A symbolic link in a workspace or a home. Kept apart from the members, so that nothing can be
/// written through one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) path: String,
    pub(crate) target: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) members: Vec<Member>,
    pub(crate) links: Vec<Link>,
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
