//! The escape list: what an agent could try to get out of its container, tried from inside of one.
//!
//! ```text
//! nanoclaw selftest --escape ─▶ container: runner (as for any session) ─▶ `agent-runner escape`, as the agent
//! ```
//!
//! An attack is held when the kernel refuses it, and not when it fails for another reason: a call that
//! complains of its arguments was let in. What must work is on the list too, so that a container in
//! which nothing works does not look safe.

mod files;
mod kernel;
mod network;

use std::io;
use std::path::Path;
use std::process::Stdio;

use domain::inside;
use serde::Serialize;

use crate::Config;

/// One line of the list.
#[derive(Serialize)]
struct Attempt {
    attack: String,
    /// `refused`, `bounded` or `allowed`.
    expected: &'static str,
    got: String,
    held: bool,
}

/// The list, as far as it was tried.
#[derive(Default, Serialize)]
struct List(Vec<Attempt>);

impl List {
    fn add(&mut self, attack: impl Into<String>, expected: &'static str, held: bool, got: String) {
        self.0.push(Attempt { attack: attack.into(), expected, got, held });
    }

    /// An attack that the kernel has to refuse.
    fn refused<T, E: Into<io::Error>>(&mut self, attack: impl Into<String>, tried: Result<T, E>) {
        self.add(attack, "refused", tried.is_err(), said(tried));
    }

    /// Something that may be done up to a limit.
    fn bounded(&mut self, attack: impl Into<String>, held: bool, got: String) {
        self.add(attack, "bounded", held, got);
    }

    /// Something that an agent needs.
    fn allowed<T, E: Into<io::Error>>(&mut self, what: impl Into<String>, tried: Result<T, E>) {
        self.add(what, "allowed", tried.is_ok(), said(tried));
    }
}

fn said<T, E: Into<io::Error>>(tried: Result<T, E>) -> String {
    let err: Option<io::Error> = tried.err().map(Into::into);
    err.map_or_else(|| "it worked".to_owned(), |it| it.to_string())
}

/// Runs the list as the agent, from a runner that has its mailboxes open, and leaves the report where
/// the host finds it.
pub async fn run_as_agent(config: &Config) -> io::Result<()> {
    let ended = config
        .agent_command(std::env::current_exe()?)
        .arg("escape")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        // As every program of an agent: a signal to the runner's group must not end the list itself.
        .process_group(0)
        .kill_on_drop(true)
        .output()
        .await?;
    if !ended.status.success() {
        return Err(io::Error::other(format!("the list ended with {}", ended.status)));
    }
    // Under its name only when it is whole.
    let half = config.outbound_dir.join(".escape");
    std::fs::write(&half, ended.stdout)?;
    std::fs::rename(half, config.outbound_dir.join(inside::ESCAPE_REPORT))
}

/// Tries everything and prints the report as JSON.
pub fn run() -> io::Result<()> {
    let outside = std::env::var_os(inside::ESCAPE_ENV).unwrap_or_default();
    let runner = rustix::process::getppid();
    let mut list = List::default();
    files::attempts(&mut list, runner, Path::new(&outside));
    network::attempts(&mut list);
    // Last: it uses up what there is.
    kernel::attempts(&mut list, runner);
    serde_json::to_writer(io::stdout(), &list)?;
    Ok(())
}
