//! Adds a folder that an agent may be writing to. It is walked from open folders, so that no link is
//! ever followed, whatever is exchanged meanwhile. Nothing that an agent puts there ends a backup: what
//! cannot be read, or is no file, folder or link, is left out and noted.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use super::archive::Archive;
use super::unpack::PATH_BYTES_MAX;

/// Deeper folders are left out; each level holds an open file.
const DEPTH_MAX: usize = 100;
/// Entries of one folder; their names are held in memory.
const ENTRIES_MAX: usize = 200_000;

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A pipe must not stop us until somebody writes to it.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// What is done with symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Keep,
    LeaveOut,
}

/// Adds a folder with all that is in it, if it is there. Fails only when the backup cannot be written.
pub(crate) fn add<W: Write>(
    to: &mut Archive<W>,
    folder: &Path,
    name: &Path,
    links: Links,
) -> io::Result<()> {
    to.begin_tree();
    match openat(CWD, folder, FOLDER, Mode::empty()) {
        Ok(open) => Walk { to, links }.folder(&open, name, 0),
        Err(Errno::NOENT) => Ok(()),
        Err(err) => {
            to.leave_out(name, &unreadable(err));
            Ok(())
        }
    }
}

fn unreadable(err: Errno) -> String {
    format!("it cannot be read: {}", io::Error::from(err))
}

struct Walk<'a, W: Write> {
    to: &'a mut Archive<W>,
    links: Links,
}

impl<W: Write> Walk<'_, W> {
    fn folder(&mut self, folder: &OwnedFd, name: &Path, depth: usize) -> io::Result<()> {
        let meta = folder.try_clone().and_then(|it| File::from(it).metadata());
        let (Ok(meta), Ok(entries)) = (meta, Dir::read_from(folder)) else {
            self.to.leave_out(name, "it cannot be read");
            return Ok(());
        };
        if !self.to.has_room(name, 0) {
            return Ok(());
        }
        self.to.add_folder(name, &meta)?;
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) if names.len() < ENTRIES_MAX => names.push(entry.file_name().to_owned()),
                Ok(_) => {
                    self.to.leave_out(name, "it holds too many files; some are left out");
                    break;
                }
                Err(err) => {
                    self.to.leave_out(name, &unreadable(err));
                    break;
                }
            }
        }
        names.sort();
        for entry in names {
            // Two names that are no text could become one.
            let Ok(text) = entry.to_str() else {
                let at = name.join(&*entry.to_string_lossy());
                self.to.leave_out(&at, "its name is no text");
                continue;
            };
            let at = name.join(text);
            if PATH_BYTES_MAX <= at.as_os_str().len() as u64 {
                self.to.leave_out(name, "it holds a file whose path is too long");
                continue;
            }
            self.entry(folder.as_fd(), &entry, &at, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        entry: &std::ffi::CStr,
        at: &Path,
        depth: usize,
    ) -> io::Result<()> {
        let kind = match statat(folder, entry, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return Ok(()),
            Err(err) => {
                self.to.leave_out(at, &unreadable(err));
                return Ok(());
            }
        };
        let opened = match kind {
            FileType::Directory if DEPTH_MAX <= depth => {
                self.to.leave_out(at, "it lies too deep");
                return Ok(());
            }
            FileType::Directory => openat(folder, entry, FOLDER, Mode::empty()),
            FileType::RegularFile => openat(folder, entry, FILE, Mode::empty()),
            FileType::Symlink => {
                self.link(folder, entry, at);
                return Ok(());
            }
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                self.to.leave_out(at, "it is no file, but a pipe, a socket or a device");
                return Ok(());
            }
        };
        match opened {
            Ok(open) if kind == FileType::Directory => self.folder(&open, at, depth + 1),
            // Exchanged since it was looked at, it would be something else.
            Ok(open) => {
                let file = File::from(open);
                if file.metadata().is_ok_and(|it| it.is_file()) {
                    self.to.add_untrusted(at, &file)
                } else {
                    self.to.leave_out(at, "it was exchanged meanwhile");
                    Ok(())
                }
            }
            // It went away meanwhile.
            Err(Errno::NOENT) => Ok(()),
            Err(err) => {
                self.to.leave_out(at, &unreadable(err));
                Ok(())
            }
        }
    }

    fn link(&mut self, folder: BorrowedFd<'_>, entry: &std::ffi::CStr, at: &Path) {
        if self.links == Links::LeaveOut {
            self.to.leave_out(at, "it is a link, and none belongs there");
            return;
        }
        match readlinkat(folder, entry, Vec::new()) {
            Ok(target) => match target.to_str() {
                Ok(target) if self.to.has_room(at, 0) => self.to.add_link(at, Path::new(target)),
                Ok(_) => {}
                Err(_) => self.to.leave_out(at, "what it names is no text"),
            },
            Err(err) => self.to.leave_out(at, &unreadable(err)),
        }
    }
}
