//! Sets a damaged outbound database aside, so that the next runner makes a new one.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::beneath::remove_tree;
use crate::layout::{OUTBOUND, SessionLayout};

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
        put(&from.join(&name), &to.join(&name), &from.join(format!("{name}.damaged")))?;
    }
    Ok(())
}

/// Renames whatever is there; a link is moved, not followed.
fn put(from: &Path, to: &Path, or_to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        // A folder that its owner may not change cannot leave the folder that it is in.
        Err(err) if err.kind() == ErrorKind::PermissionDenied => fs::rename(from, or_to),
        other => other,
    }
}
