//! Folders that are not the agent's: mailboxes, link, the runner's process, the host, the system.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use domain::inside;
use rustix::fs::{CWD, FileType, FlockOperation, Mode, fcntl_lock, makedev, mknodat};
use rustix::process::Pid;

use super::List;

/// Files that would change the kernel or this container's limits.
const SWITCHES: [&str; 8] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];
const SYSTEM: [&str; 6] =
    ["/escape", "/etc/escape", "/usr/escape", "/nanoclaw/escape", "/dev/escape", inside::RUNNER];
const DEVICES: [&str; 7] =
    ["/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/kvm", "/dev/fuse", "/proc/kcore"];
/// Of the runner, below `/proc`.
const OF_THE_RUNNER: [&str; 6] = ["mem", "environ", "maps", "auxv", "io", "syscall"];

pub(super) fn attempts(list: &mut List, runner: Option<Pid>, outside: &Path) {
    mailboxes(list);
    if let Some(runner) = runner {
        of_the_runner(list, runner);
    }
    of_the_host(list, outside);
    of_the_system(list);
    for dir in [inside::WORKSPACE, inside::HOME, "/tmp"] {
        let file = below(dir, "escape-list");
        list.allowed(format!("write in {dir}"), write(&file));
        let _ = fs::remove_file(file);
    }
    list.allowed("read a received file", File::open(below(inside::FILES, "bait")));
}

fn below(dir: &str, name: &str) -> PathBuf {
    Path::new(dir).join(name)
}

fn write(path: impl AsRef<Path>) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// Without making it.
fn write_there(path: impl AsRef<Path>) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

fn mailboxes(list: &mut List) {
    for dir in [inside::IN, inside::OUT, inside::LINK] {
        list.refused(format!("list {dir}"), fs::read_dir(dir));
        let open = fs::set_permissions(dir, Permissions::from_mode(0o777));
        list.refused(format!("open {dir} to all"), open);
        list.refused(
            format!("move {dir} away"),
            fs::rename(dir, below(inside::WORKSPACE, "moved")),
        );
    }
    for name in ["inbound.db", "inbound.db-journal"] {
        let path = below(inside::IN, name);
        list.refused(format!("read {name}"), File::open(&path));
        // A lock that is held would keep the host from posting.
        let lock = File::open(&path)
            .and_then(|it| Ok(fcntl_lock(it, FlockOperation::NonBlockingLockShared)?));
        list.refused(format!("lock {name}"), lock);
        list.refused(format!("write {name}"), write(&path));
        let link = fs::hard_link(&path, below(inside::WORKSPACE, "hard"));
        list.refused(format!("link {name} into the workspace"), link);
    }
    for name in ["outbound.db", "outbound.db-wal", "outbound.db-shm", "outbound.db-journal"] {
        let path = below(inside::OUT, name);
        list.refused(format!("write {name}"), write(&path));
        list.refused(format!("put a link in the place of {name}"), symlink("/etc/passwd", path));
    }
    list.refused("remove outbound.db", fs::remove_file(below(inside::OUT, "outbound.db")));
    let link = UnixStream::connect(below(inside::LINK, inside::SOCKET));
    list.refused("connect to the link", link);
    list.refused("write a received file", write(below(inside::FILES, "bait")));
}

fn of_the_runner(list: &mut List, runner: Pid) {
    let proc = PathBuf::from(format!("/proc/{runner}"));
    for name in OF_THE_RUNNER {
        list.refused(format!("read the runner's {name}"), File::open(proc.join(name)));
    }
    list.refused("list the runner's files", fs::read_dir(proc.join("fd")));
    list.refused("go through the runner's root", fs::read_dir(proc.join("root/")));
    list.refused("write the runner's memory", write(proc.join("mem")));
    list.refused("read the first process's environ", File::open("/proc/1/environ"));
    list.refused("go through the first root", fs::read_dir("/proc/1/root/"));
    // Its three streams, and the folder that this very look has open.
    let inherited = match fs::read_dir("/proc/self/fd").map(Iterator::count) {
        Ok(count) if count <= 4 => Err(io::Error::other("nothing was left open")),
        found => found,
    };
    list.refused("use a file that the runner left open", inherited);
}

/// The host is not there at all, whatever path leads to it.
fn of_the_host(list: &mut List, outside: &Path) {
    let bait = outside.join("bait");
    let link = below(inside::WORKSPACE, "to-the-host");
    let _ = symlink(&bait, &link);
    list.refused("read a file of the host", File::open(&bait));
    list.refused("read a file of the host behind a link", File::open(&link));
    list.refused("write a file of the host behind a link", write_there(&link));
    let given = chown(&link, Some(rustix::process::getuid().as_raw()), None);
    list.refused("give a file of the host away behind a link", given);
    let linked = fs::hard_link(&bait, below(inside::WORKSPACE, "hard"));
    list.refused("link a file of the host", linked);
    list.refused("list the data directory", fs::read_dir(outside));
    list.refused("list another session", fs::read_dir(outside.join("sessions")));
    // Left where the host makes a file: it must not follow either.
    let memory = below(inside::WORKSPACE, "CLAUDE.md");
    let _ = fs::remove_file(&memory);
    list.allowed("put a link in the place of the memory", symlink(&bait, memory));
}

fn of_the_system(list: &mut List) {
    for path in SYSTEM {
        list.refused(format!("write {path}"), write(path));
    }
    for path in SWITCHES {
        list.refused(format!("write {path}"), write_there(path));
    }
    for path in DEVICES {
        list.refused(format!("read {path}"), File::open(path));
    }
    list.refused("make a control group", fs::create_dir("/sys/fs/cgroup/escape"));
    for dir in [inside::WORKSPACE, "/tmp"] {
        let (path, mode) = (below(dir, "disk"), Mode::RUSR | Mode::WUSR);
        let node = mknodat(CWD, path, FileType::BlockDevice, mode, makedev(254, 0));
        list.refused(format!("make a device in {dir}"), node);
    }
    let own = below(inside::WORKSPACE, "own");
    list.refused("give a file to root", write(&own).and_then(|_| chown(&own, Some(0), None)));
    let _ = fs::remove_file(own);
}
