//! Folders that are not the agent's: mailboxes, link, the runner's process, the host, the system.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use domain::inside;
use rustix::fs::{CWD, FileType, FlockOperation, Mode, fcntl_lock, makedev, mknodat};
use rustix::process::Pid;

use super::Attempt;

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

pub(super) fn attempts(runner: Option<Pid>, outside: &Path) -> Vec<Attempt> {
    let mut list = mailboxes();
    list.extend(runner.into_iter().flat_map(of_the_runner));
    list.extend(of_the_host(outside));
    list.extend(of_the_system());
    for dir in [inside::WORKSPACE, inside::HOME, "/tmp"] {
        let file = Path::new(dir).join("escape-list");
        list.push(Attempt::allowed(&format!("write in {dir}"), write(&file)));
        let _ = fs::remove_file(file);
    }
    list.push(Attempt::allowed("read a received file", File::open(below(inside::FILES, "bait"))));
    list
}

fn below(dir: &str, name: &str) -> PathBuf {
    Path::new(dir).join(name)
}

fn write(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

fn mailboxes() -> Vec<Attempt> {
    let inbound = |name: &str| below(inside::IN, name);
    let outbound = |name: &str| below(inside::OUT, name);
    let mut list = Vec::new();
    for dir in [inside::IN, inside::OUT, inside::LINK] {
        list.push(Attempt::refused(format!("list {dir}"), fs::read_dir(dir)));
        let open = fs::set_permissions(dir, Permissions::from_mode(0o777));
        list.push(Attempt::refused(format!("open {dir} to all"), open));
        let away = fs::rename(dir, below(inside::WORKSPACE, "moved"));
        list.push(Attempt::refused(format!("move {dir} away"), away));
    }
    for name in ["inbound.db", "inbound.db-journal"] {
        list.push(Attempt::refused(format!("read {name}"), File::open(inbound(name))));
        // A lock that is held would keep the host from posting.
        let lock = File::open(inbound(name))
            .and_then(|it| Ok(fcntl_lock(it, FlockOperation::NonBlockingLockShared)?));
        list.push(Attempt::refused(format!("lock {name}"), lock));
        list.push(Attempt::refused(format!("write {name}"), write(&inbound(name))));
        let link = fs::hard_link(inbound(name), below(inside::WORKSPACE, "hard"));
        list.push(Attempt::refused(format!("link {name} into the workspace"), link));
    }
    for name in ["outbound.db", "outbound.db-wal", "outbound.db-shm", "outbound.db-journal"] {
        list.push(Attempt::refused(format!("write {name}"), write(&outbound(name))));
        let link = symlink("/etc/passwd", outbound(name));
        list.push(Attempt::refused(format!("put a link in the place of {name}"), link));
    }
    list.push(Attempt::refused("remove outbound.db", fs::remove_file(outbound("outbound.db"))));
    let link = UnixStream::connect(below(inside::LINK, inside::SOCKET));
    list.push(Attempt::refused("connect to the link", link));
    list.push(Attempt::refused("write a received file", write(&below(inside::FILES, "bait"))));
    list
}

fn of_the_runner(runner: Pid) -> Vec<Attempt> {
    let proc = PathBuf::from(format!("/proc/{runner}"));
    let open = |name: &str| {
        Attempt::refused(format!("read the runner's {name}"), File::open(proc.join(name)))
    };
    let mut list: Vec<_> = OF_THE_RUNNER.iter().map(|it| open(it)).collect();
    list.push(Attempt::refused("list the runner's files", fs::read_dir(proc.join("fd"))));
    list.push(Attempt::refused("go through the runner's root", fs::read_dir(proc.join("root/"))));
    list.push(Attempt::refused("write the runner's memory", write(&proc.join("mem"))));
    list.push(Attempt::refused("read the first process's environ", File::open("/proc/1/environ")));
    list.push(Attempt::refused("go through the first root", fs::read_dir("/proc/1/root/")));
    // Its three streams, and the folder that this very look has open.
    let inherited = fs::read_dir("/proc/self/fd").map(Iterator::count);
    let none = match inherited {
        Ok(count) if count <= 4 => Err(io::Error::other("nothing was left open")),
        Ok(_) => Ok(()),
        Err(err) => Err(err),
    };
    list.push(Attempt::refused("use a file that the runner left open", none));
    list
}

/// The host is not there at all, whatever path leads to it.
fn of_the_host(outside: &Path) -> Vec<Attempt> {
    let bait = outside.join("bait");
    let link = below(inside::WORKSPACE, "to-the-host");
    let _ = symlink(&bait, &link);
    let mut list = vec![
        Attempt::refused("read a file of the host", File::open(&bait)),
        Attempt::refused("read a file of the host behind a link", File::open(&link)),
        Attempt::refused("write a file of the host behind a link", write_there(&link)),
        Attempt::refused(
            "give a file of the host away behind a link",
            chown(&link, Some(rustix::process::getuid().as_raw()), None),
        ),
        Attempt::refused(
            "link a file of the host",
            fs::hard_link(&bait, below(inside::WORKSPACE, "hard")),
        ),
        Attempt::refused("list the data directory", fs::read_dir(outside)),
        Attempt::refused("list another session", fs::read_dir(outside.join("sessions"))),
    ];
    // Left where the host makes a file: it must not follow either.
    let memory = below(inside::WORKSPACE, "CLAUDE.md");
    let _ = fs::remove_file(&memory);
    list.push(Attempt::allowed("put a link in the place of the memory", symlink(&bait, memory)));
    list
}

fn write_there(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

fn of_the_system() -> Vec<Attempt> {
    let mut list = Vec::new();
    for path in SYSTEM {
        list.push(Attempt::refused(format!("write {path}"), write(Path::new(path))));
    }
    for path in SWITCHES {
        list.push(Attempt::refused(format!("write {path}"), write_there(Path::new(path))));
    }
    for path in DEVICES {
        list.push(Attempt::refused(format!("read {path}"), File::open(path)));
    }
    let cgroup = fs::create_dir("/sys/fs/cgroup/escape");
    list.push(Attempt::refused("make a control group", cgroup));
    for dir in [inside::WORKSPACE, "/tmp"] {
        let node = mknodat(
            CWD,
            below(dir, "disk"),
            FileType::BlockDevice,
            Mode::RUSR | Mode::WUSR,
            makedev(254, 0),
        );
        list.push(Attempt::refused(
            format!("make a device in {dir}"),
            node.map_err(io::Error::from),
        ));
    }
    let own = below(inside::WORKSPACE, "own");
    let given = write(&own).and_then(|_| chown(&own, Some(0), None));
    list.push(Attempt::refused("give a file to root", given));
    let _ = fs::remove_file(own);
    list
}
