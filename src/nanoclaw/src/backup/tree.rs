//! Adds a folder that an agent may be writing to. It is walked from open folders, so that no link is
//! ever followed, whatever is exchanged meanwhile. Nothing that an agent puts there ends a backup: what
//! cannot be read, or is no file, folder or link, is left out and noted.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use super::archive::Archive;
use super::{PATH_BYTES_MAX, PATH_TOO_LONG, may_hold_links};

/// Deeper folders are left out; each level holds an open file.
const DEPTH_MAX: usize = 100;
/// Entries of one folder; their names are held in memory.
const ENTRIES_MAX: usize = 200_000;

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A pipe must not stop us until somebody writes to it.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl Archive<'_> {
    /// Adds a folder of an agent with all that is in it, if it is there. Fails only when the backup cannot be
    /// written.
    pub(super) fn add_tree(&mut self, folder: &Path, name: &Path) -> anyhow::Result<()> {
        self.tree = (0, 0);
        match openat(CWD, folder, FOLDER, Mode::empty()) {
            Ok(open) => self.walk(&open, name, 0),
            Err(err) => self.unreadable(name, err),
        }
    }

    fn skip(&mut self, at: &Path, why: &str) -> anyhow::Result<()> {
        self.leave_out(at, why);
        Ok(())
    }

    /// What went away meanwhile is no loss.
    fn unreadable(&mut self, at: &Path, err: Errno) -> anyhow::Result<()> {
        if err != Errno::NOENT {
            self.leave_out(at, &format!("it cannot be read: {}", io::Error::from(err)));
        }
        Ok(())
    }

    fn walk(&mut self, folder: &OwnedFd, name: &Path, depth: usize) -> anyhow::Result<()> {
        let meta = folder.try_clone().and_then(|it| File::from(it).metadata());
        let (Ok(meta), Ok(entries)) = (meta, Dir::read_from(folder)) else {
            return self.skip(name, "it cannot be read");
        };
        if !self.add_folder(name, &meta)? {
            return Ok(());
        }
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) if names.len() < ENTRIES_MAX => names.push(entry.file_name().to_owned()),
                Ok(_) => {
                    self.leave_out(name, "it holds too many files; some are left out");
                    break;
                }
                Err(err) => {
                    self.unreadable(name, err)?;
                    break;
                }
            }
        }
        names.sort();
        names.iter().try_for_each(|it| self.entry(folder.as_fd(), it, name, depth))
    }

    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        entry: &CStr,
        name: &Path,
        depth: usize,
    ) -> anyhow::Result<()> {
        // Two names that are no text could become one.
        let Ok(text) = entry.to_str() else {
            return self.skip(&name.join(&*entry.to_string_lossy()), "its name is no text");
        };
        let at = &name.join(text);
        if PATH_BYTES_MAX <= at.as_os_str().len() {
            return self.skip(at, PATH_TOO_LONG);
        }
        let kind = match statat(folder, entry, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(err) => return self.unreadable(at, err),
        };
        let flags = match kind {
            FileType::Symlink => return self.link(folder, entry, at),
            FileType::Directory if DEPTH_MAX <= depth => {
                return self.skip(at, "it lies too deep");
            }
            FileType::Directory => FOLDER,
            FileType::RegularFile => FILE,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                return self.skip(at, "it is no file, but a pipe, a socket or a device");
            }
        };
        let open = match openat(folder, entry, flags, Mode::empty()) {
            Ok(open) => open,
            Err(err) => return self.unreadable(at, err),
        };
        if kind.is_dir() {
            return self.walk(&open, at, depth + 1);
        }
        let file = File::from(open);
        match file.metadata() {
            Ok(meta) if meta.is_file() => self.add_untrusted(at, &file, &meta),
            Ok(_) | Err(_) => self.skip(at, "it was exchanged meanwhile"),
        }
    }

    fn link(&mut self, folder: BorrowedFd<'_>, entry: &CStr, at: &Path) -> anyhow::Result<()> {
        if !may_hold_links(at) {
            return self.skip(at, "it is a link, and none belongs there");
        }
        match readlinkat(folder, entry, Vec::new()) {
            Ok(target) => match target.to_str() {
                Ok(target) => self.add_link(at, target),
                Err(_) => self.skip(at, "what it names is no text"),
            },
            Err(err) => self.unreadable(at, err),
        }
    }
}
