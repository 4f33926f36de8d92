//! The lock that keeps a data directory to one host. The kernel lets go of it when the host ends,
//! however it ends; the file's content is only for people.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::Pid;
use store::layout::Layout;

use crate::error::{Hint, fail};

/// Held for as long as this lives.
#[derive(Debug)]
pub(crate) struct HostLock(#[expect(dead_code, reason = "owns the lock")] File);

/// Who holds the lock.
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

/// Makes the data directory if need be and takes its lock.
///
/// # Errors
/// When another host holds it; its pid is in the message.
pub(crate) fn take(layout: &Layout) -> anyhow::Result<HostLock> {
    crate::home::create(layout)?;
    let path = layout.lock();
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file =
        options.open(&path).with_context(|| format!("could not open {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let holder = Holder { pid: read_pid(&mut file) };
            let home = layout.home().display();
            return Err(fail(
                format!("a host runs on {home} already ({})", holder.named()),
                "talk to it with `nanoclaw chat`, or stop it with `nanoclaw stop`",
            ));
        }
        Err(err) => {
            return Err(io::Error::from(err))
                .with_context(|| format!("could not lock {}", path.display()))
                .hint("put the data directory on a local disk");
        }
    }
    let mut write = || -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write().with_context(|| format!("could not write {}", path.display()))?;
    Ok(HostLock(file))
}

/// The host that runs on this data directory, if one does.
pub(crate) fn holder(layout: &Layout) -> Option<Holder> {
    let mut file = File::open(layout.lock()).ok()?;
    // Two that ask do not disturb each other; a host that starts in this very moment may be told
    // that one runs already.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Some(Holder { pid: read_pid(&mut file) }),
        Ok(()) | Err(_) => None,
    }
}

fn read_pid(file: &mut File) -> Option<Pid> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
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
    }
}
