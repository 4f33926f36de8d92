//! Backups: one tar file with everything that cannot be had again, made while the host runs.
//!
//! ```text
//! nanoclaw-backup.json       what this is; always first
//! central.db                 then every other member, in the order in which it was copied
//! vault.key.sealed           the master key, sealed with a passphrase; see `vault::carry`
//! sessions/<id>/…            databases, received files, files on their way, the CLI's home
//! agents/<name>/…            workspaces
//! sparse.json                before a file with holes: where its data belongs
//! manifest.json              what each member before it is, symbolic links, and what was left out
//! manifest.mac               SHA-256 and HMAC of the manifest; a file without it is not complete
//! ```
//!
//! Each database is consistent in itself. They are copied one after another, oldest knowledge first
//! (see `store::copies`), so after a restore messages may be delivered again, which is harmless, and
//! answers be repeated, which is marked.
//!
//! The HMAC is made with the master key of the vault. A user without it, or the passphrase that
//! opens the sealed copy in the backup, cannot make a backup that `verify` or `restore` takes, nor
//! change one. Without the key at hand a backup is refused, unless somebody says `--untrusted`.

pub(crate) mod archive;
pub(crate) mod create;
mod paths;
pub(crate) mod restore;
pub(crate) mod sparse;
pub(crate) mod tree;
pub(crate) mod unpack;

use serde::{Deserialize, Serialize};

/// Counts up when an older program could not read it any more.
pub(crate) const FORMAT: u32 = 2;
pub(crate) const HEAD: &str = "nanoclaw-backup.json";
pub(crate) const CENTRAL: &str = "central.db";
pub(crate) const KEY: &str = "vault.key.sealed";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const SPARSE: &str = "sparse.json";
pub(crate) const MAC: &str = "manifest.mac";

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
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
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
    /// The first of them.
    #[serde(default)]
    pub(crate) left_out: Vec<LeftOut>,
    #[serde(default)]
    pub(crate) left_out_count: usize,
}

/// What is not in the backup, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) path: String,
    pub(crate) why: String,
}

/// The last member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mac {
    pub(crate) sha256: String,
    /// With the master key of the vault.
    pub(crate) hmac: String,
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
