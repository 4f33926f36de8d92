//! Programs that others wrote, for a test: fetched once and kept below the target folder, started, and ended with
//! the test. Tests in other processes wait while one is fetched.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Far above what a loaded machine takes for any single step.
const PATIENCE: Duration = Duration::from_secs(60);
const NODE: &str = "install Node.js 20 or newer with npm, then try again";
const PYTHON: &str = "install python3 with its venv module, then try again";

/// The folder `name`, in which `fetch` was run for this list once.
async fn fetched(name: &str, list: &str, fetch: impl AsyncFnOnce(&Path)) -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    let target = binary.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()).unwrap();
    let folder = target.join("foreign").join(name);
    fs::create_dir_all(&folder).unwrap();
    let file = File::create(folder.join("lock")).unwrap();
    let lock = spawn_blocking(move || file.lock().map(|()| file)).await.unwrap().unwrap();
    let done = folder.join("fetched");
    if fs::read_to_string(&done).ok().as_deref() != Some(list) {
        fetch(&folder).await;
        fs::write(&done, list).unwrap();
    }
    drop(lock);
    folder
}

/// Node with packages of npm, which are at `NODE_PATH`, and a script below `tests/`.
///
/// # Panics
/// When they cannot be fetched, as in all of these.
pub async fn node(packages: &[&str], script: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let name = script.file_stem().unwrap().to_string_lossy();
    let list = packages.join(" ");
    let folder = fetched(&name, &list, async |folder| {
        fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--ignore-scripts"]);
        said(npm.args(packages).current_dir(folder), NODE).await;
    });
    let mut node = Command::new("node");
    node.env("NODE_PATH", folder.await.join("node_modules")).arg(script);
    node
}

/// Python with packages of PyPI, and a script below `tests/`.
pub async fn python(packages: &[&str], script: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let name = script.file_stem().unwrap().to_string_lossy();
    let list = packages.join(" ");
    let folder = fetched(&name, &list, async |folder| {
        let mut python = Command::new("python3");
        said(python.args(["-m", "venv", "venv"]).current_dir(folder), PYTHON).await;
        if !packages.is_empty() {
            let mut pip = Command::new(folder.join("venv/bin/python"));
            said(pip.args(["-m", "pip", "install", "--quiet"]).args(packages), PYTHON).await;
        }
    });
    let mut python = Command::new(folder.await.join("venv/bin/python"));
    python.arg(script);
    python
}

/// The files of a package of Debian, unpacked and not installed; `None`, and a word on stderr, where there
/// is no `apt-get`, as on another system.
#[expect(clippy::print_stderr, reason = "the tests' output is to say so")]
pub async fn debian(package: &str) -> Option<PathBuf> {
    let apt = Command::new("apt-get").arg("--version").stdout(Stdio::null()).status().await;
    if !apt.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {package} is fetched by apt-get, which is not here");
        return None;
    }
    let folder = fetched(package, package, async |folder| {
        let script = "apt-get download \"$0\" || { apt-get update && apt-get download \"$0\"; }\n\
                      rm -rf files && dpkg -x \"$0\"_*.deb files && rm -- *.deb";
        let mut fetch = Command::new("sh");
        fetch.args(["-ec", script, package]).current_dir(folder);
        said(&mut fetch, "see what apt-get says").await;
    });
    Some(folder.await.join("files"))
}

/// Whether a program may see folders of its own in the place of the system's. Some systems let only root do that;
/// then a word goes to stderr.
#[expect(clippy::print_stderr, reason = "the tests' output is to say so")]
pub async fn may_mount() -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "true"]).stderr(Stdio::null());
    let may = unshare.status().await.is_ok_and(|status| status.success());
    if !may {
        eprintln!("skipped: this user may not mount in a namespace of its own");
    }
    may
}

/// What a program said to its good end.
pub async fn said(command: &mut Command, hint: &str) -> String {
    let out = command.kill_on_drop(true).output().await;
    let out = out.unwrap_or_else(|err| panic!("{command:?}: {err}; {hint}"));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?} failed: {errors}\nhint: {hint}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// A program that says what it does line by line. It is killed with this value.
#[derive(Debug)]
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    errors: ChildStderr,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.kill_on_drop(true).spawn();
        let mut child = started.unwrap_or_else(|err| panic!("{command:?}: {err}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (input, errors) = (child.stdin.take(), child.stderr.take().unwrap());
        Self { child, input, lines, errors }
    }

    /// The rest of the next line, which begins with these words.
    pub async fn says(&mut self, words: &str) -> String {
        let next = timeout(PATIENCE, self.lines.next_line()).await;
        let line = next.unwrap_or_else(|_| panic!("{words:?} did not come")).unwrap();
        let Some(rest) = line.as_deref().and_then(|line| line.strip_prefix(words)) else {
            drop(self.child.start_kill());
            let mut errors = String::new();
            drop(self.errors.read_to_string(&mut errors).await);
            panic!("it was to say {words:?} and said {line:?}; {errors}");
        };
        rest.trim().to_owned()
    }

    pub async fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        input.flush().await.unwrap();
    }

    /// Waits for its good end.
    pub async fn ends(mut self) {
        drop(self.input.take());
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end")).unwrap();
        assert!(status.success(), "it ended with {status}");
    }
}
