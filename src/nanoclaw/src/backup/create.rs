//! Makes a backup.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::SessionId;
use domain::time::Timestamp;
use store::StoreError;
use store::copies::{contents, copy_database, copy_outbound};
use store::layout::{FILES, Layout, OUTBOUND, SessionLayout};

use super::archive::Archive;
use super::{CENTRAL, FORMAT, HEAD, Head, KEY, tree};
use crate::error::{Hint, fail};
use crate::term;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) sessions: usize,
    pub(crate) bytes: u64,
    /// Files that changed while they were read.
    pub(crate) changed: usize,
    /// Databases of runners that could not be read, and why.
    pub(crate) left_out: Vec<String>,
}

/// Makes the backup `file`. `key` is the sealed master key, if it goes along.
///
/// # Errors
/// When something cannot be read, or the disk is full; then nothing is left behind.
pub(crate) fn create(
    layout: &Layout,
    file: &Path,
    key: Option<&[u8]>,
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
        .tempdir_in(folder)
        .with_context(|| format!("nothing can be written in {}", folder.display()))
        .hint("name a file in a folder of yours")?;
    let half = scratch.path().join("half");
    let mut options = fs::OpenOptions::new();
    let open = options.write(true).create_new(true).mode(0o600).open(&half);
    let to = open.with_context(|| format!("could not write {}", half.display()))?;
    let (to, made) = write(layout, io::BufWriter::new(to), scratch.path(), key, now)?;
    let to = to.into_inner().map_err(io::IntoInnerError::into_error);
    to.and_then(|it| it.sync_all()).context("the backup could not be written to the disk")?;
    put(&half, file, force)?;
    File::open(folder)?.sync_all().context("the folder could not be written to the disk")?;
    Ok(made)
}

fn put(half: &Path, file: &Path, force: bool) -> anyhow::Result<()> {
    if force {
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
    key: Option<&[u8]>,
    now: Timestamp,
) -> anyhow::Result<(W, Made)> {
    let (to, copy) = (Archive::new(to), scratch.join("copy.db"));
    let mut copies = Copies { to, copy, left_out: vec![] };
    let central = scratch.join(CENTRAL);
    copy_database(&layout.central(), &central)?;
    let contents = contents(&central)?;
    let head = Head {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: now.0,
        install: contents.install.unwrap_or_default(),
        with_key: key.is_some(),
    };
    copies.to.add_bytes(HEAD, &serde_json::to_vec(&head)?)?;
    copies.to.add_file(Path::new(CENTRAL), File::open(&central)?)?;
    fs::remove_file(&central)?;
    if let Some(key) = key {
        copies.to.add_bytes(KEY, key)?;
    }
    let all = contents.sessions.len();
    for (index, session) in contents.sessions.iter().enumerate() {
        copies.session(&layout.session(*session), *session)?;
        progress(&format!("{} of {all} sessions, {} MB", index + 1, copies.to.bytes() / 1_000_000));
    }
    tree::add(&mut copies.to, &layout.home().join("agents"), Path::new("agents"))?;
    let bytes = copies.to.bytes();
    let left_out = copies.left_out;
    let (mut to, changed) = copies.to.finish()?;
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
    copy: PathBuf,
    left_out: Vec<String>,
}

impl<W: Write> Copies<W> {
    fn session(&mut self, paths: &SessionLayout, id: SessionId) -> anyhow::Result<()> {
        let name = Path::new("sessions").join(id.to_string());
        tree::add(&mut self.to, &paths.files_in(), &name.join("in").join(FILES))?;
        let outgoing = paths.outbound_dir().join(FILES);
        tree::add(&mut self.to, &outgoing, &name.join("out").join(FILES))?;
        tree::add(&mut self.to, &paths.sending(), &name.join("sending"))?;
        Ok(tree::add(&mut self.to, &paths.home(), &name.join("home"))?)
    }

    fn take(&mut self, name: &Path) -> anyhow::Result<()> {
        self.to.add_file(name, File::open(&self.copy)?)?;
        Ok(fs::remove_file(&self.copy)?)
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
        let size = {
            let scratch = tempfile::tempdir().unwrap();
            write(&layout, Vec::new(), scratch.path(), None, Timestamp(0)).unwrap().0.len()
        };
        for bytes in [0, 600, size / 2, size - 1] {
            let scratch = tempfile::tempdir().unwrap();
            let done = write(&layout, Full(bytes), scratch.path(), None, Timestamp(0));
            assert!(done.is_err(), "{bytes} of {size}");
        }
    }
}
