//! The locks that keep a data directory to one host, and to one keeper of it. The kernel lets go of them,
//! however a process ends; the file's content is only for people.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::process::Pid;
use store::layout::Layout;

use crate::error::{Hint, fail};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// `None` in the moment between taking the lock and writing the pid.
    pub(crate) pid: Option<Pid>,
}

impl Holder {
    /// `pid 123`
    pub(crate) fn named(self) -> String {
        self.pid.map_or("pid unknown".into(), |pid| format!("pid {}", pid.as_raw_nonzero()))
    }
}

/// Makes the data directory if need be and takes its lock, which is held for as long as the file is open.
/// Fails when another host holds it; its pid is in the message.
pub(crate) fn take(layout: &Layout) -> anyhow::Result<File> {
    crate::home::create(layout)?;
    hold(&layout.lock())?
        .with_context(|| {
            let holder = Holder { pid: read_pid(&layout.lock()) };
            format!("a host runs on {} already ({})", layout.home().display(), holder.named())
        })
        .hint("talk to it with `nanoclaw chat`, or stop it with `nanoclaw stop`")
}

/// The same for work during which no host may start: also not one that died and waits to be started again.
pub(crate) fn take_alone(layout: &Layout) -> anyhow::Result<File> {
    let lock = take(layout)?;
    if holder_of(&keeper(layout)).is_some() {
        let home = layout.home().display();
        let what = format!("the host of {home} died and is about to be started again");
        return Err(fail(what, "stop it with `nanoclaw stop`"));
    }
    Ok(lock)
}

/// The lock of what starts the host again when it dies; it has one too while no host runs.
pub(crate) fn keeper(layout: &Layout) -> PathBuf {
    layout.home().join("keeper.lock")
}

/// Takes a lock; `None` when another process has it.
pub(crate) fn hold(path: &Path) -> anyhow::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.with_context(|| format!("could not open {}", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        // Its own text does not say why.
        Err(TryLockError::Error(err)) => {
            return Err(err)
                .with_context(|| format!("could not lock {}", path.display()))
                .hint("put the data directory on a local disk");
        }
        Ok(()) => {}
    }
    fs::write(path, format!("{}\n", std::process::id()))
        .with_context(|| format!("could not write {}", path.display()))?;
    Ok(Some(file))
}

/// The host that runs on this data directory, if one does.
pub(crate) fn holder(layout: &Layout) -> Option<Holder> {
    holder_of(&layout.lock())
}

pub(crate) fn holder_of(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    // Two that ask do not disturb each other; a host that starts in this very moment may be told
    // that one runs already.
    let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    is_held.then(|| Holder { pid: read_pid(path) })
}

fn read_pid(path: &Path) -> Option<Pid> {
    Pid::from_raw(fs::read_to_string(path).ok()?.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_host_is_told_the_first_ones_pid() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("home"));
        assert_eq!(holder(&layout), None);
        let lock = take(&layout).unwrap();
        let me = Holder { pid: Some(rustix::process::getpid()) };
        assert_eq!(holder(&layout), Some(me));
        let refused = take(&layout).unwrap_err().to_string();
        assert!(refused.contains(&me.named()), "{refused}");
        drop(lock);
        assert_eq!(holder(&layout), None);
        drop(take(&layout).unwrap());
        let keeper = hold(&keeper(&layout)).unwrap().unwrap();
        let refused = take_alone(&layout).unwrap_err().to_string();
        assert!(refused.contains("started again"), "{refused}");
        drop(keeper);
        drop(take_alone(&layout).unwrap());
    }
}
