//! Files on their way out: copied beside the outbound database, where the host takes them over.
//!
//! The agent names any path; a link that somebody talked it into making must not carry a file out
//! that nobody meant. So the path is walked from a folder that may be sent from, name by name,
//! without following a link, and what is copied is what was looked at.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use domain::OutSeq;
use domain::message::{FILES_MAX, FileKind, Form, TEXT_BYTES_MAX};
use domain::naming::safe_file_name;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::Deserialize;
use store::RunnerStore;
use store::layout::FILES;

use super::say::too_long;
use super::{HostClient, ToolError, ToolResult, refused};

/// More than most platforms take, little enough that a mistake does not fill the disk.
const FILE_BYTES_MAX: u64 = 50 * 1024 * 1024;
const TMP: &str = "/tmp";

#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct FileToSend {
    /// The files, at most 16: absolute paths, or relative to your workspace. Several are shown together
    /// where that is possible.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// The same for one file alone.
    #[serde(default)]
    pub(crate) path: String,
    /// A text that goes with them.
    pub(crate) caption: Option<String>,
    /// What one file is called for its reader, if not as on disk.
    pub(crate) name: Option<String>,
    /// The name of another chat, as list_destinations gives it. Leave it out for this chat.
    pub(crate) to: Option<String>,
}

impl HostClient {
    /// Sends files in one message: the `send_file` tool.
    pub(crate) async fn send_file(&self, file: FileToSend) -> ToolResult<OutSeq> {
        let one = Some(&file.path).filter(|it| !it.is_empty());
        let paths: Vec<PathBuf> =
            one.into_iter().chain(&file.paths).map(|it| self.config.workspace.join(it)).collect();
        if paths.is_empty() || FILES_MAX < paths.len() {
            return refused(format!("name 1 to {FILES_MAX} files in `paths`, not {}", paths.len()));
        }
        let shown = file.name.filter(|_| paths.len() == 1);
        let caption = file.caption.as_deref().unwrap_or_default().trim().to_owned();
        if TEXT_BYTES_MAX < caption.len() {
            return too_long(caption.len());
        }
        let destination = self.destination(file.to.as_deref()).await?;
        let mut message = self.new_message(destination, Form::File(vec![]), caption)?;
        let workspace = self.config.workspace.clone();
        let roots = [workspace, TMP.into(), self.config.received_dir.join(FILES)];
        let (prefix, now) = (self.config.incarnation.to_string(), self.clock.now());
        // One write for the copies and their row: a file without a row is cleared away by the next.
        let sent = self.store.write("a message", move |store| {
            clear(store);
            let (dir, shown) = (store.files_dir(), shown.as_deref());
            let copied = paths.iter().map(|it| copy(it, &roots, shown, &dir, &prefix));
            match copied.collect() {
                Ok(names) => message.form = Form::File(names),
                Err(err) => return Ok(Err(err)),
            }
            store.add(&message, now).map(Ok)
        });
        let seq = sent.await??;
        self.notifier.look();
        Ok(seq)
    }
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

/// Copies a file, which has to lie below one of the roots, into a folder of its own below `dir`. Returns
/// its name there, which is durable.
fn copy(
    path: &Path,
    roots: &[PathBuf],
    shown: Option<&str>,
    dir: &Path,
    prefix: &str,
) -> ToolResult {
    let (source, bytes) = open(path, roots)?;
    if bytes == 0 {
        return refused(format!("{} is empty; write something into it first", path.display()));
    }
    check_size(bytes)?;
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let shown = shown.map(str::trim).filter(|it| !it.is_empty()).unwrap_or(&own);
    let name = safe_file_name(shown, FileKind::Document, "", 1);
    fs::create_dir_all(dir)?;
    let (folder, unique) = make_folder(dir, prefix)?;
    let written = write(source, &folder.join(&name)).and_then(|bytes| {
        check_size(bytes)?;
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

fn check_size(bytes: u64) -> ToolResult<()> {
    if bytes <= FILE_BYTES_MAX {
        return Ok(());
    }
    refused(format!(
        "the file has {bytes} bytes, more than the {FILE_BYTES_MAX} that can be sent; make it \
         smaller or send it in pieces"
    ))
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
fn write(source: File, to: &Path) -> ToolResult<u64> {
    let mut copy = File::options().write(true).create_new(true).open(to)?;
    let bytes = io::copy(&mut source.take(FILE_BYTES_MAX + 1), &mut copy)?;
    copy.sync_all()?;
    Ok(bytes)
}

/// Opens a plain file below one of the folders without following a link. Returns its size, too.
fn open(path: &Path, roots: &[PathBuf]) -> ToolResult<(File, u64)> {
    let path = &resolved(path);
    let because = |why: &str| ToolError::Refused(format!("{} {why}", path.display()));
    let outside =
        || because("is outside of your workspace and of /tmp; copy it into the workspace first");
    let no_file = || because("is no plain file; pack a folder into an archive first");
    let root = roots.iter().find(|it| path.starts_with(it)).ok_or_else(outside)?;
    let below = path.strip_prefix(root).map_err(|_| outside())?;
    let io = |err: Errno| match err {
        Errno::NOENT => because("does not exist; give its path within the workspace"),
        Errno::LOOP | Errno::NOTDIR => because(
            "is a link or lies behind one, which is not followed; copy the file itself into the \
             workspace",
        ),
        err => ToolError::Io(err.into()),
    };
    let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at: OwnedFd = openat(CWD, root, folder, Mode::empty()).map_err(io)?;
    let mut names: Vec<&OsStr> = below.iter().collect();
    let Some(last) = names.pop() else { return Err(no_file()) };
    for name in names {
        at = openat(&at, name, folder | OFlags::NOFOLLOW, Mode::empty()).map_err(io)?;
    }
    // Opening a pipe must not wait for its other end.
    let plain = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(&at, last, plain, Mode::empty()).map_err(io)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(no_file());
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
