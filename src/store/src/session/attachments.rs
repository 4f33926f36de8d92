//! Files that came with messages: fetched one after another, then shown to the agent by their path. And
//! files that the agent sends: copied to where it cannot write.
//!
//! The agent owns everything below its `out` folder meanwhile. So the path is walked one component at a
//! time from an open folder, no link is followed, and only a regular file of bounded size is read, from the
//! handle that was looked at.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use domain::file_type::sniff;
use domain::message::{Address, Admitted, Attachment, FILES_MAX, FileKind};
use domain::naming::safe_file_name;
use domain::outgoing::FileOut;
use domain::texts::asides::WHOLE;
use domain::time::Timestamp;
use domain::{MessageSeq, OutSeq};
use rusqlite::params;

use super::{Scope, SessionRows, files};
use crate::beneath::open_beneath;
use crate::layout::{FILES, SessionLayout};
use crate::row::{enum_column, row, run};
use crate::{Result, StoreError};

/// A file that is still at its platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFile {
    pub message: MessageSeq,
    pub ordinal: u32,
    /// The chat that it came in.
    pub from: Address,
    pub attachment: Attachment,
    pub tries: u32,
}

row!(PendingFile { message, ordinal, from, attachment, tries });

enum_column!(FileKind);
row!(Attachment { kind, name, mime, bytes, source, is_quoted });

/// How a try to fetch a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It lies at this path within the folder of the mailboxes, and is of this type.
    Here {
        path: String,
        name: String,
        mime: String,
        bytes: u64,
    },
    Later {
        at: Timestamp,
    },
    Failed {
        why: String,
    },
}

/// Of a context message they are fetched once a message for the agent shows them.
pub(super) fn insert(
    tx: Scope<'_>,
    message: MessageSeq,
    (admitted, sender): (&Admitted, &str),
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO attachment (session, message, ordinal, kind, name, mime, bytes, source,
                   quoted, state, reason)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, iif(?10 IS NULL, 'pending', 'failed'), ?10)";
    for (ordinal, file) in (0_i64..).zip(&admitted.message.files) {
        let reason = files::reason(tx, (admitted, sender), now)?;
        let bytes = file.bytes.and_then(|it| i64::try_from(it).ok());
        let (kind, of) = (file.kind.as_str(), (tx.session, message.0));
        let said = (&file.name, &file.mime, &file.source);
        let (name, mime, source) = said;
        let is_quoted = file.is_quoted;
        let values =
            params![of.0, of.1, ordinal, kind, name, mime, bytes, source, is_quoted, reason];
        run(&tx, sql, values)?;
    }
    Ok(())
}

impl SessionRows<'_> {
    /// The next file to fetch, whenever it may be tried: `(when, which)`.
    pub(crate) fn next_file(&self) -> Result<Option<(Timestamp, PendingFile)>> {
        let sql = "SELECT f.retry_at, f.message, f.ordinal, m.channel, m.account, m.chat, m.thread,
                          f.kind, f.name, f.mime, f.bytes, f.source, f.quoted, f.tries
                   FROM attachment f
                   JOIN message m ON m.session = f.session AND m.seq = f.message
                   WHERE f.session = ?1 AND f.state = 'pending'
                   ORDER BY f.retry_at, f.message, f.ordinal LIMIT 1";
        self.one("read the files to fetch", sql, [self.scope.session])
    }

    /// Writes down how a try ended. Returns whether the file is still wanted; of one that is not nothing is to
    /// stay.
    pub fn fetched(&self, file: &PendingFile, how: &Fetched) -> Result<bool> {
        let (state, path, named, kept_bytes, retry_at, why) = match how {
            Fetched::Here { path, name, mime, bytes } => {
                ("here", Some(path), Some((name, mime)), i64::try_from(*bytes).ok(), None, None)
            }
            Fetched::Later { at } => ("pending", None, None, None, Some(at.0), None),
            Fetched::Failed { why } => ("failed", None, None, None, None, Some(why)),
        };
        let (name, mime) = named.unzip();
        let sql = "UPDATE attachment SET state = ?4, path = ?5, name = coalesce(?6, name),
                       mime = coalesce(?7, mime), bytes = iif(?4 = 'here', ?8, bytes),
                       tries = tries + (?4 = 'pending'), retry_at = coalesce(?9, retry_at),
                       reason = ?10
                   WHERE session = ?1 AND message = ?2 AND ordinal = ?3 AND state = 'pending'";
        let (session, message, ordinal) = (self.scope.session, file.message.0, file.ordinal);
        let values =
            params![session, message, ordinal, state, path, name, mime, kept_bytes, retry_at, why];
        Ok(self.run("a file", sql, values)? == 1)
    }
}

/// A file of a message, copied to where only the host writes, with its size in bytes; or why it cannot
/// be sent.
pub(crate) type Copied = Result<(FileOut, u64), String>;

/// More than any platform takes of a bot.
const BYTES_MAX: u64 = 100 * 1024 * 1024;
/// What may wait to be sent in one session, so that no agent fills the disk.
const ALL_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// Bytes at the beginning that say what a file is.
const HEAD_BYTES: usize = 512;
/// Bytes that are copied at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Copies files, each a path below `files/` of the agent's folder, for their messages, in their order. Doing
/// it again makes the same copies.
///
/// # Errors
/// When a copy cannot be written. What is wrong with a file of the agent's is its own result.
pub(super) fn copy_all(
    paths: &SessionLayout,
    files: &[(OutSeq, impl AsRef<str>)],
) -> Result<BTreeMap<OutSeq, Vec<Copied>>> {
    let mut room = ALL_BYTES_MAX.saturating_sub(waiting(&paths.sending(), files));
    let mut copies = BTreeMap::<_, Vec<_>>::new();
    for (index, (seq, name)) in files.iter().enumerate() {
        let copies = copies.entry(*seq).or_default();
        let copied = if index < FILES_MAX {
            copy(paths, &format!("{seq}-{}", copies.len()), name.as_ref(), &mut room)?
        } else {
            Err(format!("I sent more than {FILES_MAX} files at once"))
        };
        copies.push(copied);
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

/// Shorter texts are never files: eight parts of the platform with the shortest ones take them.
pub(super) const FILE_TEXT_MIN: usize = 12 * 1024;

/// Writes texts of the agent's as files, each the whole of its message, beside the copies of its own
/// files. Doing it again writes the same.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_all(
    paths: &SessionLayout,
    texts: &[(OutSeq, String)],
    copies: &mut BTreeMap<OutSeq, Vec<Copied>>,
) -> Result<()> {
    let mut room = ALL_BYTES_MAX.saturating_sub(waiting(&paths.sending(), texts));
    for (seq, text) in texts {
        // One for which there is no room goes out in parts.
        let Some(left) = room.checked_sub(text.len() as u64) else { continue };
        room = left;
        let path = paths.sending().join(format!("{seq}-{WHOLE}"));
        let write = || {
            fs::create_dir_all(paths.sending())?;
            let mut file = File::create(&path)?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all())
        };
        write().map_err(StoreError::copying)?;
        let path = path.strip_prefix(paths.root()).unwrap_or(&path).to_owned();
        let (name, mime) = (WHOLE.to_owned(), "text/markdown".to_owned());
        let file = FileOut { path, name, mime, caption: String::new() };
        copies.insert(*seq, vec![Ok((file, text.len() as u64))]);
    }
    Ok(())
}

/// Takes its length off `room`, also where its owner spoils the copy: who does so gains nothing.
fn copy(paths: &SessionLayout, unique: &str, name: &str, room: &mut u64) -> Result<Copied> {
    let found = open_beneath(&paths.outbound_dir().join(FILES), name);
    let (file, length) = match found.and_then(|it| Ok((it.metadata()?.len(), it))) {
        Ok((length, file)) => (file, length),
        Err(err) => return Ok(Err(reason(&err))),
    };
    if BYTES_MAX < length {
        return Ok(Err(format!("it has more than {} MiB", BYTES_MAX >> 20)));
    }
    let Some(left) = room.checked_sub(length) else {
        return Ok(Err(format!("more than {} MiB would wait to be sent", ALL_BYTES_MAX >> 20)));
    };
    *room = left;
    let last = name.rsplit('/').next().unwrap_or_default();
    let shown = safe_file_name(last, FileKind::Document, "", 1);
    let path = paths.sending().join(format!("{unique}-{shown}"));
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
fn write(path: &Path, from: &File, length: u64) -> Result<io::Result<()>> {
    let begin = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        File::create(path)
    };
    let to = begin().map_err(StoreError::copying)?;
    let (mut buffer, zeros) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    for at in (0..length).step_by(BLOCK_BYTES) {
        let most = usize::try_from(length - at).map_or(BLOCK_BYTES, |it| it.min(BLOCK_BYTES));
        let block = &mut buffer[..most];
        // It fails where its owner cut it off meanwhile; nothing of it stays then.
        if let Err(err) = from.read_exact_at(block, at) {
            fs::remove_file(path).map_err(StoreError::copying)?;
            return Ok(Err(err));
        }
        // Holes stay holes: a file that takes no space here takes none there.
        if *block != zeros[..most] {
            to.write_all_at(block, at).map_err(StoreError::copying)?;
        }
    }
    to.set_len(length).and_then(|()| to.sync_all()).map(Ok).map_err(StoreError::copying)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode};

    use super::*;

    fn copy(paths: &SessionLayout, seq: OutSeq, name: &str) -> Copied {
        copy_all(paths, &[(seq, name)]).unwrap().remove(&seq).unwrap().remove(0)
    }

    #[test]
    fn of_a_file_that_is_cut_off_during_the_copy_nothing_stays() {
        let (dir, paths) = rig();
        let (from, to) = (paths.outbound_dir().join(FILES).join("a/cut"), dir.path().join("copy"));
        let length = 2 * BLOCK_BYTES as u64;
        fs::write(&from, vec![1; 2 * BLOCK_BYTES - 1]).unwrap();
        assert!(write(&to, &File::open(&from).unwrap(), length).unwrap().is_err());
        assert!(!to.exists());
        let mut room = length;
        super::copy(&paths, "3-0", "a/cut", &mut room).unwrap().unwrap();
        assert_eq!(room, 1);
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
        let taken: Vec<_> = copies.values().map(|it| it[0].is_ok()).collect();
        assert_eq!(taken, [true, true, false]);
        let copy = &copies[&OutSeq(1)][0].as_ref().unwrap().0;
        let meta = fs::metadata(paths.root().join(&copy.path)).unwrap();
        assert_eq!(meta.len(), BYTES_MAX);
        assert!(std::os::unix::fs::MetadataExt::blocks(&meta) < 1_000, "{meta:?}");
        let mut end = [0; 3];
        let copied = File::open(paths.root().join(&copy.path)).unwrap();
        copied.read_exact_at(&mut end, BYTES_MAX - 3).unwrap();
        assert_eq!(&end, b"end");
        // What waits already counts, also in the next import.
        let later = copy_all(&paths, &[(OutSeq(9), "sparse")]).unwrap();
        assert!(later[&OutSeq(9)][0].is_err());
    }

    #[test]
    fn only_so_many_files_are_taken_at_once() {
        let (_dir, paths) = rig();
        fs::write(paths.outbound_dir().join("files/x"), "x").unwrap();
        let files: Vec<_> = (0..20).map(|n| (OutSeq(n * 2 + 1), "x")).collect();
        let copies = copy_all(&paths, &files).unwrap();
        assert_eq!(copies.values().filter(|it| it[0].is_ok()).count(), FILES_MAX);
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
        symlink(full, paths.sending().join("3-0-x")).unwrap();
        let copied = copy_all(&paths, &[(OutSeq(3), "x")]);
        assert!(matches!(copied, Err(StoreError::Full { .. })), "{copied:?}");
    }
}
