//! Programs of others that run for a test: installed once, ended with the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// <https://grammy.dev> and <https://www.npmjs.com/package/telegram-test-api>
const NPM: [&str; 2] = ["grammy@1.46.0", "telegram-test-api@4.2.1"];
/// <https://docs.python-telegram-bot.org>
const PIP: [&str; 1] = ["python-telegram-bot==22.8"];

/// Far above what a loaded machine takes for any single step.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where packages are kept between runs, one folder for each list of them.
fn folder(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("foreign/telegram").join(name)
}

/// Installs what is not there yet. Tests in other processes wait meanwhile.
async fn installed(name: &str, list: &str, install: impl AsyncFnOnce(&Path)) -> PathBuf {
    let folder = folder(name);
    fs::create_dir_all(&folder).unwrap();
    let guarded = folder.clone();
    let lock = tokio::task::spawn_blocking(move || {
        let lock = File::create(guarded.join("lock")).unwrap();
        lock.lock().unwrap();
        lock
    });
    let lock = lock.await.unwrap();
    let done = folder.join("installed");
    if fs::read_to_string(&done).ok().as_deref() != Some(list) {
        install(&folder).await;
        fs::write(&done, list).unwrap();
    }
    drop(lock);
    folder
}

/// Node with the packages of [`NPM`] and a script of ours.
pub(super) async fn node(script: &str) -> Command {
    let list = NPM.join(" ");
    let folder = installed("npm", &list, async |folder| {
        fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--ignore-scripts"]);
        run(npm.args(NPM).current_dir(folder), "npm comes with Node.js; install that").await;
    });
    let mut node = Command::new("node");
    node.env("NODE_PATH", folder.await.join("node_modules")).arg(path_of(script));
    node
}

/// Python with the packages of [`PIP`] and a script of ours.
pub(super) async fn python(script: &str) -> Command {
    let list = PIP.join(" ");
    let folder = installed("python", &list, async |folder| {
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "venv"]).current_dir(folder);
        run(&mut python, "install python3 with its venv module").await;
        let mut pip = Command::new(folder.join("venv/bin/python"));
        run(pip.args(["-m", "pip", "install", "--quiet"]).args(PIP), "see above").await;
    });
    let mut python = Command::new(folder.await.join("venv/bin/python"));
    python.arg(path_of(script));
    python
}

fn path_of(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("channels/telegram").join(script)
}

async fn run(command: &mut Command, hint: &str) {
    let out = command.output().await.unwrap_or_else(|err| panic!("{command:?}: {err}; {hint}"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?} failed: {said}\nhint: {hint}");
}

/// A program that says what it does line by line. It is killed with this value.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    errors: ChildStderr,
}

impl Program {
    pub(super) fn start(mut command: Command, hint: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.kill_on_drop(true).spawn();
        let mut child = started.unwrap_or_else(|err| panic!("{command:?}: {err}; {hint}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (input, errors) = (child.stdin.take(), child.stderr.take().unwrap());
        Self { child, input, lines, errors }
    }

    /// The rest of the next line, which begins with these words.
    pub(super) async fn says(&mut self, words: &str) -> String {
        let next = timeout(PATIENCE, self.lines.next_line()).await;
        let line = next.unwrap_or_else(|_| panic!("{words:?} did not come")).unwrap();
        let Some(rest) = line.as_deref().and_then(|it| it.strip_prefix(words)) else {
            drop(self.child.start_kill());
            let mut errors = String::new();
            drop(self.errors.read_to_string(&mut errors).await);
            panic!("it was to say {words:?} and said {line:?}; {errors}");
        };
        rest.trim().to_owned()
    }

    pub(super) async fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        input.flush().await.unwrap();
    }

    /// Waits for its good end.
    pub(super) async fn ends(mut self) {
        drop(self.input.take());
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end")).unwrap();
        assert!(status.success(), "it ended with {status}");
    }
}
