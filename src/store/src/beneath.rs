//! Opens files below a folder in which an agent writes, without ever leaving that folder.
//!
//! The path is walked one name at a time from an open folder and no link is followed, so that nothing
//! that is exchanged meanwhile leads elsewhere.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

const DEPTH_MAX: usize = 8;

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
    let folder = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let mut dir: OwnedFd = openat(CWD, root, folder, Mode::empty())?;
    for part in folders {
        dir = openat(&dir, *part, folder, Mode::empty())?;
    }
    // A pipe must not stop us here until somebody writes to it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(&dir, *last, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidFilename.into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
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
}
