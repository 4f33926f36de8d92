//! Makes a backup.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;
use domain::time::Timestamp;
use domain::{AgentName, SessionId};
use store::copies::{contents, copy_database};
use store::layout::{FILES, Layout, SessionLayout};
use vault::seal::Key;

use super::archive::{Archive, Limits, TooLarge};
use super::tree::{self, Links};
use super::{CENTRAL, FORMAT, HEAD, Head, KEY, LeftOut};
use crate::error::{Hint, fail};
use crate::term;

/// What one agent may have of the whole, as a divisor.
const TREE_SHARE: u64 = 4;
/// Free space that a backup leaves to the host.
const RESERVE_MIB: u64 = 1024;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) sessions: usize,
    pub(crate) bytes: u64,
    /// Files that changed while they were read.
    pub(crate) changed: usize,
    /// What is not in it: how much, and the first of it.
    pub(crate) left_out: (usize, Vec<LeftOut>),
}

/// What goes into a backup beside the data.
#[derive(Debug)]
pub(crate) struct With<'a> {
    /// Authenticates the backup.
    pub(crate) key: &'a Key,
    /// The same, sealed with a passphrase, if it goes along.
    pub(crate) sealed: Option<&'a [u8]>,
    /// The most that the whole may take.
    pub(crate) bytes_max: u64,
}

/// Makes the backup `file`.
///
/// # Errors
/// When a database of the host cannot be read, the backup would be too large, or the disk is full;
/// then nothing is left behind.
pub(crate) fn create(
    layout: &Layout,
    file: &Path,
    with: &With<'_>,
    force: bool,
    now: Timestamp,
) -> anyhow::Result<Made> {
    if !force && fs::symlink_metadata(file).is_ok() {
        return Err(exists(file));
    }
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the file, so that it can be renamed; removed however this ends.
    let scratch = tempfile::Builder::new()
        .prefix(".nanoclaw-backup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(folder)
        .with_context(|| format!("nothing can be written in {}", folder.display()))
        .hint("name a file in a folder of yours")?;
    let half = scratch.path().join("half");
    let mut options = fs::OpenOptions::new();
    let open = options.write(true).create_new(true).mode(0o600).open(&half);
    let to = open.with_context(|| format!("could not write {}", half.display()))?;
    let free = crate::home::free_mib(folder)?.saturating_sub(RESERVE_MIB) * 1024 * 1024;
    let with = With { bytes_max: with.bytes_max.min(free), ..*with };
    let written = write(layout, io::BufWriter::new(to), scratch.path(), &with, now);
    let (to, made) = written.map_err(explain)?;
    let to = to.into_inner().map_err(io::IntoInnerError::into_error);
    to.and_then(|it| it.sync_all()).context("the backup could not be written to the disk")?;
    put(&half, file, force)?;
    File::open(folder)?.sync_all().context("the folder could not be written to the disk")?;
    Ok(made)
}

fn explain(err: anyhow::Error) -> anyhow::Error {
    let is_large = |it: &io::Error| it.get_ref().is_some_and(|it| it.is::<TooLarge>());
    if err.chain().filter_map(|it| it.downcast_ref()).any(is_large) {
        let hint = "make room on that disk, remove what agents do not need (`du -sh` in `agents` and \
                    `sessions` of the data directory), or allow more with `--max-gb`";
        return fail(format!("{err:#}"), hint);
    }
    err
}

fn put(half: &Path, file: &Path, force: bool) -> anyhow::Result<()> {
    if force {
        if fs::symlink_metadata(file).is_ok_and(|it| !it.is_file()) {
            return Err(fail(format!("{} is no file", file.display()), "name another file"));
        }
        return fs::rename(half, file).context("the backup could not be put in its place");
    }
    // A link fails where a file came up meanwhile.
    match fs::hard_link(half, file) {
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Err(exists(file)),
        // Not every disk has links.
        Err(_) => fs::rename(half, file).context("the backup could not be put in its place"),
        Ok(()) => Ok(()),
    }
}

fn exists(file: &Path) -> anyhow::Error {
    fail(format!("{} is there already", file.display()), "name another file, or say `--force`")
}

/// Writes the whole backup; copies of databases pass through `scratch`, one at a time.
pub(crate) fn write<W: Write>(
    layout: &Layout,
    to: W,
    scratch: &Path,
    with: &With<'_>,
    now: Timestamp,
) -> anyhow::Result<(W, Made)> {
    let limits = Limits { total: with.bytes_max, tree: with.bytes_max / TREE_SHARE };
    let told = |bytes: u64| progress(&format!("{} MB", bytes / 1_000_000));
    let mut copies = Copies { to: Archive::new(to, limits, told) };
    let central = scratch.join(CENTRAL);
    copy_database(&layout.central(), &central)?;
    let contents = contents(&central)?;
    let head = Head {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: now.0,
        install: contents.install.unwrap_or_default(),
        with_key: with.sealed.is_some(),
    };
    copies.to.add_bytes(HEAD, &serde_json::to_vec(&head)?)?;
    copies.to.add_file(Path::new(CENTRAL), &File::open(&central)?)?;
    fs::remove_file(&central)?;
    if let Some(sealed) = with.sealed {
        copies.to.add_bytes(KEY, sealed)?;
    }
    let all = contents.sessions.len();
    for (index, session) in contents.sessions.iter().enumerate() {
        copies.session(&layout.session(*session), *session)?;
        progress(&format!("{} of {all} sessions, {} MB", index + 1, copies.to.bytes() / 1_000_000));
    }
    copies.workspaces(&layout.home().join("agents"))?;
    let bytes = copies.to.bytes();
    let (mut to, manifest) = copies.to.finish(with.key)?;
    let changed = manifest.members.iter().filter(|it| it.changed).count();
    let left_out = (manifest.left_out_count, manifest.left_out);
    to.flush()?;
    progress_done();
    Ok((to, Made { sessions: all, bytes, changed, left_out }))
}

fn progress(text: &str) {
    if term::notes_are_seen() {
        term::note_piece(&format!("\r{text}\x1b[K"));
    }
}

fn progress_done() {
    if term::notes_are_seen() {
        term::note_piece("\r\x1b[K");
    }
}

struct Copies<W: Write> {
    to: Archive<W>,
}

impl<W: Write> Copies<W> {
    fn session(&mut self, paths: &SessionLayout, id: SessionId) -> anyhow::Result<()> {
        let name = Path::new("sessions").join(id.to_string());
        self.to.begin_tree();
        tree::add(&mut self.to, &paths.files_in(), &name.join("in").join(FILES), Links::LeaveOut)?;
        tree::add(&mut self.to, &paths.sending(), &name.join("sending"), Links::LeaveOut)?;
        Ok(tree::add(&mut self.to, &paths.home(), &name.join("home"), Links::Keep)?)
    }

    /// Each workspace has a share of its own.
    fn workspaces(&mut self, folder: &Path) -> anyhow::Result<()> {
        let mut names = match fs::read_dir(folder) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(err.into()),
        };
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            let name = Path::new("agents").join(entry.file_name());
            if entry.file_name().to_str().is_some_and(|it| AgentName::parse(it).is_ok()) {
                tree::add(&mut self.to, &entry.path(), &name, Links::Keep)?;
            } else {
                self.to.leave_out(&name, "it is no workspace of an agent");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full after so many bytes.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error_wherever_it_strikes() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("home"));
        drop(crate::home::central(&layout).unwrap());
        fs::create_dir_all(layout.home().join("agents/a")).unwrap();
        fs::write(layout.home().join("agents/a/x"), "x").unwrap();
        let with = With { key: &Key::generate(), sealed: None, bytes_max: 1 << 40 };
        let size = {
            let scratch = tempfile::tempdir().unwrap();
            write(&layout, Vec::new(), scratch.path(), &with, Timestamp(0)).unwrap().0.len()
        };
        for bytes in [0, 600, size / 2, size - 1] {
            let scratch = tempfile::tempdir().unwrap();
            let done = write(&layout, Full(bytes), scratch.path(), &with, Timestamp(0));
            assert!(done.is_err(), "{bytes} of {size}");
        }
    }
}
