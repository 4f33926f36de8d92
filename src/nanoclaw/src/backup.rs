//! Backups: one tar file with everything that cannot be had again, made while the host runs.
//!
//! ```text
//! nanoclaw-backup.json       what this is; always first
//! central.db                 then every other member, in the order in which it was copied
//! vault.key.sealed           the master key, sealed with a passphrase; see `vault::carry`
//! sessions/<id>/…            received files, files on their way, the CLI's home
//! agents/<name>/…            workspaces
//! sparse.json                before a file with holes: where its data belongs
//! manifest.json              symbolic links, and what was left out
//! manifest.mac               SHA-256 of all bytes before it, and its HMAC; a file without it is not complete
//! ```
//!
//! After a restore messages may be delivered again, which is harmless, and answers be repeated, which
//! is marked.
//!
//! The HMAC is made with the master key of the vault. A user without it, or the passphrase that
//! opens the sealed copy in the backup, cannot make a backup that `verify` or `restore` takes, nor
//! change one. Without the key at hand a backup is refused, unless somebody says `--untrusted`.

mod archive;
pub(crate) mod create;
mod paths;
pub(crate) mod restore;
mod sparse;
mod tree;
mod unpack;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// Counts up when an older program could not read it any more.
const FORMAT: u32 = 3;
const HEAD: &str = "nanoclaw-backup.json";
const CENTRAL: &str = "central.db";
const KEY: &str = "vault.key.sealed";
const MANIFEST: &str = "manifest.json";
const SPARSE: &str = "sparse.json";
const MAC: &str = "manifest.mac";

/// What the last member and the end of the tar take: the bytes that no digest covers.
const MAC_BYTES: u64 = 4 * 512;
/// Paths in a backup are shorter. Whatever folder it is restored into, Linux and macOS still take them.
const PATH_BYTES_MAX: usize = 2_048;
const PATH_TOO_LONG: &str = "its path is too long";

/// The first member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    format: u32,
    /// Of the program that made it.
    pub(crate) version: String,
    /// Milliseconds since 1970.
    pub(crate) created_at: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// Path and target of the symbolic links in workspaces and homes. Kept apart from the members, so
    /// that nothing can be written through one.
    links: Vec<(String, String)>,
    /// The first of them.
    left_out: Vec<LeftOut>,
    left_out_count: usize,
}

/// Of these the manifest tells the names; of more their number.
const LEFT_OUT_NAMED_MAX: usize = 1_000;

impl Manifest {
    fn leave_out(&mut self, path: &str, why: &str) {
        self.left_out_count += 1;
        if self.left_out.len() < LEFT_OUT_NAMED_MAX {
            self.left_out.push(LeftOut { path: path.to_owned(), why: why.to_owned() });
        }
    }
}

/// What is not in the backup, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) path: String,
    pub(crate) why: String,
}

/// Makes a folder for this user alone, which is removed when it is dropped.
fn scratch(parent: &Path) -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(".nanoclaw-backup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .with_context(|| format!("nothing can be written in {}", parent.display()))
}
