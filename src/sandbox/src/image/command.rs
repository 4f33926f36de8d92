//! Runs the few programs of the system that an image needs: package tools and `tar`.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::ImageError;

/// Bytes of a failed tool's output that are shown; the reason is at the end.
const SHOWN: usize = 600;

/// One call of a tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool<'a> {
    pub(super) program: &'static str,
    pub(super) args: &'a [&'a str],
    /// The working folder, also where it may leave files.
    pub(super) folder: &'a Path,
    /// How long it may take before it is killed.
    pub(super) limit: Duration,
}

impl Tool<'_> {
    /// Runs to the end and returns what was printed.
    pub(super) async fn run(self) -> Result<String, ImageError> {
        let mut command = Command::new(self.program);
        command.args(self.args).current_dir(self.folder).stdin(Stdio::null()).kill_on_drop(true);
        let Ok(ended) = timeout(self.limit, command.output()).await else {
            let seconds = self.limit.as_secs();
            return Err(ImageError::Tool(self.program, format!("no end within {seconds} s")));
        };
        let output = match ended {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Err(ImageError::ToolMissing(self.program));
            }
            other => other.map_err(ImageError::io("start a tool"))?,
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let mut start = text.len().saturating_sub(SHOWN);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        Err(ImageError::Tool(self.program, text[start..].to_owned()))
    }
}

/// Whether a program of that name can be started.
pub(super) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // System tools are not always on a user's path, but are on root's.
    let system = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(system).any(|it| it.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str) -> Result<String, ImageError> {
        let args = ["-c", script];
        let folder = Path::new("/");
        Tool { program: "sh", args: &args, folder, limit: Duration::from_secs(5) }.run().await
    }

    #[tokio::test]
    async fn a_tool_answers_or_says_why_not() {
        assert_eq!(sh("echo a").await.unwrap(), "a\n");
        let failed = sh("echo reason >&2; exit 3").await;
        assert!(matches!(failed, Err(ImageError::Tool("sh", why)) if why == "reason"));
        assert!(is_installed("sh") && !is_installed("no-such-program"));
    }
}
