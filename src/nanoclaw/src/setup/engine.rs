//! Gets the container engine installed and running.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use tokio::time::{sleep, timeout};

use super::{Outcome, Setup, root};
use crate::error::{Hint, fail};
use crate::logfile;

/// A service that was just started answers within this, also after a crash.
const SERVICE_MAX: Duration = Duration::from_secs(20);
const ENGINE_MAX: Duration = Duration::from_secs(45);
const LOOK_EVERY: Duration = Duration::from_millis(200);

const SOCKET: &str = "/var/run/docker.sock";
/// Where the engine and its helper leave their pids.
const PID_FILES: [(&str, &str); 2] = [
    ("/var/run/docker.pid", "dockerd"),
    ("/var/run/docker/containerd/containerd.pid", "containerd"),
];

impl Setup<'_> {
    pub(super) async fn engine_is_installed(&self) -> Option<String> {
        if self.engine.ping().await.is_ok() {
            return Some("an engine answers".to_owned());
        }
        root::find("dockerd").map(|it| it.display().to_string())
    }

    pub(super) async fn install_engine(&self) -> anyhow::Result<Outcome> {
        if !cfg!(target_os = "linux") {
            return Err(fail(
                "there is no container engine",
                "install Docker Desktop, OrbStack or Colima, start it, then run the setup again",
            ));
        }
        let mut packages = vec!["docker.io"];
        // With such a kernel the engine refuses every container unless it can load a profile.
        if Path::new("/sys/module/apparmor").exists() {
            packages.push("apparmor");
        }
        self.install(&packages).await?;
        match root::find("dockerd") {
            Some(path) => Ok(Outcome::Done(format!("installed {}", path.display()))),
            None => Err(fail("the package brought no `dockerd`", "install Docker by hand")),
        }
    }

    pub(super) async fn engine_is_running(&self) -> anyhow::Result<Option<String>> {
        if self.engine.ping().await.is_ok() {
            let info = self.engine.info().await?;
            return Ok(Some(format!("Docker {}", info.version)));
        }
        let connected = UnixStream::connect(SOCKET);
        if connected.is_err_and(|err| err.kind() == io::ErrorKind::PermissionDenied) {
            return Err(fail(
                "the container engine runs, but you may not use it",
                "`sudo usermod -aG docker $USER`, log out and in again, then run the setup again",
            ));
        }
        Ok(None)
    }

    pub(super) async fn start_engine(&self) -> anyhow::Result<Outcome> {
        self.clear_dead_pids().await;
        let services: [(&str, &[&str]); 2] = [
            ("/run/systemd/system", &["systemctl", "start", "docker"]),
            ("/etc/init.d/docker", &["service", "docker", "start"]),
        ];
        for (sign, words) in services {
            if !Path::new(sign).exists() || root::find(words[0]).is_none() {
                continue;
            }
            match self.run(&self.as_root(words)?).await {
                Ok(()) if self.answers_within(SERVICE_MAX).await => return self.started().await,
                Ok(()) => self.journal.line("the service was started and does not answer"),
                Err(err) => self.journal.line(&format!("goes on without: {err:#}")),
            }
        }
        let mut child = self.start_directly()?;
        let ended = async {
            while !matches!(child.try_wait(), Ok(Some(_))) {
                sleep(LOOK_EVERY).await;
            }
        };
        let answers = tokio::select! {
            answers = self.answers_within(ENGINE_MAX) => answers,
            () = ended => false,
        };
        if answers {
            return self.started().await;
        }
        let log = self.layout.logs().join("dockerd.log");
        let tail = logfile::tail(&log, 8).unwrap_or_default();
        let what = format!("the container engine did not start; the end of its log:\n{tail}");
        Err(fail(what.trim_end(), format!("see {}, or start Docker by hand", log.display())))
    }

    async fn started(&self) -> anyhow::Result<Outcome> {
        match self.engine_is_running().await? {
            Some(what) => Ok(Outcome::Done(format!("started {what}"))),
            None => Err(fail("the container engine ended again", "see `journalctl -u docker`")),
        }
    }

    /// An engine that was killed leaves files with its pids, and a new one refuses to start while
    /// such a pid is taken, be it by a process that is dead but not collected, or by another one.
    async fn clear_dead_pids(&self) {
        for (file, program) in PID_FILES {
            let Ok(text) = fs::read_to_string(file) else { continue };
            let stat = fs::read_to_string(format!("/proc/{}/stat", text.trim()));
            if stat.is_ok_and(|it| is_alive(&it, program)) {
                continue;
            }
            self.journal.line(&format!("removes {file} of an engine that is gone"));
            if let Ok(words) = self.as_root(&["rm", "-f", file])
                && let Err(err) = self.run(&words).await
            {
                self.journal.line(&format!("goes on without: {err:#}"));
            }
        }
    }

    /// Without a service manager: the engine alone, in a session of its own, so that it lives
    /// on when the setup and its terminal are gone.
    fn start_directly(&self) -> anyhow::Result<Child> {
        let dockerd = root::find("dockerd").context("there is no `dockerd`").hint(
            "start Docker yourself (on a Mac: open the Docker app), then run the setup again",
        )?;
        let dockerd = dockerd.to_string_lossy().into_owned();
        let own_session = root::find("setsid").map(|_| "setsid");
        let words: Vec<&str> = own_session.into_iter().chain([dockerd.as_str()]).collect();
        let words = self.as_root(&words)?;
        self.journal.line(&format!("starts: {}", words.join(" ")));
        let log = logfile::open(&self.layout.logs().join("dockerd.log"))?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // `setsid` can only leave a group that it does not lead.
        if own_session.is_none() {
            command.process_group(0);
        }
        command.current_dir("/").spawn().context("the container engine could not be started")
    }

    async fn answers_within(&self, limit: Duration) -> bool {
        let answers = async {
            while self.engine.ping().await.is_err() {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(limit, answers).await.is_ok()
    }
}

/// Whether `/proc/PID/stat` shows a living process of that program: `12 (name) S …`, where `Z` is
/// one that has ended (proc(5)).
fn is_alive(stat: &str, program: &str) -> bool {
    let Some((before, after)) = stat.rsplit_once(')') else { return false };
    before.split_once('(').is_some_and(|it| it.1 == program) && !after.trim_start().starts_with('Z')
}

#[cfg(test)]
mod tests {
    use super::is_alive;

    #[test]
    fn only_a_living_engine_keeps_its_pid_file() {
        assert!(is_alive("12 (dockerd) S 1 12", "dockerd"));
        assert!(!is_alive("12 (dockerd) Z 1 12", "dockerd"));
        assert!(!is_alive("12 (bash) S 1 12", "dockerd"));
        assert!(!is_alive("", "dockerd"));
    }
}
