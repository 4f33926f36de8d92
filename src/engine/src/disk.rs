//! How much disk the folders of a session take, and whether that is more than they may.
//!
//! No quota is needed for this, which most machines do not have: the host looks from time to time. So
//! an agent can go over its limit for as long as that takes, at the speed of the disk; one write of
//! one program is bounded by the kernel (`RLIMIT_FSIZE`).
//!
//! The agent changes the folders meanwhile, and on purpose: no link is followed, what has two names
//! counts once, and what is too large to look through counts as full. What a program keeps open or mapped
//! under no name counts too, where the host is root: nobody else may look. Not seen is a file that lies in
//! a message between two programs, or that a thread opened in a table of its own.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use domain::plain::chain;
use domain::{Incarnation, inside};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;
use store::SessionRow;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::container;
use crate::host::Host;

/// When a new container is first looked at: not while it starts.
const FIRST: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(60);
/// Even where a look takes long, which an agent can see to.
const EVERY_MAX: Duration = Duration::from_secs(180);
/// At most a twentieth of the time is spent on looking, however much there is.
const SHARE: u32 = 20;

/// As many files as a large project has, ten times over. Each takes its place in tables of the file
/// system that everybody shares.
const ENTRIES_MAX: u64 = 2_000_000;
/// Open files and mapped parts of files that are looked at, of all programs of an agent; ten large builds
/// at once have a third of them. Each takes the kernel some 30 microseconds.
const HELD_MAX: u64 = 300_000;
/// Files with several names that are told apart, at 34 bytes; each name of further ones counts.
const LINKED_MAX: usize = 250_000;
/// Each level takes an open file of the host.
const DEPTH_MAX: usize = 128;
/// What a file takes at least, empty or not.
const ENTRY_BYTES: u64 = 512;
/// The unit of `st_blocks`, whatever the file system's own is.
const BLOCK_BYTES: u64 = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usage {
    Bytes(u64),
    /// At least so many; a folder is closed to the host, which is not root.
    Closed(u64),
    /// More files, or deeper folders, than anybody needs.
    Beyond,
}

impl Usage {
    fn exceeds(self, limit: u64) -> bool {
        match self {
            Self::Bytes(bytes) | Self::Closed(bytes) => limit < bytes,
            Self::Beyond => true,
        }
    }
}

/// Returns the limit, in GiB, once they take more.
pub async fn until_overfull(host: &Host, row: &SessionRow) -> u32 {
    let mut wait = FIRST;
    loop {
        sleep(wait).await;
        let began = Instant::now();
        if let Some(gib) = overfull(host, row).await {
            return gib;
        }
        wait = (began.elapsed() * SHARE).clamp(EVERY, EVERY_MAX);
    }
}

/// The limit, in GiB, if they take more now. What cannot be found out is left to the next look.
pub async fn overfull(host: &Host, row: &SessionRow) -> Option<u32> {
    let (agent, _) = container::settings_of(host, &row.agent).await.ok().flatten()?;
    let (limits, number) = (agent.resources, agent.number);
    let mut usage = look(host, row, number).await?;
    if matches!(usage, Usage::Closed(_)) {
        // Programs close folders of theirs to everybody. What is closed at once again is hidden.
        let spec = container::spec(host, row, Incarnation(0)).await;
        let opened = match &spec {
            Ok(spec) => host.sandbox.open_up(spec).await.map_err(|err| chain(&err)),
            Err(err) => Err(chain(err)),
        };
        match opened {
            Ok(()) => usage = look(host, row, number).await?,
            Err(why) => warn!(why, "what the agent closed stays closed"),
        }
    }
    usage.exceeds(limits.disk_bytes()).then_some(limits.disk_gib)
}

async fn look(host: &Host, row: &SessionRow, number: u32) -> Option<Usage> {
    let paths = host.layout.session(row.id);
    // What people send it counts too.
    let (workspace, files) = (host.layout.workspace(&row.agent), paths.inbound_dir());
    let folders = [workspace, paths.home(), paths.outbound_dir(), files];
    let user = host.container_user.map(|(runner, _)| inside::agent_uid(runner, number));
    let look = move || usage(folders.iter().map(AsRef::as_ref), user);
    match store::on_disk(&*host.gate, look).await {
        Ok(usage) => Some(usage),
        Err(err) => {
            warn!(error = %err, "could not look how much disk the agent takes");
            None
        }
    }
}

/// Adds up what lies below the folders, and what programs of `user` keep of the same disks under no name.
/// What is gone meanwhile is left out.
/// Fails when one of the folders themselves cannot be read.
fn usage<'a>(folders: impl IntoIterator<Item = &'a Path>, user: Option<u32>) -> io::Result<Usage> {
    let (mut found, mut disks) = (Found::default(), BTreeSet::new());
    for folder in folders {
        let folder = open(CWD, folder)?;
        disks.insert(fstat(&folder)?.st_dev);
        if !found.add(folder)? {
            return Ok(Usage::Beyond);
        }
    }
    if user.is_some_and(|it| !found.add_nameless(it, &disks)) {
        return Ok(Usage::Beyond);
    }
    Ok(if found.closed { Usage::Closed(found.bytes) } else { Usage::Bytes(found.bytes) })
}

#[derive(Default)]
struct Found {
    bytes: u64,
    entries: u64,
    closed: bool,
    /// Files with several names that were counted.
    linked: HashSet<(u64, u64)>,
}

impl Found {
    /// `false` when there is no end to it.
    fn add(&mut self, root: OwnedFd) -> io::Result<bool> {
        let mut levels = vec![Dir::new(root)?];
        while let Some(dir) = levels.last_mut() {
            let Some(entry) = dir.read() else {
                levels.pop();
                continue;
            };
            // A folder that was removed while it was read.
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            self.entries += 1;
            if ENTRIES_MAX < self.entries {
                return Ok(false);
            }
            if let Some(below) = self.count(dir, name)? {
                if levels.len() == DEPTH_MAX {
                    return Ok(false);
                }
                levels.push(Dir::new(below)?);
            }
        }
        Ok(true)
    }

    /// The same for files of `user` that have no name any more. Each agent has a user of its own.
    fn add_nameless(&mut self, user: u32, disks: &BTreeSet<u64>) -> bool {
        let (mut seen, mut looked_at) = (HashSet::new(), 0);
        for process in entries(Path::new("/proc")).filter(|it| runs_as(it, user)) {
            // What a process holds cannot be seen any more once its first thread has ended.
            if outlives_its_first_thread(&process) {
                return false;
            }
            for held in ["fd", "map_files"].into_iter().flat_map(|it| entries(&process.join(it))) {
                looked_at += 1;
                if HELD_MAX < looked_at {
                    return false;
                }
                // What is read is the open file itself; no path is followed.
                let Ok(file) = fs::metadata(held) else { continue };
                let counts = file.nlink() == 0 && disks.contains(&file.dev());
                if counts && seen.insert((file.dev(), file.ino())) {
                    self.bytes += file.blocks().saturating_mul(BLOCK_BYTES);
                }
            }
        }
        true
    }

    /// Counts one entry; a folder is opened, to be looked through.
    fn count(&mut self, dir: &Dir, name: &CStr) -> io::Result<Option<OwnedFd>> {
        let Ok(seen) = statat(dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(None) };
        let is_folder = FileType::from_raw_mode(seen.st_mode) == FileType::Directory;
        let is_counted = is_folder || seen.st_nlink < 2 || LINKED_MAX <= self.linked.len();
        if is_counted || self.linked.insert((seen.st_dev, seen.st_ino)) {
            let blocks = u64::try_from(seen.st_blocks).unwrap_or_default();
            self.bytes += blocks.saturating_mul(BLOCK_BYTES).max(ENTRY_BYTES);
        }
        if !is_folder {
            return Ok(None);
        }
        match open(dir.fd()?, CString::from(name)) {
            Ok(below) => Ok(Some(below)),
            // Out of open files: that is the host's trouble, and no small folder.
            Err(err @ (Errno::MFILE | Errno::NFILE)) => Err(err.into()),
            Err(err) => {
                self.closed |= err == Errno::ACCESS;
                Ok(None)
            }
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path())
}

/// Whether other threads of a process go on after the first one ended; not only while all of it ends.
fn outlives_its_first_thread(process: &Path) -> bool {
    let has_ended = || status(process, "State:").as_deref() == Some("Z");
    let goes_on = || 1 < entries(&process.join("task")).count();
    if !(has_ended() && goes_on()) {
        return false;
    }
    pause();
    has_ended() && goes_on()
}

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool, and seldom")]
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

/// Whether a folder below `/proc` is a process of this user, by its real one
/// (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
fn runs_as(process: &Path, user: u32) -> bool {
    status(process, "Uid:").is_some_and(|it| it.parse() == Ok(user))
}

/// The first word of a line of a process's status.
fn status(process: &Path, line: &str) -> Option<String> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let words = status.lines().find_map(|it| it.strip_prefix(line))?;
    words.split_whitespace().next().map(str::to_owned)
}

fn open(dir: impl std::os::fd::AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, folder, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn bytes(folder: &Path) -> u64 {
        let Usage::Bytes(bytes) = usage([folder], None).unwrap() else { panic!("beyond") };
        bytes
    }

    #[test]
    fn what_lies_on_the_disk_counts_and_not_what_a_file_claims() {
        let dir = tempfile::tempdir().unwrap();
        let empty = bytes(dir.path());
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/full"), vec![1; 1 << 20]).unwrap();
        fs::File::create(dir.path().join("a/sparse")).unwrap().set_len(1 << 40).unwrap();
        let full = bytes(dir.path()) - empty;
        assert!((1 << 20..1 << 21).contains(&full), "{full}");
        fs::hard_link(dir.path().join("a/b/full"), dir.path().join("second name")).unwrap();
        assert!(bytes(dir.path()) - empty < 1 << 21);
    }

    #[test]
    fn what_is_kept_open_without_a_name_counts() {
        let dir = tempfile::tempdir().unwrap();
        let user = fs::metadata(dir.path()).unwrap().uid();
        let held = || {
            let Usage::Bytes(bytes) = usage([dir.path()], Some(user)).unwrap() else {
                panic!("beyond")
            };
            bytes
        };
        let mut file = fs::File::create(dir.path().join("held")).unwrap();
        file.write_all(&vec![1; 64 << 20]).unwrap();
        file.sync_all().unwrap();
        let (named, other) = (bytes(dir.path()), Some(user + 1));
        fs::remove_file(dir.path().join("held")).unwrap();
        assert!(bytes(dir.path()) < 1 << 20);
        // Other tests run beside this one, and keep less.
        assert!(named <= held());
        assert!(usage([dir.path()], other).unwrap() == Usage::Bytes(bytes(dir.path())));
        drop(file);
        assert!(held() < named);
    }

    #[test]
    fn links_are_not_followed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join("large"), vec![1; 1 << 20]).unwrap();
        symlink(other.path(), dir.path().join("folder")).unwrap();
        symlink(other.path().join("large"), dir.path().join("file")).unwrap();
        assert!(bytes(dir.path()) < 1 << 20);
        assert!(usage([dir.path().join("folder").as_path()], None).is_err());
    }

    #[test]
    fn many_empty_files_are_not_free() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..100 {
            fs::File::create(dir.path().join(n.to_string())).unwrap();
        }
        assert!(bytes(dir.path()) >= 100 * ENTRY_BYTES);
    }

    #[test]
    fn folders_without_end_count_as_full() {
        let dir = tempfile::tempdir().unwrap();
        let deep = (0..=DEPTH_MAX).fold(dir.path().to_owned(), |at, _| at.join("d"));
        fs::create_dir_all(deep).unwrap();
        assert_eq!(usage([dir.path()], None).unwrap(), Usage::Beyond);
        assert!(Usage::Beyond.exceeds(u64::MAX) && !Usage::Bytes(5).exceeds(5));
    }
}
