//! Adds a folder that an agent may be writing to. It is walked from open folders, so that no link is
//! ever followed, whatever is exchanged meanwhile; pipes and sockets are left out.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use super::archive::Archive;

/// Deeper folders are left out; each level holds an open file.
const DEPTH_MAX: usize = 100;

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A pipe must not stop us until somebody writes to it.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Adds a folder with all that is in it, if it is there.
pub(crate) fn add<W: Write>(to: &mut Archive<W>, folder: &Path, name: &Path) -> io::Result<()> {
    match openat(CWD, folder, FOLDER, Mode::empty()) {
        Ok(open) => walk(to, open, name, 0),
        Err(Errno::NOENT) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

fn walk<W: Write>(
    to: &mut Archive<W>,
    folder: OwnedFd,
    name: &Path,
    depth: usize,
) -> io::Result<()> {
    let folder = File::from(folder);
    to.add_folder(name, &folder.metadata()?)?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    for entry in names {
        let at = name.join(Path::new(std::ffi::OsStr::new(&*entry.to_string_lossy())));
        match one(to, folder.as_fd(), &entry, &at, depth) {
            // It went away meanwhile.
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

fn one<W: Write>(
    to: &mut Archive<W>,
    folder: std::os::fd::BorrowedFd<'_>,
    entry: &std::ffi::CStr,
    at: &Path,
    depth: usize,
) -> io::Result<()> {
    let kind = statat(folder, entry, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
    match FileType::from_raw_mode(kind) {
        FileType::Directory if depth < DEPTH_MAX => {
            walk(to, openat(folder, entry, FOLDER, Mode::empty())?, at, depth + 1)
        }
        FileType::RegularFile => {
            let file = File::from(openat(folder, entry, FILE, Mode::empty())?);
            if file.metadata()?.is_file() { to.add_file(at, file) } else { Ok(()) }
        }
        FileType::Symlink => {
            let target = readlinkat(folder, entry, Vec::new())?;
            to.add_link(at, Path::new(std::ffi::OsStr::new(&*target.to_string_lossy())));
            Ok(())
        }
        FileType::Directory
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Ok(()),
    }
}
