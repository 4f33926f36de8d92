//! One install on this machine: the real binary, a directory of its own, the real engine.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use domain::SessionId;
use sandbox::Sandbox;
use sandbox::docker::{DockerOptions, DockerSandbox};
use store::CentralStore;
use store::layout::Layout;
use tokio::time::sleep;

/// The longest that anything here may take on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Rig {
    dir: tempfile::TempDir,
    host: Option<Child>,
}

/// What the test command provides; see `nanoclaw.sh test`.
pub(crate) fn provided(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; run the tests with `./nanoclaw.sh test`"))
}

impl Rig {
    /// A fresh install whose host runs.
    pub(crate) async fn start() -> Self {
        let mut rig = Self { dir: tempfile::tempdir().unwrap(), host: None };
        assert!(rig.run(&["setup", "--yes", "--only", "data,defaults"]).status.success());
        let central = CentralStore::open(&rig.layout().central()).unwrap();
        central.set_setting("image", &provided("NANOCLAW_TEST_IMAGE")).unwrap();
        drop(central);
        rig.start_host().await;
        rig
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.dir.path().canonicalize().unwrap())
    }

    /// `nanoclaw run`, until it is ready.
    pub(crate) async fn start_host(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("host-output.log")).unwrap();
        let host = self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.host = Some(host);
        for _ in 0..200 {
            if self.run(&["status"]).status.success() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the host is not ready:\n{}", self.log());
    }

    /// `kill -9`.
    pub(crate) fn kill_host(&mut self) {
        let mut host = self.host.take().unwrap();
        host.kill().unwrap();
        host.wait().unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(provided("NANOCLAW_TEST_BIN"));
        command.args(args).env("NANOCLAW_HOME", self.layout().home()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// `nanoclaw chat MESSAGE` in the background; [`Chat::answer`] waits for it.
    pub(crate) fn say(&self, chat: &str, message: &str) -> Chat {
        self.say_to(None, chat, message)
    }

    /// The same to another agent than the first.
    pub(crate) fn say_to(&self, agent: Option<&str>, chat: &str, message: &str) -> Chat {
        let timeout = PATIENCE.as_secs().to_string();
        let mut command = self.command(&["chat", "--chat", chat, "--timeout", &timeout]);
        command.args(agent.map(|it| format!("--agent={it}"))).args(["--", message]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Chat { child, log: self.layout().home().join("host-output.log") }
    }

    /// Sends and waits.
    pub(crate) async fn ask(&self, chat: &str, message: &str) -> String {
        self.say(chat, message).answer().await
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.run(&["status", "--json"]).stdout).unwrap()
    }

    /// Makes the agent talk to a model API on loopback.
    pub(crate) fn use_model(&self, url: &str, key: &str) {
        let out = self.run_with_input(&["vault", "add", "anthropic", "--base-url", url], key);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// The engine as this install sees it.
    pub(crate) fn engine(&self) -> DockerSandbox {
        let central = CentralStore::open(&self.layout().central()).unwrap();
        let install = central.setting("install").unwrap().unwrap();
        let (user, root) = ((1000, 1000), self.layout().home().to_owned());
        DockerSandbox::new(DockerOptions { install, user, root, socket: None })
    }

    /// `docker kill` of a session's container: gone without a word.
    pub(crate) async fn kill_container(&self, session: SessionId) {
        self.engine().stop(session).await.unwrap();
    }

    /// Waits until a session's container runs.
    pub(crate) async fn until_running(&self, session: SessionId) {
        let engine = self.engine();
        for _ in 0..600 {
            let seen = engine.inspect(session).await.unwrap();
            if matches!(seen, sandbox::Observed::Running { .. }) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("no container runs:\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("host-output.log")).unwrap_or_default()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut host) = self.host.take() {
            let _ = host.kill();
            let _ = host.wait();
        }
        let central = CentralStore::open(&self.layout().central());
        if !central.is_ok_and(|it| it.setting("install").is_ok_and(|it| it.is_some())) {
            return; // It never got as far as a container.
        }
        let engine = self.engine();
        // A runtime of its own: a drop cannot wait on the test's.
        let cleaning = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for session in engine.list().await.unwrap_or_default() {
                    let _ = engine.stop(session).await;
                }
            });
        });
        let _ = cleaning.join();
    }
}

/// A `nanoclaw chat` that was sent.
pub(crate) struct Chat {
    child: Child,
    log: PathBuf,
}

impl Chat {
    /// What it printed, once a word came: an answer, or a notice that says why there is none.
    pub(crate) async fn answer(self) -> String {
        let log = self.log.clone();
        let out = self.output().await;
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
        // A notice that says why there is no answer has an exit code of its own where an agent is stopped.
        let has_none =
            complaint.contains("the agent did not answer") || out.status.code() == Some(4);
        let is_told = has_none && !said.trim().is_empty();
        assert!(out.status.success() || is_told, "chat failed: {complaint}\n{said}\nhost:\n{log}");
        said
    }

    pub(crate) async fn output(self) -> Output {
        tokio::task::spawn_blocking(move || self.child.wait_with_output().unwrap()).await.unwrap()
    }
}
