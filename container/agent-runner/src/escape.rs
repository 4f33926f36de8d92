//! The escape list: what an agent could try to get out of its container, tried from inside of one.
//!
//! ```text
//! nanoclaw selftest --escape ─▶ container: runner (as for any session) ─▶ `agent-runner escape`, as the agent
//! ```
//!
//! An attack is held when the kernel refuses it, and not when it fails for another reason: a call that
//! complains of its arguments was let in. What must work is on the list too, so that a container in
//! which nothing works does not look safe.

mod bounds;
mod files;
mod kernel;
mod network;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::Stdio;

use domain::inside;
use serde::Serialize;
use tokio::process::Command;

use crate::Config;
use crate::users::AgentUser;

/// One line of the list.
#[derive(Debug, Serialize)]
pub struct Attempt {
    attack: String,
    /// `refused`, `bounded` or `allowed`.
    expected: &'static str,
    got: String,
    held: bool,
}

impl Attempt {
    /// An attack that the kernel has to refuse.
    fn refused<T>(attack: impl Into<String>, tried: io::Result<T>) -> Self {
        let (got, held) = match tried {
            Ok(_) => ("it worked".to_owned(), false),
            Err(err) => (err.to_string(), true),
        };
        Self { attack: attack.into(), expected: "refused", got, held }
    }

    /// An address that no route leads to. Any other error may be the word of somebody who was reached.
    fn unreachable<T>(attack: String, tried: io::Result<T>) -> Self {
        let is_cut = tried.as_ref().is_err_and(|err| {
            matches!(err.kind(), ErrorKind::NetworkUnreachable | ErrorKind::PermissionDenied)
        });
        Self { held: is_cut, ..Self::refused(attack, tried) }
    }

    /// Something that may be done up to a limit.
    fn bounded(attack: &str, held: bool, got: impl Into<String>) -> Self {
        Self { attack: attack.to_owned(), expected: "bounded", got: got.into(), held }
    }

    /// Something that an agent needs.
    fn allowed<T>(what: &str, tried: io::Result<T>) -> Self {
        let (got, held) = match tried {
            Ok(_) => ("it worked".to_owned(), true),
            Err(err) => (err.to_string(), false),
        };
        Self { attack: what.to_owned(), expected: "allowed", got, held }
    }
}

/// Runs the list as the agent, from a runner that has its mailboxes open, and leaves the report where
/// the host finds it.
///
/// # Errors
/// When the list could not be run to its end.
pub async fn run_as_agent(config: &Config) -> io::Result<()> {
    let mut list = Command::new(std::env::current_exe()?);
    AgentUser(config.agent_uid).take(&mut list);
    let ended = list
        .arg("escape")
        .current_dir(&config.workspace)
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
///
/// # Errors
/// When it cannot be printed.
pub fn run() -> io::Result<()> {
    let outside = std::env::var_os(inside::ESCAPE_ENV).unwrap_or_default();
    let runner = rustix::process::getppid();
    let mut list = files::attempts(runner, Path::new(&outside));
    list.extend(kernel::attempts(runner));
    list.extend(network::attempts());
    list.extend(bounds::attempts());
    serde_json::to_writer(io::stdout(), &list)?;
    Ok(())
}
