//! Files on their way out: copied beside the outbound database, where the host takes them over.
//!
//! The agent names any path; a link that somebody talked it into making must not carry a file out
//! that nobody meant. So the path is walked from a folder that may be sent from, name by name,
//! without following a link, and what is copied is what was looked at.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use domain::OutSeq;
use domain::message::{FileKind, Form, TEXT_BYTES_MAX};
use domain::naming::safe_file_name;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use store::layout::FILES;
use store::{NewMessage, RunnerStore};

use super::error::FileError;
use super::{HostClient, ToolError};

/// More than most platforms take, little enough that a mistake does not fill the disk.
pub(crate) const FILE_BYTES_MAX: u64 = 50 * 1024 * 1024;
const TMP: &str = "/tmp";

/// What the `send_file` tool is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileToSend {
    /// Absolute, or relative to the workspace.
    pub(crate) path: String,
    pub(crate) caption: String,
    /// What the reader sees; `None` is the name of the file itself.
    pub(crate) name: Option<String>,
}

impl HostClient {
    /// Sends a file: the `send_file` tool.
    pub(crate) async fn send_file(
        &self,
        file: FileToSend,
        to: Option<&str>,
    ) -> Result<OutSeq, ToolError> {
        let caption = file.caption.trim().to_owned();
        if TEXT_BYTES_MAX < caption.len() {
            return Err(ToolError::TooLong(caption.len()));
        }
        let in_reply_to = self.current().ok_or(ToolError::NobodyAsked)?;
        let destination = self.destination(to).await?;
        let form = Form::File(String::new());
        let attempt = self.attempt();
        let mut message = NewMessage { in_reply_to, destination, form, text: caption, attempt };
        let folders = Folders {
            workspace: self.workspace.clone(),
            roots: vec![self.workspace.clone(), TMP.into(), self.received_dir.join(FILES)],
        };
        let (prefix, now) = (self.incarnation.to_string(), self.clock.now());
        // One write for the copy and its row: a file without a row is cleared away by the next.
        let sent = self.store.write("a message", move |store| {
            clear(store);
            let name = match copy(&folders, &file, &store.files_dir(), &prefix) {
                Ok(name) => name,
                Err(err) => return Ok(Err(err)),
            };
            message.form = Form::File(name);
            store.add(&message, now).map(Ok)
        });
        let seq = sent.await??;
        self.notifier.look();
        Ok(seq)
    }
}

struct Folders {
    workspace: PathBuf,
    /// Below these a file may be sent.
    roots: Vec<PathBuf>,
}

/// Removes copies that the host has imported, or that no message names.
fn clear(store: &mut RunnerStore) {
    let (Ok(waiting), Ok(entries)) = (store.files_waiting(), fs::read_dir(store.files_dir()))
    else {
        return;
    };
    for entry in entries.flatten() {
        let folder = entry.file_name();
        let waits = |name: &String| Path::new(name).iter().next() == Some(&*folder);
        if !waiting.iter().any(waits)
            && let Err(err) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(error = %err, "could not remove a file that was sent");
        }
    }
}

/// Copies a file into a folder of its own below `dir`. Returns its name there, which is durable.
fn copy(
    folders: &Folders,
    file: &FileToSend,
    dir: &Path,
    prefix: &str,
) -> Result<String, FileError> {
    let path = folders.workspace.join(&file.path);
    let (source, bytes) = open(&path, &folders.roots)?;
    if bytes == 0 {
        return Err(FileError::Empty(path));
    }
    if FILE_BYTES_MAX < bytes {
        return Err(FileError::TooLarge(bytes));
    }
    let shown = file.name.as_deref().map(str::trim).filter(|it| !it.is_empty());
    let own = || path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned();
    let shown = shown.map_or_else(own, str::to_owned);
    let name = safe_file_name(&shown, FileKind::Document, "", 1);
    fs::create_dir_all(dir)?;
    let (folder, unique) = make_folder(dir, prefix)?;
    let written = write(source, &folder.join(&name)).and_then(|bytes| {
        if FILE_BYTES_MAX < bytes {
            return Err(FileError::TooLarge(bytes));
        }
        File::open(&folder)?.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(())
    });
    if let Err(err) = written {
        // Else it is cleared away before the next file.
        let _ = fs::remove_dir_all(&folder);
        return Err(err);
    }
    Ok(format!("{unique}/{name}"))
}

fn make_folder(dir: &Path, prefix: &str) -> io::Result<(PathBuf, String)> {
    let mut number = 1;
    loop {
        let unique = format!("{prefix}-{number}");
        let folder = dir.join(&unique);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok((folder, unique)),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(err) => return Err(err),
        }
    }
}

/// Copies at most one byte more than may be: the file may be growing.
fn write(source: File, to: &Path) -> Result<u64, FileError> {
    let mut copy = File::options().write(true).create_new(true).open(to)?;
    let bytes = io::copy(&mut source.take(FILE_BYTES_MAX + 1), &mut copy)?;
    copy.flush()?;
    copy.sync_all()?;
    Ok(bytes)
}

/// Opens a plain file below one of the folders without following a link. Returns its size, too.
fn open(path: &Path, roots: &[PathBuf]) -> Result<(File, u64), FileError> {
    let path = &resolved(path);
    let outside = || FileError::Outside(path.clone());
    let root = roots.iter().find(|it| path.starts_with(it)).ok_or_else(outside)?;
    let below = path.strip_prefix(root).map_err(|_| outside())?;
    let io = |err: Errno| match err {
        Errno::NOENT => FileError::Missing(path.clone()),
        Errno::LOOP => FileError::Link(path.clone()),
        Errno::NOTDIR => FileError::Link(path.clone()),
        err => FileError::Io(err.into()),
    };
    let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at: OwnedFd = openat(CWD, root, folder, Mode::empty()).map_err(io)?;
    let mut names: Vec<&OsStr> = below.iter().collect();
    let Some(last) = names.pop() else { return Err(FileError::NotAFile(path.clone())) };
    for name in names {
        at = openat(&at, name, folder | OFlags::NOFOLLOW, Mode::empty()).map_err(io)?;
    }
    // Opening a pipe must not wait for its other end.
    let plain = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(&at, last, plain, Mode::empty()).map_err(io)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile(path.clone()));
    }
    Ok((file, metadata.len()))
}

/// The path without `.` and `..`. No link is followed later, so the text alone decides.
fn resolved(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests;
