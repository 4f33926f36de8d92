//! Runs other programs for the setup, with root's rights where they need them.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;
use tokio::time::timeout;

use super::Setup;
use crate::error::{Hint, fail};

/// A package with all that it needs, on a slow line.
const RUN_MAX: Duration = Duration::from_secs(30 * 60);

/// Where system programs lie that an ordinary user's search path does not name.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The program's path if it is installed.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|it| it.join(program)).find(|it| it.is_file())
}

impl Setup<'_> {
    /// The command line that does `words` as root.
    pub(super) fn as_root(&self, words: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut all: Vec<String> = Vec::new();
        if !rustix::process::geteuid().is_root() {
            if find("sudo").is_none() {
                return Err(fail(
                    format!("`{}` needs root, and there is no `sudo`", words.join(" ")),
                    "run it as root yourself, then run the setup again",
                ));
            }
            all.push("sudo".to_owned());
            if !self.is_interactive {
                all.push("--non-interactive".to_owned());
            }
        }
        all.extend(words.iter().map(|&it| it.to_owned()));
        Ok(all)
    }

    /// Runs a program to its end, its output in the log.
    pub(super) async fn run(&self, words: &[String]) -> anyhow::Result<()> {
        let shown = words.join(" ");
        let (program, args) = words.split_first().context("there is nothing to run")?;
        self.journal.line(&format!("runs: {shown}"));
        let from = self.journal.length();
        let mut command = Command::new(program);
        command.args(args).stdout(self.journal.output()?).stderr(self.journal.output()?);
        command.kill_on_drop(true);
        if !self.is_interactive {
            command.stdin(Stdio::null());
        }
        let ended = timeout(RUN_MAX, command.status()).await;
        let status = ended
            .with_context(|| format!("`{shown}` did not end within 30 minutes"))?
            .with_context(|| format!("`{shown}` could not be started"))?;
        if status.success() {
            return Ok(());
        }
        Err(anyhow::anyhow!("`{shown}` failed ({status}):\n{}", self.journal.tail_from(from)))
    }

    /// Installs packages of the distribution.
    pub(super) async fn install(&self, packages: &[&str]) -> anyhow::Result<()> {
        let names = packages.join(" ");
        if find("apt-get").is_none() {
            return Err(fail(
                format!("{names}: not installed, and this system's package tool is not known here"),
                format!("install {names} with it, then run the setup again"),
            ));
        }
        let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"];
        let update = self.as_root(&[&quiet[..], &["update"]].concat())?;
        // A source of packages that is down need not be the one that matters.
        if let Err(err) = self.run(&update).await {
            self.journal.line(&format!("goes on without: {err:#}"));
        }
        let install = [&quiet[..], &["install", "--no-install-recommends"], packages].concat();
        let hint = format!("check the network, then try `apt-get install {names}` by hand");
        self.run(&self.as_root(&install)?).await.hint(hint)
    }
}
