//! Sets a damaged outbound database aside, so that the next runner makes a new one.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::beneath::remove_tree;
use crate::layout::{OUTBOUND, SessionLayout};

/// What is kept of each damaged file, in bytes: enough to find out what happened, and little beside the
/// disk limit of an agent, which does not count what it cannot write any more.
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
        put(&from.join(&name), &to.join(&name), &from.join(format!("{name}.damaged")))?;
        cut(&to.join(&name))?;
    }
    Ok(())
}

/// Cuts a large file off. A link, or what the host may not write, is left as it is.
fn cut(path: &Path) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(path, flags, Mode::empty()) else {
        return Ok(());
    };
    let file = File::from(file);
    let meta = file.metadata()?;
    if meta.is_file() && KEPT_MAX < meta.len() { file.set_len(KEPT_MAX) } else { Ok(()) }
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
