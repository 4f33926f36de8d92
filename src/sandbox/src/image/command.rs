//! Runs the few programs of the system that an image needs, package tools and `tar`, and disk work.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::ImageError;
use crate::docker::end_of;

/// Bytes of a failed tool's output that are shown; the reason is at the end.
const SHOWN: usize = 600;

/// Runs a tool to its end and returns what it printed; killed after `limit`. It works in `folder`, where
/// it may leave files.
pub(super) async fn run(
    program: &'static str,
    args: &[&str],
    folder: &Path,
    limit: Duration,
) -> Result<String, ImageError> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let Ok(ended) = timeout(limit, command.output()).await else {
        let seconds = limit.as_secs();
        return Err(ImageError::Tool(program, format!("no end within {seconds} s")));
    };
    let output = match ended {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            return Err(ImageError::ToolMissing(program));
        }
        other => other.map_err(ImageError::io("start a tool"))?,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(ImageError::Tool(program, end_of(text.trim(), SHOWN).to_owned()))
}

pub(super) async fn blocking<T: Send + 'static>(
    op: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ImageError> {
    spawn_blocking(work).await.map_err(ImageError::io(op))?.map_err(ImageError::io(op))
}

/// A folder below `cache` that goes with its value.
pub(super) async fn temporary(cache: PathBuf) -> Result<tempfile::TempDir, ImageError> {
    blocking("make a temporary folder", move || {
        std::fs::create_dir_all(&cache)?;
        tempfile::tempdir_in(&cache)
    })
    .await
}

/// The program's path if it is installed. System tools are not always on a user's search path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain(system);
    folders.map(|it| it.join(program)).find(|it| it.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str) -> Result<String, ImageError> {
        run("sh", &["-c", script], Path::new("/"), Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn a_tool_answers_or_says_why_not() {
        assert_eq!(sh("echo a").await.unwrap(), "a\n");
        let failed = sh("echo reason >&2; exit 3").await;
        assert!(matches!(failed, Err(ImageError::Tool("sh", why)) if why == "reason"));
        assert!(find("sh").is_some() && find("no-such-program").is_none());
    }
}
