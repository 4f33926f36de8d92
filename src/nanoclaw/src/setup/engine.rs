//! Gets the container engine installed and running, and runs other programs for the setup, with root's
//! rights where they need them.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use sandbox::SandboxError;
use sandbox::image::find;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::{Setup, there};
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

/// A package with all that it needs, on a slow line.
const RUN_MAX: Duration = Duration::from_secs(30 * 60);

const TAIL_LINES: usize = 8;

impl Setup<'_> {
    pub(super) async fn install_engine(&self) -> anyhow::Result<String> {
        if self.engine_version().await?.is_some() {
            return Ok(there("an engine answers"));
        }
        if let Some(path) = find("dockerd") {
            return Ok(there(path.display()));
        }
        if !cfg!(target_os = "linux") {
            let hint =
                "install Docker Desktop, OrbStack or Colima, start it, then run the setup again";
            return Err(fail("there is no container engine", hint));
        }
        let mut packages = vec!["docker.io"];
        // With such a kernel the engine refuses every container unless it can load a profile.
        if Path::new("/sys/module/apparmor").exists() {
            packages.push("apparmor");
        }
        self.install(&packages).await?;
        let path = find("dockerd").context("the package brought no `dockerd`");
        Ok(format!("installed {}", path.hint("install Docker by hand")?.display()))
    }

    pub(super) async fn start_engine(&self) -> anyhow::Result<String> {
        if let Some(version) = self.engine_version().await? {
            return Ok(there(version));
        }
        let connected = UnixStream::connect(SOCKET);
        if connected.is_err_and(|err| err.kind() == io::ErrorKind::PermissionDenied) {
            let hint =
                "`sudo usermod -aG docker $USER`, log out and in again, then run the setup again";
            return Err(fail("the container engine runs, but you may not use it", hint));
        }
        self.clear_dead_pids().await;
        let services: [(&str, &[&str]); 2] = [
            ("/run/systemd/system", &["systemctl", "start", "docker"]),
            ("/etc/init.d/docker", &["service", "docker", "start"]),
        ];
        for (sign, words) in services {
            let is_there = Path::new(sign).exists() && find(words[0]).is_some();
            if is_there && self.try_run(&self.as_root(words)?).await {
                if let Some(version) = self.answers_within(SERVICE_MAX).await? {
                    return Ok(format!("started {version}"));
                }
                self.log("the service was started and does not answer");
            }
        }
        let mut child = self.start_directly()?;
        let answers = tokio::select! {
            answers = self.answers_within(ENGINE_MAX) => answers?,
            _ended = child.wait() => None,
        };
        if let Some(version) = answers {
            return Ok(format!("started {version}"));
        }
        let log = self.layout.logs().join("dockerd.log");
        let tail = logfile::tail(&log, TAIL_LINES).unwrap_or_default();
        let what = format!("the container engine did not start; the end of its log:\n{tail}");
        Err(fail(what.trim_end(), format!("see {}, or start Docker by hand", log.display())))
    }

    /// `None` when nothing answers.
    /// Fails when an engine answers with a refusal: then another one must not be started beside it.
    async fn engine_version(&self) -> anyhow::Result<Option<String>> {
        match self.engine.info().await {
            Ok(info) => Ok(Some(format!("Docker {}", info.version))),
            Err(SandboxError::Unreachable(_)) => Ok(None),
            Err(err) => Err(err)
                .hint("see what `docker info` says; restart the engine, then run the setup again"),
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
            self.log(&format!("removes {file} of an engine that is gone"));
            if let Ok(words) = self.as_root(&["rm", "-f", file]) {
                self.try_run(&words).await;
            }
        }
    }

    /// Without a service manager: the engine alone, in a session of its own, so that it lives
    /// on when the setup and its terminal are gone.
    fn start_directly(&self) -> anyhow::Result<Child> {
        let dockerd = find("dockerd").context("there is no `dockerd`").hint(
            "start Docker yourself (on a Mac: open the Docker app), then run the setup again",
        )?;
        let dockerd = dockerd.to_string_lossy().into_owned();
        let own_session = find("setsid").map(|_| "setsid");
        let words: Vec<&str> = own_session.into_iter().chain([dockerd.as_str()]).collect();
        let words = self.as_root(&words)?;
        self.log(&format!("starts: {}", words.join(" ")));
        let log = logfile::open(&self.layout.logs().join("dockerd.log"))?;
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // `setsid` can only leave a group that it does not lead.
        if own_session.is_none() {
            command.process_group(0);
        }
        command.current_dir("/").spawn().context("the container engine could not be started")
    }

    async fn answers_within(&self, limit: Duration) -> anyhow::Result<Option<String>> {
        let began = Instant::now();
        loop {
            match self.engine_version().await {
                Ok(None) | Err(_) if began.elapsed() < limit => sleep(LOOK_EVERY).await,
                answer => return answer,
            }
        }
    }

    fn as_root<'w>(&self, words: &[&'w str]) -> anyhow::Result<Vec<&'w str>> {
        if rustix::process::geteuid().is_root() {
            return Ok(words.to_vec());
        }
        if find("sudo").is_none() {
            let what = format!("`{}` needs root, and there is no `sudo`", words.join(" "));
            return Err(fail(what, "run it as root yourself, then run the setup again"));
        }
        let asks_nothing: &[&str] = if self.is_interactive { &[] } else { &["--non-interactive"] };
        Ok([&["sudo"], asks_nothing, words].concat())
    }

    /// Runs a program to its end, its output in the log.
    pub(super) async fn run(&self, words: &[&str]) -> anyhow::Result<()> {
        let shown = words.join(" ");
        let (program, args) = words.split_first().context("there is nothing to run")?;
        self.log(&format!("runs: {shown}"));
        let mut command = Command::new(program);
        command.args(args).stdout(self.log.try_clone()?).stderr(self.log.try_clone()?);
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
        let tail = logfile::tail(&self.log_path, TAIL_LINES).unwrap_or_default();
        Err(anyhow::anyhow!(
            "`{shown}` failed ({status}); the end of the log:\n{}",
            tail.trim_end()
        ))
    }

    /// The same for what can be done without.
    async fn try_run(&self, words: &[&str]) -> bool {
        let ran = self.run(words).await;
        if let Err(err) = &ran {
            self.log(&format!("goes on without: {err:#}"));
        }
        ran.is_ok()
    }

    pub(super) async fn install(&self, packages: &[&str]) -> anyhow::Result<()> {
        let names = packages.join(" ");
        if find("apt-get").is_none() {
            let what = "not installed, and this system's package tool is not known here";
            let hint = format!("install {names} with it, then run the setup again");
            return Err(fail(format!("{names}: {what}"), hint));
        }
        let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"];
        // A source of packages that is down need not be the one that matters.
        self.try_run(&self.as_root(&[&quiet[..], &["update"]].concat())?).await;
        let install = [&quiet[..], &["install", "--no-install-recommends"], packages].concat();
        let hint = format!("check the network, then try `apt-get install {names}` by hand");
        self.run(&self.as_root(&install)?).await.hint(hint)
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
