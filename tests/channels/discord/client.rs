//! discord.js (<https://discord.js.org>) as a process that runs for a test: installed once, ended
//! with the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use harness::discord::FakeDiscord;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

const PACKAGE: &str = "discord.js@14.28.1";
const HINT: &str = "install Node.js 20 or newer with npm, then try again";
/// Far above what a loaded machine takes for any single step.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that says line by line what it did. It is killed with this value.
#[derive(Debug)]
pub(super) struct DiscordJs {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    errors: ChildStderr,
}

impl DiscordJs {
    pub(super) async fn start(double: &FakeDiscord, token: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("channels/discord/discord_js.cjs");
        let mut node = Command::new("node");
        node.env("NODE_PATH", installed().await.join("node_modules")).arg(script);
        node.args([&double.api_url(), &double.cdn_url(), token]);
        node.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = node.spawn().unwrap_or_else(|err| panic!("node: {err}; {HINT}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let errors = child.stderr.take().unwrap();
        Self { child, lines, errors }
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

    /// Waits for its good end.
    pub(super) async fn ends(mut self) {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end")).unwrap();
        assert!(status.success(), "it ended with {status}");
    }
}

/// Where the package is kept between runs. Tests in other processes wait while it is installed.
async fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("foreign/discord");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("lock");
    let locked = tokio::task::spawn_blocking(move || {
        let lock = File::create(path).unwrap();
        lock.lock().unwrap();
        lock
    });
    let lock = locked.await.unwrap();
    let done = folder.join("installed");
    if fs::read_to_string(&done).ok().as_deref() != Some(PACKAGE) {
        fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--save-exact",
            "--ignore-scripts",
            PACKAGE,
        ]);
        let out = npm.current_dir(&folder).output().await;
        let out = out.unwrap_or_else(|err| panic!("npm: {err}; {HINT}"));
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{PACKAGE} cannot be installed: {said}\nhint: {HINT}");
        fs::write(&done, PACKAGE).unwrap();
    }
    drop(lock);
    folder
}
