//! What `start` leaves in the background: starts the host, and starts it again when it dies.
//!
//! A host that was asked to stop exits with 0, and then this ends too. One that fails before it was
//! ever up fails for a reason that a restart does not change, and its reason must be seen: so that
//! ends this as well, with the host's code.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use domain::time::backoff;
use store::layout::Layout;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use tracing::warn;

/// A host that lived this long was up.
const UP_AFTER: Duration = Duration::from_secs(5);
const BACKOFF_BASE: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A host that lived this long is as good as one that never failed.
const WELL_AFTER: Duration = Duration::from_secs(10 * 60);

pub(super) async fn perform(layout: &Layout) -> anyhow::Result<ExitCode> {
    // Fails only for the leader of a group, which has left the terminal's already.
    let _ = rustix::process::setsid();
    super::run::log_to(true, layout)?;
    let program = std::env::current_exe().context("the program does not find itself")?;
    let (mut was_up, mut failures) = (false, 0);
    loop {
        let started = Instant::now();
        let mut host = Command::new(&program);
        host.args(["run", "--detached"]).env("NANOCLAW_HOME", layout.home());
        let ended = host.status().await.context("the host could not be started")?;
        if ended.success() {
            return Ok(ExitCode::SUCCESS);
        }
        let lived = started.elapsed();
        was_up |= UP_AFTER <= lived;
        if !was_up {
            return Ok(ExitCode::FAILURE);
        }
        failures = if WELL_AFTER <= lived { 1 } else { failures + 1 };
        let wait = backoff(BACKOFF_BASE, BACKOFF_MAX, failures);
        warn!(%ended, wait_ms = wait.as_millis(), "the host died and is started again");
        sleep(wait).await;
    }
}
