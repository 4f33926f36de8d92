//! The file that holds the master key.
//!
//! Invariants
//! - Only this user can read it; a file of which that is not true is refused, not repaired, since
//!   the key may be known to others by then.
//! - A key is made only while nothing is sealed. A lost key is thus noticed and explained, and never
//!   hidden behind a fresh one that opens nothing.
//! - A symbolic link is not followed, neither for reading nor for writing.
//! - Nobody else can write to its folder.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use secrecy::zeroize::Zeroizing;

use crate::seal::{KEY_BYTES, Key};

const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Sorted by what the user must do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("the vault's key file {path} is missing, so what is sealed with it cannot be opened")]
    KeyMissing { path: PathBuf },
    #[error("the vault's key file {path} cannot be trusted: {why}")]
    Unsafe { path: PathBuf, why: String },
    #[error(
        "the vault's key file {path} cannot be trusted: it has {length} bytes instead of {KEY_BYTES}"
    )]
    Length { path: PathBuf, length: usize },
    /// Free space, mend the disk or the permissions of the folder.
    #[error("could not {op} the vault's key file {path}")]
    Io {
        op: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl KeyFileError {
    /// The key is gone, and with it whatever was sealed.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::KeyMissing { .. } | Self::Length { .. })
    }
}

/// Reads the key, or makes one if there is none and nothing is sealed yet. Does blocking disk IO.
pub fn open_or_create(path: &Path, anything_sealed: bool) -> Result<Key, KeyFileError> {
    check_folder(path)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => read(File::from(fd), path),
        Err(Errno::NOENT) if anything_sealed => {
            Err(KeyFileError::KeyMissing { path: path.to_owned() })
        }
        Err(Errno::NOENT) => {
            let key = Key::generate();
            create_with(path, &key)?;
            Ok(key)
        }
        // What opening a symbolic link with NOFOLLOW gives.
        Err(Errno::LOOP) => {
            refused(path, "it is a symbolic link; put the file itself there".into())
        }
        Err(err) => Err(failed("open", path)(err.into())),
    }
}

fn refused<T>(path: &Path, why: String) -> Result<T, KeyFileError> {
    Err(KeyFileError::Unsafe { path: path.to_owned(), why })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A writer of the folder can exchange the file. With the sticky bit only its owner can.
fn check_folder(path: &Path) -> Result<(), KeyFileError> {
    // That it is not there is found later.
    let mode = std::fs::metadata(folder_of(path)).map_or(0, |it| it.mode());
    if mode & OTHERS_WRITE == 0 || mode & STICKY != 0 {
        return Ok(());
    }
    let mode = mode & 0o777;
    refused(
        path,
        format!(
            "others can write to its folder (mode {mode:03o}) and put another key there; \
             `chmod go-w` it"
        ),
    )
}

fn read(file: File, path: &Path) -> Result<Key, KeyFileError> {
    // Asked of the open file, so that it cannot be exchanged in between.
    let meta = file.metadata().map_err(failed("inspect", path))?;
    let (owner, me) = (meta.uid(), rustix::process::geteuid().as_raw());
    if !meta.is_file() {
        return refused(path, "it is not a plain file; move it away".into());
    }
    if owner != me {
        let why = format!(
            "it belongs to user id {owner}, but this is user id {me}; run as that user, or `chown` it"
        );
        return refused(path, why);
    }
    if meta.mode() & OTHERS != 0 {
        let why = format!(
            "others can read or write it (mode {:03o}); `chmod 600` it, and replace the credentials \
             if somebody else may have read them",
            meta.mode() & 0o777
        );
        return refused(path, why);
    }
    // One byte more than a key shows that it is too long. There is room for more, so that the bytes are
    // never moved, nor read by way of the stack.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * KEY_BYTES));
    let read = file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes);
    let length = read.map_err(failed("read", path))?;
    if length != KEY_BYTES {
        return Err(KeyFileError::Length { path: path.to_owned(), length });
    }
    let mut key = Box::new([0; KEY_BYTES]);
    key.copy_from_slice(&bytes);
    Ok(Key::from_bytes(key))
}

/// Makes a key file; one that is there already is left as it is, and that is an error.
pub(crate) fn create_with(path: &Path, key: &Key) -> Result<(), KeyFileError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|err| failed("create", path)(err.into()))?;
    let written = write(File::from(fd), path, key);
    if written.is_err() {
        // Half a key would stand in the way of the next try. If this fails too, the length tells.
        drop(std::fs::remove_file(path));
    }
    written.map_err(failed("write", path))
}

/// Makes the key durable, its name included: nothing is sealed with a key that a crash can undo.
fn write(mut file: File, path: &Path, key: &Key) -> io::Result<()> {
    file.write_all(key.expose())?;
    file.sync_all()?;
    File::open(folder_of(path))?.sync_all()
}

fn failed(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_owned();
    move |source| KeyFileError::Io { op, path, source }
}

#[cfg(test)]
#[path = "keyfile_tests.rs"]
mod tests;
