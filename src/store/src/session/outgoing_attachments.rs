//! Copies a file that the agent wants to send to where the agent cannot write.
//!
//! The agent owns everything below its `out` folder while this runs. So the path is walked one
//! component at a time from an open folder, no link is followed, and only a regular file of bounded
//! size is read, from the handle that was looked at.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use domain::OutSeq;
use domain::file_type::sniff;
use domain::message::FileKind;
use domain::naming::safe_file_name;
use domain::outgoing::FileOut;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::import::Copied;
use crate::StoreError;
use crate::beneath::open_beneath;
use crate::layout::{FILES, SessionLayout};

/// More than any platform takes of a bot.
const BYTES_MAX: u64 = 100 * 1024 * 1024;
/// What may wait to be sent in one session, so that no agent fills the disk.
const ALL_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// Files imported at once; more are an error of the agent.
const FILES_MAX: usize = 16;
/// Bytes at the beginning that say what a file is.
const HEAD_BYTES: usize = 512;

/// Copies files, each a path below `files/` of the agent's folder, for their messages. Doing it again
/// makes the same copies.
///
/// # Errors
/// When a copy cannot be written. What is wrong with a file of the agent's is its own result.
pub(super) fn copy_all(
    paths: &SessionLayout,
    files: &[(OutSeq, impl AsRef<str>)],
) -> Result<BTreeMap<OutSeq, Copied>, StoreError> {
    let mut room = ALL_BYTES_MAX.saturating_sub(waiting(&paths.sending(), files));
    let mut copies = BTreeMap::new();
    for (index, (seq, name)) in files.iter().enumerate() {
        let copied = if index < FILES_MAX {
            copy(paths, *seq, name.as_ref(), room)?
        } else {
            Err(format!("I sent more than {FILES_MAX} files at once"))
        };
        room -= copied.as_ref().map_or(0, |it| it.1);
        copies.insert(*seq, copied);
    }
    Ok(copies)
}

/// Bytes of all copies that wait to be sent, but for those of `files`.
fn waiting(folder: &Path, files: &[(OutSeq, impl AsRef<str>)]) -> u64 {
    let is_new = |name: &str| files.iter().any(|it| name.starts_with(&format!("{}-", it.0)));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let old = entries.filter(|it| !is_new(&it.file_name().to_string_lossy()));
    old.filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
}

fn copy(paths: &SessionLayout, seq: OutSeq, name: &str, room: u64) -> Result<Copied, StoreError> {
    let found = open_beneath(&paths.outbound_dir().join(FILES), name);
    let (file, length) = match found.and_then(|it| Ok((it.metadata()?.len(), it))) {
        Ok((length, file)) => (file, length),
        Err(err) => return Ok(Err(reason(&err))),
    };
    if BYTES_MAX < length {
        return Ok(Err(format!("it has more than {} MiB", BYTES_MAX >> 20)));
    }
    if room < length {
        return Ok(Err(format!("more than {} MiB would wait to be sent", ALL_BYTES_MAX >> 20)));
    }
    let last = name.rsplit('/').next().unwrap_or_default();
    let shown = safe_file_name(last, FileKind::Document, "", 1);
    let path = paths.sending().join(format!("{seq}-{shown}"));
    let mut head = Vec::new();
    if let Err(err) = (&file).take(HEAD_BYTES as u64).read_to_end(&mut head) {
        return Ok(Err(reason(&err)));
    }
    if let Err(err) = write(&path, &file, length)? {
        return Ok(Err(reason(&err)));
    }
    let mime = sniff(&head).unwrap_or("application/octet-stream").to_owned();
    let path = path.strip_prefix(paths.root()).unwrap_or(&path).to_owned();
    Ok(Ok((FileOut { path, name: shown, mime, caption: String::new() }, length)))
}

fn reason(err: &io::Error) -> String {
    if err.kind() == io::ErrorKind::NotFound {
        return "it is not there".to_owned();
    }
    tracing::debug!(error = %err, "a file of the agent was not taken");
    "it is no plain file within the agent's folder".to_owned()
}

/// Writes a copy of so many bytes to the disk. What fails with the original is in the inner result.
fn write(path: &Path, from: &File, length: u64) -> Result<io::Result<()>, StoreError> {
    let begin = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        File::create(path)
    };
    let to = begin().map_err(StoreError::copying)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut at = 0;
    // Holes stay holes: a file that takes no space here takes none there.
    while let Some((start, end)) = match data(from, at, length) {
        Ok(data) => data,
        Err(err) => return Ok(Err(err)),
    } {
        at = start;
        while at < end {
            let most = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
            match from.read_at(&mut buffer[..most], at) {
                // Its owner cut it off meanwhile.
                Ok(0) => return Ok(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => {
                    to.write_all_at(&buffer[..read], at).map_err(StoreError::copying)?;
                    at += read as u64;
                }
                Err(err) => return Ok(Err(err)),
            }
        }
    }
    to.set_len(length).and_then(|()| to.sync_all()).map(Ok).map_err(StoreError::copying)
}

/// Where the next bytes are that are no hole.
fn data(from: &File, at: u64, length: u64) -> io::Result<Option<(u64, u64)>> {
    if length <= at {
        return Ok(None);
    }
    match seek(from, SeekFrom::Data(at)) {
        Ok(start) if length <= start => Ok(None),
        Ok(start) => Ok(Some((start, seek(from, SeekFrom::Hole(start))?.min(length)))),
        Err(Errno::NXIO) => Ok(None),
        // Not every disk knows where its holes are.
        Err(_) => Ok(Some((at, length))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode};

    use super::*;

    fn copy(paths: &SessionLayout, seq: OutSeq, name: &str) -> Copied {
        copy_all(paths, &[(seq, name)]).unwrap().remove(&seq).unwrap()
    }

    fn rig() -> (tempfile::TempDir, SessionLayout) {
        let dir = tempfile::tempdir().unwrap();
        let paths = crate::layout::Layout::new(dir.path()).session(domain::SessionId(1));
        fs::create_dir_all(paths.outbound_dir().join(FILES).join("a")).unwrap();
        (dir, paths)
    }

    #[test]
    fn a_plain_file_is_copied_with_its_bytes() {
        let (_dir, paths) = rig();
        fs::write(paths.outbound_dir().join("files/a/b.txt"), "hello").unwrap();
        let (copied, bytes) = copy(&paths, OutSeq(3), "a/b.txt").unwrap();
        assert_eq!((copied.name.as_str(), bytes), ("b.txt", 5));
        assert_eq!(fs::read(paths.root().join(copied.path)).unwrap(), b"hello");
    }

    #[test]
    fn nothing_outside_is_ever_read() {
        let (dir, paths) = rig();
        let secret = dir.path().join("secret");
        fs::write(&secret, "key").unwrap();
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
        fs::remove_dir_all(&files).unwrap();
        symlink(dir.path(), &files).unwrap();
        assert!(copy(&paths, OutSeq(3), "secret").is_err());
    }

    #[test]
    fn holes_take_no_space_and_all_files_together_have_a_limit() {
        let (_dir, paths) = rig();
        let sparse = File::create(paths.outbound_dir().join("files/sparse")).unwrap();
        sparse.set_len(BYTES_MAX).unwrap();
        sparse.write_all_at(b"end", BYTES_MAX - 3).unwrap();
        let files: Vec<_> = (0..3).map(|n| (OutSeq(n * 2 + 1), "sparse")).collect();
        let copies = copy_all(&paths, &files).unwrap();
        let again = copy_all(&paths, &files).unwrap();
        assert_eq!(copies, again);
        let taken: Vec<_> = copies.values().map(Result::is_ok).collect();
        assert_eq!(taken, [true, true, false]);
        let copy = &copies[&OutSeq(1)].as_ref().unwrap().0;
        let meta = fs::metadata(paths.root().join(&copy.path)).unwrap();
        assert_eq!(meta.len(), BYTES_MAX);
        assert!(std::os::unix::fs::MetadataExt::blocks(&meta) < 1_000, "{meta:?}");
        let mut end = [0; 3];
        let copied = File::open(paths.root().join(&copy.path)).unwrap();
        copied.read_exact_at(&mut end, BYTES_MAX - 3).unwrap();
        assert_eq!(&end, b"end");
        // What waits already counts, also in the next import.
        let later = copy_all(&paths, &[(OutSeq(9), "sparse")]).unwrap();
        assert!(later[&OutSeq(9)].is_err());
    }

    #[test]
    fn only_so_many_files_are_taken_at_once() {
        let (_dir, paths) = rig();
        fs::write(paths.outbound_dir().join("files/x"), "x").unwrap();
        let files: Vec<_> = (0..20).map(|n| (OutSeq(n * 2 + 1), "x")).collect();
        let copies = copy_all(&paths, &files).unwrap();
        assert_eq!(copies.values().filter(|it| it.is_ok()).count(), FILES_MAX);
    }

    #[test]
    fn a_full_disk_is_no_fault_of_the_file() {
        // A device that has no space left, whatever is written to it.
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let (_dir, paths) = rig();
        fs::write(paths.outbound_dir().join("files/x"), "x").unwrap();
        fs::create_dir_all(paths.sending()).unwrap();
        symlink(full, paths.sending().join("3-x")).unwrap();
        let copied = copy_all(&paths, &[(OutSeq(3), "x")]);
        assert!(matches!(copied, Err(StoreError::Full { .. })), "{copied:?}");
    }
}
