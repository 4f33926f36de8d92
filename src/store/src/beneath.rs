//! Opens and removes what lies below a folder in which an agent writes, without ever leaving that folder.
//!
//! The path is walked one name at a time from an open folder and no link is followed, so that nothing
//! that is exchanged meanwhile leads elsewhere.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

const DEPTH_MAX: usize = 8;
const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a regular file for reading; `name` may have folders in it.
pub(crate) fn open_beneath(root: &Path, name: &str) -> io::Result<File> {
    let parts: Vec<&str> = name.split('/').collect();
    let plain = |it: &&str| !matches!(*it, "" | "." | "..");
    let (last, folders) = match parts.split_last() {
        Some((last, folders)) if parts.len() <= DEPTH_MAX && parts.iter().all(plain) => {
            (last, folders)
        }
        _ => return Err(io::ErrorKind::InvalidFilename.into()),
    };
    let mut dir: OwnedFd = openat(CWD, root, FOLDER, Mode::empty())?;
    for part in folders {
        dir = openat(&dir, *part, FOLDER, Mode::empty())?;
    }
    // A pipe must not stop us here until somebody writes to it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(&dir, *last, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidFilename.into()) }
}

/// Removes a folder of the host's with all that an agent left in it. Folders may lie in each other deeper
/// than a stack reaches, or than files can be open: so each is brought to the top before it is removed.
pub(crate) fn remove_tree(root: &Path) -> io::Result<()> {
    let top = openat(CWD, root, FOLDER, Mode::empty())?;
    let mut brought: u64 = 0;
    loop {
        let mut is_empty = true;
        for name in entries(&top)? {
            let name = name?;
            is_empty = false;
            if is_removed(&top, name.file_name())? {
                continue;
            }
            let folder = openat(&top, name.file_name(), FOLDER, Mode::empty())?;
            for entry in entries(&folder)? {
                let entry = entry?;
                while !is_removed(&folder, entry.file_name())? {
                    brought += 1;
                    match renameat(&folder, entry.file_name(), &top, brought.to_string()) {
                        // The agent has something of this name there.
                        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
                        other => {
                            other?;
                            break;
                        }
                    }
                }
            }
        }
        if is_empty {
            return fs::remove_dir(root);
        }
    }
}

fn entries(
    folder: &OwnedFd,
) -> io::Result<impl Iterator<Item = rustix::io::Result<rustix::fs::DirEntry>>> {
    let is_dots = |it: &CStr| it == c"." || it == c"..";
    Ok(Dir::read_from(folder)?
        .filter(move |it| !it.as_ref().is_ok_and(|it| is_dots(it.file_name()))))
}

/// Whether it was a file, or an empty folder.
fn is_removed(folder: &OwnedFd, name: &CStr) -> io::Result<bool> {
    match unlinkat(folder, name, AtFlags::empty()) {
        // Systems differ in which.
        Err(Errno::ISDIR | Errno::PERM) => match unlinkat(folder, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            other => other.map(|()| true).map_err(io::Error::from),
        },
        other => other.map(|()| true).map_err(io::Error::from),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder_or_to_anything_but_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("in");
        fs::create_dir_all(root.join("a/b")).unwrap();
        for file in ["x", "in/x", "in/a/b/x"] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        symlink("../x", root.join("link")).unwrap();
        symlink("..", root.join("up")).unwrap();
        for name in ["x", "a/b/x"] {
            assert!(open_beneath(&root, name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a", "/x", "a//b/x", "../x", "a/../x", "./x", "link", "up/x"] {
            assert!(open_beneath(&root, name).is_err(), "{name}");
        }
    }

    #[test]
    fn folders_in_folders_have_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let at = |depth: usize| "d/".repeat(depth - 1) + "x";
        for depth in [DEPTH_MAX, DEPTH_MAX + 1] {
            let path = dir.path().join(at(depth));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert!(open_beneath(dir.path(), &at(DEPTH_MAX)).is_ok());
        assert!(open_beneath(dir.path(), &at(DEPTH_MAX + 1)).is_err());
    }

    #[test]
    fn a_tree_is_removed_however_deep_and_wide_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        for folder in ["root/b/0/1/0", "root/a", "outside"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for number in 0..20 {
            fs::create_dir_all(root.join(format!("{number}/x/y"))).unwrap();
            fs::write(root.join((20 + number).to_string()), "x").unwrap();
        }
        for file in ["root/b/x", "root/b/0/1/0/1", "root/a/0", "outside/x"] {
            fs::write(dir.path().join(file), "x").unwrap();
        }
        symlink(&outside, root.join("a/link")).unwrap();
        // Deeper than files can be open.
        let few = rustix::process::Rlimit { current: Some(64), maximum: Some(64) };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, few).unwrap();
        let mut at = openat(CWD, &root, FOLDER, Mode::empty()).unwrap();
        for _ in 0..200 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", FOLDER, Mode::empty()).unwrap();
        }
        remove_tree(&root).unwrap();
        assert!(!root.exists() && outside.join("x").exists());
        assert_eq!(remove_tree(&root).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
