//! A clone of this repository that can be updated, and what its user types there.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The tracked file that a former `add` edited.
pub(crate) const MANIFEST: &str = "src/nanoclaw/Cargo.toml";

pub(crate) fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// Copies a file or link with its time, by which cargo tells whether it changed.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    if from.is_symlink() {
        return symlink(fs::read_link(from).unwrap(), to).unwrap();
    }
    fs::copy(from, to).unwrap();
    let time = fs::metadata(from).unwrap().modified().unwrap();
    let file = File::options().write(true).open(to).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// The example of an add-on from elsewhere, in folder `to`.
pub(crate) fn smoke(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/addons/smoke");
    for name in ["Cargo.toml", "SKILL.md", "src/lib.rs"] {
        copy(&from.join(name), &to.join(name));
    }
}

pub(crate) struct Clone {
    /// Where the commits come from.
    upstream: PathBuf,
    pub(crate) path: PathBuf,
    /// Where programs are put.
    target: PathBuf,
    /// The data directory is below it. Apart, because a socket's path must be short.
    home: TempDir,
}

impl Clone {
    /// Makes both in the folder `base`.
    pub(crate) fn new(base: &Path) -> Self {
        let clone = Self {
            upstream: base.join("upstream.git"),
            path: base.join("clone"),
            target: base.join("target"),
            home: tempfile::tempdir().unwrap(),
        };
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = Command::new("git").args(args).current_dir(root()).output().unwrap();
        for name in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
            let from = root().join(name);
            // A file that was removed and not committed yet is still listed.
            if from.is_symlink() || from.exists() {
                copy(&from, &clone.path.join(name));
            }
        }
        clone.git(&["init", "--quiet", "--initial-branch", "main"]);
        clone.commit("as it is");
        let (path, upstream) = (clone.path.to_str().unwrap(), clone.upstream.to_str().unwrap());
        clone.git(&["clone", "--quiet", "--bare", path, upstream]);
        clone.git(&["remote", "add", "origin", upstream]);
        clone.git(&["fetch", "--quiet", "origin"]);
        clone.git(&["branch", "--quiet", "--set-upstream-to", "origin/main"]);
        clone
    }

    /// Runs git there; gives what it printed.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"];
        let mut git = Command::new("git");
        let output = git.args(who).args(args).current_dir(&self.path).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Makes a commit upstream that changes `files`; the clone has not heard of it.
    pub(crate) fn publish(&self, files: &[&str]) {
        let before = self.git(&["rev-parse", "HEAD"]);
        for file in files {
            let path = self.path.join(file);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, format!("{text}\n# newer\n")).unwrap();
        }
        self.commit("newer");
        self.git(&["push", "--quiet", "origin", "HEAD:main"]);
        self.git(&["reset", "--quiet", "--hard", before.trim()]);
        self.git(&["update-ref", "refs/remotes/origin/main", before.trim()]);
    }

    /// Runs the script from another folder, as its user may.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let mut script = Command::new("bash");
        script.arg(self.path.join("nanoclaw.sh")).args(args);
        script.current_dir(self.path.parent().unwrap()).env("NANOCLAW_PROFILE", "dev");
        // What was compiled for the tests is used; the programs that they run stay as they are.
        script.env("CARGO_TARGET_DIR", &self.target).env("CARGO_BUILD_BUILD_DIR", target);
        self.output(script)
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.target.join("debug/nanoclaw")
    }

    /// Runs the program; gives what it printed.
    #[track_caller]
    pub(crate) fn nanoclaw(&self, args: &[&str]) -> String {
        let mut program = Command::new(self.program());
        program.args(args);
        let output = self.output(program);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn output(&self, mut command: Command) -> Output {
        command.env("NANOCLAW_HOME", self.home.path().join("home")).stdin(Stdio::null());
        // An engine that is not there: none is needed here, and none may be touched.
        let engine = format!("unix://{}", self.home.path().join("no.sock").display());
        command.env("DOCKER_HOST", engine).output().unwrap()
    }

    /// It succeeds, and no tracked file changes.
    #[track_caller]
    pub(crate) fn fine(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        assert_eq!(self.git(&["status", "--porcelain"]), "", "{args:?}");
        said(&output)
    }

    /// It fails, says `why` and what to do, and changes neither the choice nor a tracked file.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str], why: &str) {
        let before = self.chosen();
        let output = self.run(args);
        let text = said(&output);
        assert!(!output.status.success() && text.contains(why), "{args:?}: {text}");
        assert!(text.contains("error: ") && text.contains("\nhint: "), "{args:?}: {text}");
        assert_eq!((self.chosen(), self.git(&["status", "--porcelain"])), (before, String::new()));
        assert!(!self.path.join("addons.new").exists(), "{args:?}");
    }

    /// The names that are chosen, and the program that links them.
    pub(crate) fn chosen(&self) -> (Vec<String>, String) {
        let folder = self.path.join("addons");
        let entries = fs::read_dir(folder.join("chosen")).into_iter().flatten();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(|it| name(it.unwrap())).collect();
        names.sort();
        let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
        (names, read("nanoclaw.rs") + &read("runner.rs") + &read("Cargo.lock"))
    }
}

impl Drop for Clone {
    /// A host that still runs must not outlive its test.
    fn drop(&mut self) {
        if self.home.path().join("home/run").exists() {
            let mut program = Command::new(self.program());
            program.arg("stop");
            self.output(program);
        }
    }
}

/// Both outputs.
fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
    text.concat()
}
