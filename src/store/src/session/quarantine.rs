//! Sets a damaged outbound database aside, so that the next runner makes a new one.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::beneath::{open_beneath, remove_tree};
use crate::layout::{OUTBOUND, SessionLayout};
use domain::plain::chain;

/// What is kept of each damaged file, in bytes: enough to find out what happened, and little beside the
/// disk limit of an agent, which does not count it.
const KEPT_MAX: u64 = 32 << 20;

pub(super) fn move_away(paths: &SessionLayout) -> io::Result<()> {
    let (from, to) = (paths.outbound_dir(), paths.quarantine());
    match remove_tree(&to) {
        Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
        _ => fs::create_dir(&to)?,
    }
    // Its owner may have taken the right to change the folder away.
    if let Ok(meta) = fs::metadata(&from) {
        let _ = fs::set_permissions(&from, Permissions::from_mode(meta.mode() | 0o700));
    }
    // A new database must meet neither an old journal nor an old log.
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let name = format!("{OUTBOUND}{suffix}");
        // What cannot be read, or has no room on the disk, is gone: no message depends on it.
        if let Err(err) = keep(&from, &name, &to.join(&name)) {
            tracing::debug!(name, why = chain(&err), "nothing of it is kept");
        }
        remove(&from.join(&name), &from.join(format!("{name}.damaged")))?;
    }
    Ok(())
}

/// Copies the beginning of a plain file. Its own blocks may be more than its length says, and it may be
/// one that the host cannot cut.
fn keep(dir: &Path, name: &str, to: &Path) -> io::Result<()> {
    let file = open_beneath(dir, name)?;
    io::copy(&mut file.take(KEPT_MAX), &mut File::create_new(to)?).map(drop)
}

/// Removes whatever is there; a link is removed, not followed.
fn remove(path: &Path, or_to: &Path) -> io::Result<()> {
    let removed = fs::symlink_metadata(path)
        .and_then(|it| if it.is_dir() { remove_tree(path) } else { fs::remove_file(path) });
    match removed {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        // A folder that its owner may not change cannot be emptied, nor leave the folder that it is in.
        Err(err) if err.kind() == ErrorKind::PermissionDenied => fs::rename(path, or_to),
        other => other,
    }
}
