//! Log files: their last lines, following them, and `nanoclaw logs`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use store::layout::Layout;
use tokio::time::sleep;

use crate::error::fail;
use crate::term;

/// Looked through for the last lines; hundreds of lines of any log.
const TAIL_BYTES_MAX: u64 = 1024 * 1024;

/// Beyond this a log is put aside at the next start of the host; one older one is kept.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn show(follow: bool, lines: usize, layout: &Layout) -> anyhow::Result<ExitCode> {
    let path = layout.host_log();
    let unread = || format!("could not read {}", path.display());
    // From before the tail is read, so that nothing falls between the two.
    let mut new = Follow::new(&path);
    match tail(&path, lines) {
        Ok(text) => term::out_piece(&text),
        Err(err) if err.kind() == io::ErrorKind::NotFound && follow => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let what = format!("there is no log: no host ran on {} yet", layout.home().display());
            return Err(fail(what, "start one with `nanoclaw start`"));
        }
        Err(err) => return Err(err).with_context(unread),
    }
    while follow && !term::has_failed() {
        let more = new.more().with_context(unread)?;
        term::out_piece(&more);
        sleep(LOOK_EVERY).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// The last lines of a file, each with its end.
pub(crate) fn tail(path: &Path, lines: usize) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    Ok(all[all.len().saturating_sub(lines)..].concat())
}

/// Opens a log for appending, for this user alone.
pub(crate) fn open(path: &Path) -> anyhow::Result<File> {
    let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    file.with_context(|| format!("could not open {}", path.display()))
}

/// The same, with a log that grew too long put aside before. Only while nobody writes it.
pub(crate) fn begin(path: &Path) -> anyhow::Result<File> {
    if fs::metadata(path).is_ok_and(|it| LOG_BYTES_MAX < it.len()) {
        fs::rename(path, path.with_extension("log.1"))
            .with_context(|| format!("could not move {}", path.display()))?;
    }
    open(path)
}

/// Reads what is appended to a file, also after another file took its place.
#[derive(Debug)]
struct Follow {
    path: PathBuf,
    inode: u64,
    at: u64,
}

impl Follow {
    /// Begins at the end of the file that is there now.
    fn new(path: &Path) -> Self {
        let meta = fs::metadata(path).ok();
        let inode = meta.as_ref().map_or(0, MetadataExt::ino);
        Self { path: path.to_owned(), inode, at: meta.map_or(0, |it| it.len()) }
    }

    /// What came since the last call; nothing while there is no file.
    fn more(&mut self) -> io::Result<String> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(err) => return Err(err),
        };
        let meta = file.metadata()?;
        if meta.ino() != self.inode || meta.len() < self.at {
            (self.inode, self.at) = (meta.ino(), 0);
        }
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "a\nb\nc").unwrap();
        assert_eq!(tail(&path, 2).unwrap(), "b\nc");
        assert_eq!(tail(&path, 9).unwrap(), "a\nb\nc");
    }

    #[test]
    fn following_survives_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "old\n").unwrap();
        let mut follow = Follow::new(&path);
        assert_eq!(follow.more().unwrap(), "");
        fs::write(&path, "old\nnew\n").unwrap();
        assert_eq!(follow.more().unwrap(), "new\n");
        fs::rename(&path, folder.path().join("aside")).unwrap();
        assert_eq!(follow.more().unwrap(), "");
        fs::write(&path, "x\n").unwrap();
        assert_eq!(follow.more().unwrap(), "x\n");
    }
}
