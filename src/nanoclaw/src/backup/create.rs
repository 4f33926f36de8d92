//! Makes a backup.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::AgentName;
use domain::time::Timestamp;
use store::copies::{contents, copy_database};
use store::layout::{FILES, KEPT, Layout, RATCHET};
use tempfile::NamedTempFile;
use vault::seal::Key;

use super::archive::Archive;
use super::sparse::Sparse;
use super::{CENTRAL, FORMAT, HEAD, Head, KEY, Manifest, scratch};
use crate::error::{Hint, fail};
use crate::term;

/// Free space that a backup leaves to the host.
const RESERVE_MIB: u64 = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) sessions: usize,
    pub(crate) bytes: u64,
    /// Files that changed while they were read.
    pub(crate) changed: usize,
    pub(crate) manifest: Manifest,
}

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
/// Fails when a database of the host cannot be read, the backup would be too large, or the disk is full;
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
    // Beside the file, so that it can be renamed.
    let scratch = scratch(folder).hint("name a file in a folder of yours")?;
    let half = NamedTempFile::new_in(&scratch).context("the backup could not be begun")?;
    let mut to = io::BufWriter::new(half.as_file());
    let free = crate::home::free_mib(folder)?.saturating_sub(RESERVE_MIB) * 1024 * 1024;
    let with = With { bytes_max: with.bytes_max.min(free), ..*with };
    let made = write(layout, &mut to, scratch.path(), &with, now)?;
    let synced = to.flush().and_then(|()| half.as_file().sync_all());
    synced.context("the backup could not be written to the disk")?;
    drop(to);
    put(half, file, force)?;
    File::open(folder)?.sync_all().context("the folder could not be written to the disk")?;
    Ok(made)
}

fn put(mut half: NamedTempFile, file: &Path, force: bool) -> anyhow::Result<()> {
    if !force {
        match half.persist_noclobber(file) {
            Ok(_) => return Ok(()),
            Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(exists(file));
            }
            // Not every disk can do that.
            Err(err) => half = err.file,
        }
    } else if fs::symlink_metadata(file).is_ok_and(|it| !it.is_file()) {
        return Err(fail(format!("{} is no file", file.display()), "name another file"));
    }
    half.persist(file).map(drop).context("the backup could not be put in its place")
}

fn exists(file: &Path) -> anyhow::Error {
    fail(format!("{} is there already", file.display()), "name another file, or say `--force`")
}

/// Writes the whole backup; a copy of the database passes through `scratch`.
fn write(
    layout: &Layout,
    to: &mut dyn Write,
    scratch: &Path,
    with: &With<'_>,
    now: Timestamp,
) -> anyhow::Result<Made> {
    let mut to = Archive::new(to, with.bytes_max);
    let central = scratch.join(CENTRAL);
    copy_database(&layout.central(), &central)?;
    let contents = contents(&central)?;
    let head =
        Head { format: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), created_at: now.0 };
    to.add_bytes(HEAD, &serde_json::to_vec(&head)?)?;
    let (file, meta) = (File::open(&central)?, fs::metadata(&central)?);
    to.add_data(Path::new(CENTRAL), &file, &meta, &Sparse::dense(meta.len()))?;
    fs::remove_file(&central)?;
    if let Some(sealed) = with.sealed {
        to.add_bytes(KEY, sealed)?;
    }
    for (channel, name) in &contents.accounts {
        account(&mut to, &layout.account(channel, name), scratch, (channel, name))?;
    }
    let sessions = contents.sessions.len();
    for (index, id) in contents.sessions.iter().enumerate() {
        let (paths, name) = (layout.session(*id), Path::new("sessions").join(id.to_string()));
        to.add_tree(&paths.files_in(), &name.join("in").join(FILES))?;
        to.add_tree(&paths.sending(), &name.join("sending"))?;
        to.add_tree(&paths.home(), &name.join("home"))?;
        let mb = to.bytes / 1_000_000;
        term::rewrite(&format!("{} of {sessions} sessions, {mb} MB", index + 1));
    }
    workspaces(&mut to, &layout.home().join("agents"))?;
    let changed = to.changed;
    let (manifest, bytes) = to.finish(with.key)?;
    term::rewrite("");
    Ok(Made { sessions, bytes, changed, manifest })
}

/// What an adapter keeps; its databases are copied while it writes them.
fn account(
    to: &mut Archive<'_>,
    folder: &Path,
    scratch: &Path,
    (channel, account): (&str, &str),
) -> anyhow::Result<()> {
    let name = Path::new("channels").join(channel).join(account);
    if folder.join(RATCHET).is_dir() {
        let again = format!(
            "it must not go back in time: after a restore, link the account again with \
             `nanoclaw channels add {channel} --name {account}`"
        );
        to.leave_out(&name.join(RATCHET), &again);
    }
    let kept = folder.join(KEPT);
    if !kept.is_dir() {
        return Ok(());
    }
    let copy = tempfile::tempdir_in(scratch)?;
    let mut left_out = Vec::new();
    copy_kept(&kept, copy.path(), &mut left_out)
        .with_context(|| format!("{} cannot be copied", kept.display()))?;
    for path in left_out {
        let inside = path.strip_prefix(folder).unwrap_or(&path);
        to.leave_out(&name.join(inside), "it is no file and no folder, which an adapter may keep");
    }
    to.add_tree(copy.path(), &name.join(KEPT))
}

fn copy_kept(from: &Path, to: &Path, left_out: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_kept(&path, &target, left_out)?;
        } else if !kind.is_file() {
            left_out.push(path);
        } else if is_database(&path) {
            copy_database(&path, &target)?;
        } else if !is_beside_database(&path) {
            match fs::copy(&path, &target) {
                // Removed meanwhile.
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                copied => drop(copied?),
            }
        }
    }
    Ok(())
}

fn is_database(path: &Path) -> bool {
    let mut head = [0; 16];
    File::open(path).and_then(|mut it| it.read_exact(&mut head)).is_ok()
        && head == *b"SQLite format 3\0"
}

/// Whether a file is the journal of a database, which the copy has in it.
fn is_beside_database(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let of = ["-wal", "-shm", "-journal"].iter().find_map(|it| name.strip_suffix(it));
    of.is_some_and(|it| is_database(Path::new(it)))
}

fn workspaces(to: &mut Archive<'_>, folder: &Path) -> anyhow::Result<()> {
    let mut names = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(err.into()),
    };
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let name = Path::new("agents").join(entry.file_name());
        if entry.file_name().to_str().is_some_and(|it| AgentName::parse(it).is_ok()) {
            to.add_tree(&entry.path(), &name)?;
        } else {
            to.leave_out(&name, "it is no workspace of an agent");
        }
    }
    Ok(())
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
    fn headers_and_long_names_count_as_part_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("home"));
        drop(crate::home::make(&layout).unwrap());
        let workspace = layout.home().join("agents/a");
        fs::create_dir_all(&workspace).unwrap();
        for bytes in [1, 86, 87, 91, 92, 250] {
            fs::write(workspace.join("x".repeat(bytes)), "x").unwrap();
        }
        File::create(workspace.join("holes")).unwrap().set_len(1 << 30).unwrap();
        let (key, scratch) = (Key::generate(), tempfile::tempdir().unwrap());
        let mut whole = Vec::new();
        let with = With { key: &key, sealed: None, bytes_max: 1 << 40 };
        let made = write(&layout, &mut whole, scratch.path(), &with, Timestamp(0)).unwrap();
        // A tar file ends with two empty blocks.
        assert_eq!(made.bytes, whole.len() as u64 - 1_024);
        let with = With { bytes_max: made.bytes - 1, ..with };
        write(&layout, &mut io::sink(), scratch.path(), &with, Timestamp(0)).unwrap_err();
    }

    #[test]
    fn a_full_disk_is_an_error_wherever_it_strikes() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("home"));
        drop(crate::home::make(&layout).unwrap());
        fs::create_dir_all(layout.home().join("agents/a")).unwrap();
        fs::write(layout.home().join("agents/a/x"), "x").unwrap();
        let with = With { key: &Key::generate(), sealed: None, bytes_max: 1 << 40 };
        let scratch = tempfile::tempdir().unwrap();
        let mut whole = Vec::new();
        write(&layout, &mut whole, scratch.path(), &with, Timestamp(0)).unwrap();
        let size = whole.len();
        for bytes in [0, 600, size / 2, size - 1] {
            let scratch = tempfile::tempdir().unwrap();
            let done = write(&layout, &mut Full(bytes), scratch.path(), &with, Timestamp(0));
            assert!(done.is_err(), "{bytes} of {size}");
        }
    }
}
