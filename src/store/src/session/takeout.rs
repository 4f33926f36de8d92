//! Copies a file that the agent wants to send to where the agent cannot write.
//!
//! The agent owns everything below its `out` folder while this runs. So the path is walked one
//! component at a time from an open folder, no link is followed, and only a regular file of bounded
//! size is read, from the handle that was looked at.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use domain::OutSeq;
use domain::file_type::sniff;
use domain::message::FileKind;
use domain::naming::safe_file_name;
use domain::outgoing::FileOut;

use crate::beneath::open_beneath;
use crate::inbound::Copied;
use crate::layout::{FILES, SessionLayout};

/// More than any platform takes of a bot.
const BYTES_MAX: u64 = 100 * 1024 * 1024;
/// Bytes at the beginning that say what a file is.
const HEAD_BYTES: usize = 512;

/// Copies `name`, a path below `files/` of the agent's folder, for the message `seq`. Doing it again
/// makes the same copy.
pub(super) fn copy(paths: &SessionLayout, seq: OutSeq, name: &str) -> Copied {
    let found = open_beneath(&paths.outbound_dir().join(FILES), name);
    let file = found.map_err(|err| reason(&err))?;
    let length = file.metadata().map_err(|err| reason(&err))?.len();
    if BYTES_MAX < length {
        return Err(format!("it has more than {} MiB", BYTES_MAX >> 20));
    }
    let last = name.rsplit('/').next().unwrap_or_default();
    let shown = safe_file_name(last, FileKind::Document, "", 1);
    let folder = paths.sending();
    let path = folder.join(format!("{seq}-{shown}"));
    let head = write(&folder, &path, file).map_err(|err| reason(&err))?;
    let mime = sniff(&head).map_or("application/octet-stream", |it| it.0);
    let relative = path.strip_prefix(paths.root()).unwrap_or(&path).to_owned();
    let mime = mime.to_owned();
    Ok((FileOut { path: relative, name: shown, mime, caption: String::new() }, length))
}

fn reason(err: &io::Error) -> String {
    if err.kind() == io::ErrorKind::NotFound {
        return "it is not there".to_owned();
    }
    tracing::debug!(error = %err, "a file of the agent was not taken");
    "it is no plain file within the agent's folder".to_owned()
}

/// Returns the first bytes.
fn write(folder: &Path, path: &Path, from: File) -> io::Result<Vec<u8>> {
    std::fs::create_dir_all(folder)?;
    let mut to = File::create(path)?;
    let mut from = from.take(BYTES_MAX);
    let mut head = Vec::new();
    { &mut from }.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    io::Write::write_all(&mut to, &head)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode};

    use super::*;

    fn rig() -> (tempfile::TempDir, SessionLayout) {
        let dir = tempfile::tempdir().unwrap();
        let paths = crate::layout::Layout::new(dir.path()).session(domain::SessionId(1));
        std::fs::create_dir_all(paths.outbound_dir().join(FILES).join("a")).unwrap();
        (dir, paths)
    }

    #[test]
    fn a_plain_file_is_copied_with_its_bytes() {
        let (_dir, paths) = rig();
        std::fs::write(paths.outbound_dir().join("files/a/b.txt"), "hello").unwrap();
        let (copied, bytes) = copy(&paths, OutSeq(3), "a/b.txt").unwrap();
        assert_eq!((copied.name.as_str(), bytes), ("b.txt", 5));
        assert_eq!(std::fs::read(paths.root().join(copied.path)).unwrap(), b"hello");
    }

    #[test]
    fn nothing_outside_is_ever_read() {
        let (dir, paths) = rig();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "key").unwrap();
        let files = paths.outbound_dir().join(FILES);
        symlink(&secret, files.join("link")).unwrap();
        symlink(dir.path(), files.join("folder")).unwrap();
        rustix::fs::mkfifoat(CWD, files.join("pipe"), Mode::RUSR).unwrap();
        for name in [
            "link",
            "folder/secret",
            "../../../secret",
            "/etc/passwd",
            "a/../../x",
            "",
            "a",
            "pipe",
        ] {
            assert!(copy(&paths, OutSeq(3), name).is_err(), "{name}");
        }
        std::fs::remove_dir_all(&files).unwrap();
        symlink(dir.path(), &files).unwrap();
        assert!(copy(&paths, OutSeq(3), "secret").is_err());
    }
}
