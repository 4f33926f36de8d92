//! The data directory: which one it is, and making it.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use store::layout::Layout;

use crate::error::{Hint, fail};

/// Bytes that a unix socket's path may have on every system (104 on macOS, with its end mark).
const SOCKET_PATH_MAX: usize = 103;

/// The data directory that was asked for, or the usual one. Makes nothing.
pub(crate) fn find(asked: Option<PathBuf>) -> anyhow::Result<Layout> {
    let is_set = |it: &PathBuf| !it.as_os_str().is_empty();
    let usual = || std::env::home_dir().filter(is_set).map(|it| it.join(".nanoclaw"));
    let named = || std::env::var_os("NANOCLAW_HOME").map(PathBuf::from).filter(is_set);
    let home = asked.or_else(named).or_else(usual);
    let home = home.ok_or_else(|| fail("there is no home directory", "say `--home DIR`"))?;
    let home = std::path::absolute(&home)
        .with_context(|| format!("{} is no path for a data directory", home.display()))
        .hint("say `--home DIR`, or set NANOCLAW_HOME")?;
    let home = fs::canonicalize(&home).unwrap_or(home);
    // Another user cannot read it; and what root makes in it, its owner could not.
    let (owner, me) = (fs::metadata(&home).map(|it| it.uid()), rustix::process::geteuid().as_raw());
    if let Some(owner) = owner.ok().filter(|it| *it != me) {
        return Err(fail(
            format!("{} belongs to another user (uid {owner}, and you are {me})", home.display()),
            "run this as that user, or choose another directory with `--home DIR`",
        ));
    }
    Ok(Layout::new(home))
}

/// Makes the data directory with what every part of the program expects in it, for this user alone.
pub(crate) fn create(layout: &Layout) -> anyhow::Result<()> {
    let home = layout.home();
    if SOCKET_PATH_MAX < layout.admin_socket().as_os_str().len() {
        let what = format!("the path {} is too long to put sockets into", home.display());
        return Err(fail(what, "use a shorter one: `--home DIR`, or NANOCLAW_HOME"));
    }
    let there = home.ancestors().find(|it| it.exists()).unwrap_or(home);
    if is_read_only(there) {
        return Err(fail(format!("{} {READ_ONLY}", home.display()), WRITABLE));
    }
    for folder in [home.to_owned(), layout.run(), layout.logs(), layout.cache()] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("could not make {}", folder.display()))
            .hint("check who owns the folder above it, or choose another one with `--home DIR`")?;
    }
    // It may have been there with more open permissions.
    if fs::metadata(home).is_ok_and(|it| it.permissions().mode() & 0o7777 == 0o700) {
        return Ok(());
    }
    fs::set_permissions(home, Permissions::from_mode(0o700))
        .with_context(|| format!("could not close {} to other users", home.display()))
        .hint("it must belong to you; or choose another one with `--home DIR`")
}

pub(crate) const READ_ONLY: &str = "is on a read-only file system";
pub(crate) const WRITABLE: &str = "mount it writable, or choose another one with `--home DIR`";

/// Nobody can write there, not even its owner.
pub(crate) fn is_read_only(path: &Path) -> bool {
    access(path, Access::WRITE_OK) == Err(Errno::ROFS)
}

pub(crate) fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the program does not find itself")
}

/// For what must not make what it reads.
pub(crate) fn not_set_up(layout: &Layout) -> anyhow::Error {
    fail(format!("{} is not set up yet", layout.home().display()), "run `nanoclaw setup`")
}

/// The central database, if this was set up.
pub(crate) fn central(layout: &Layout) -> anyhow::Result<store::CentralStore> {
    if layout.central().is_file() { make(layout) } else { Err(not_set_up(layout)) }
}

/// The central database, made with its folder if need be.
pub(crate) fn make(layout: &Layout) -> anyhow::Result<store::CentralStore> {
    create(layout)?;
    Ok(store::CentralStore::open(&layout.central())?)
}

pub(crate) fn free_mib(path: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_closed_already_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("home"));
        create(&layout).unwrap();
        let changed = || {
            let meta = fs::metadata(layout.home()).unwrap();
            (meta.ctime(), meta.ctime_nsec(), meta.permissions().mode() & 0o777)
        };
        let before = changed();
        // Longer than a tick of the clock that a file system has.
        (0..1_000).for_each(|_| create(&layout).unwrap());
        assert_eq!(changed(), before);
        fs::set_permissions(layout.home(), Permissions::from_mode(0o755)).unwrap();
        create(&layout).unwrap();
        assert_eq!(changed().2, 0o700);
    }
}
