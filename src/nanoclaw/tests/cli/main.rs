//! The command line as its users meet it: the real program on a data directory of its own.

#![expect(clippy::unwrap_used, reason = "a test fails at what does not work")]

mod agents;
mod backup;
mod basics;
mod channels;
mod chat;
mod outbox;
mod pairing;
mod people;
mod server;
mod stopping;
mod tasks;
mod times;
mod vault;
mod wiring;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use store::CentralStore;
use tempfile::TempDir;

/// A data directory, and the program run on it.
struct Home(TempDir);

/// What the program said and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    /// Set up, but for what needs an engine.
    fn new() -> Self {
        let home = Self::empty();
        home.run(&["setup", "--only", "data,defaults"]).fine();
        home
    }

    /// Not there yet.
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("home")
    }

    /// The central database, as the host has it open at the same time.
    fn store(&self) -> CentralStore {
        CentralStore::open(&self.path().join("central.db")).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nanoclaw"));
        command.args(args).env("NANOCLAW_HOME", self.path()).stdin(Stdio::null());
        // An engine that is not there: these tests need none, and must not touch one.
        command.env("DOCKER_HOST", format!("unix://{}/no.sock", self.0.path().display()));
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    /// Runs with `input` on the standard input.
    fn feed(&self, args: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses its arguments reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input);
        Said::from(child.wait_with_output().unwrap())
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// Succeeded; returns what it printed.
    #[track_caller]
    fn fine(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Failed with that code, said `why`, and what to do.
    #[track_caller]
    fn refused(self, code: i32, why: &str) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains(why), "{}", self.err);
        assert!(self.err.lines().any(|it| it.starts_with("error: ")), "{}", self.err);
        assert!(code == 64 || self.err.contains("\nhint: "), "{}", self.err);
    }

    #[track_caller]
    fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}
