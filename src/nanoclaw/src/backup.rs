//! Backups: one tar file with everything that cannot be had again, made while the host runs.
//!
//! ```text
//! nanoclaw-backup.json       what this is; always first
//! central.db                 then every other member, in the order in which it was copied
//! vault.key.sealed           the master key, sealed with a passphrase; see `vault::carry`
//! sessions/<id>/…            received files, files on their way, the CLI's home
//! agents/<name>/…            workspaces
//! channels/<channel>/<account>/kept/…
//!                            what adapters keep, but for keys that must not go back in time
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
//! A forged one must not place anything, nor have the host mount or write anything, outside of the folder
//! that it is unpacked into: hence the rules for paths and links.

mod archive;
pub(crate) mod create;
pub(crate) mod restore;
mod sparse;
mod tree;
mod unpack;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::Context;
use domain::{AgentName, SessionId};
use serde::{Deserialize, Serialize};
use store::layout::KEPT;
use tempfile::TempDir;

use self::unpack::Refused;

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
pub(crate) struct Manifest {
    /// Path and target of the symbolic links in workspaces and homes. Kept apart from the members, so
    /// that nothing can be written through one.
    links: Vec<(String, String)>,
    /// What is not in the backup: the first of it, and how much.
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) left_out_count: usize,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) path: String,
    pub(crate) why: String,
}

/// Makes a folder for this user alone, which is removed when it is dropped.
pub(crate) fn scratch(parent: &Path) -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(".nanoclaw-backup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .with_context(|| format!("nothing can be written in {}", parent.display()))
}

/// A relative path of plain parts, below one of the places that a backup has.
fn plain(name: &str) -> Option<&Path> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain = !name.contains('\0') && !parts.iter().any(|it| matches!(*it, "" | "." | ".."));
    let is_known = match parts.as_slice() {
        [CENTRAL | KEY | "agents"] => true,
        ["agents", agent, ..] => AgentName::parse(agent).is_ok(),
        ["sessions", session, "in" | "out" | "sending" | "home", ..] => {
            SessionId::parse(session).is_some_and(|it| it.to_string() == *session)
        }
        ["channels", channel, account, KEPT, ..] => is_name(channel) && is_name(account),
        _ => false,
    };
    (is_plain && is_known).then_some(Path::new(name))
}

/// Whether it can be the name of a channel or an account.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Whether a path lies inside of a folder that the host itself makes, and is none.
fn is_inside(path: &Path) -> bool {
    let folders = [("agents", 2), ("channels", 4)].into_iter().find(|it| path.starts_with(it.0));
    folders.map_or(3, |it| it.1) < path.components().count()
}

fn may_hold_files(path: &Path) -> bool {
    path == Path::new(CENTRAL) || path == Path::new(KEY) || is_inside(path)
}

/// Where an agent may have links of its own.
fn may_hold_links(path: &Path) -> bool {
    let of_session = path.components().nth(2).is_some_and(|it| it.as_os_str() == "home");
    is_inside(path) && (path.starts_with("agents") || of_session)
}

/// Makes a link where the agent had one. Nothing is ever written through it here.
fn make_link(to: &Path, name: &str, target: &str) -> Result<(), Refused> {
    let strange = || Refused::Strange(name.to_owned());
    let path = plain(name).filter(|it| may_hold_links(it)).ok_or_else(strange)?;
    let mut at = to.to_owned();
    for part in path.parent().ok_or_else(strange)?.components() {
        at.push(part);
        if !fs::symlink_metadata(&at).is_ok_and(|it| it.is_dir()) {
            return Err(strange());
        }
    }
    Ok(symlink(target, to.join(path))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_in_a_real_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("agents/a")).unwrap();
        fs::create_dir_all(folder.path().join("sessions/s1/home")).unwrap();
        fs::create_dir_all(folder.path().join("sessions/s1/out/files")).unwrap();
        for path in ["agents/a/link", "sessions/s1/home/link"] {
            make_link(folder.path(), path, "/tmp").unwrap();
        }
        for path in [
            "agents/a/link/b",
            "agents/a/none/b",
            "agents/b",
            "agents",
            "sessions",
            "sessions/s1",
            "sessions/s2",
            "sessions/s1/out",
            "sessions/s1/out/files/x",
            "sessions/s1/in",
            "sessions/s1/sending",
            "central.db",
            "../x",
            "x",
        ] {
            assert!(make_link(folder.path(), path, "/tmp").is_err(), "{path}");
        }
    }
}
