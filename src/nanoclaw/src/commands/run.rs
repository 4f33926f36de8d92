//! The host itself: `nanoclaw run` in the foreground, its keeper in the background, and its log.

use std::io;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use domain::time::backoff;
use store::layout::Layout;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use tracing::warn;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use crate::error::fail;
use crate::logfile::{self, Follow};
use crate::{home, term};

/// What is logged unless this variable says otherwise.
const FILTER: &str = "NANOCLAW_LOG";
/// A host that lived this long was up.
const UP_AFTER: Duration = Duration::from_secs(5);
const BACKOFF_BASE: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A host that lived this long is as good as one that never failed.
const WELL_AFTER: Duration = Duration::from_secs(10 * 60);
/// Between looks for more of the log.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn perform(detached: bool, layout: &Layout) -> anyhow::Result<ExitCode> {
    if detached {
        // Fails only for the leader of a group, which has left the terminal's already.
        let _ = rustix::process::setsid();
    }
    home::create(layout)?;
    log_to(detached, layout)?;
    Box::pin(crate::run::run(layout)).await?;
    Ok(ExitCode::SUCCESS)
}

/// In the foreground both the terminal and the file get the log; detached, the standard error *is*
/// the file, so that a panic is in it too.
fn log_to(detached: bool, layout: &Layout) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        // Told on the same stderr, where a full disk would make it a panic.
        .log_internal_errors(false);
    if detached {
        log.with_writer(io::stderr).init();
        return Ok(());
    }
    let file = logfile::open(&layout.host_log())?;
    log.with_writer(Mutex::new(file).and(io::stderr)).init();
    Ok(())
}

/// What `start` leaves in the background: starts the host, and starts it again when it dies.
///
/// A host that was asked to stop exits with 0, and then this ends too. One that fails before it was
/// ever up fails for a reason that a restart does not change, and its reason must be seen: so that
/// ends this as well, with the host's code.
pub(super) async fn keep(layout: &Layout) -> anyhow::Result<ExitCode> {
    // Fails only for the leader of a group, which has left the terminal's already.
    let _ = rustix::process::setsid();
    log_to(true, layout)?;
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

/// The end of the host's log.
pub(super) async fn show_log(
    follow: bool,
    lines: usize,
    layout: &Layout,
) -> anyhow::Result<ExitCode> {
    let path = layout.host_log();
    // From before the tail is read, so that nothing falls between the two.
    let mut new = Follow::new(&path);
    match logfile::tail(&path, lines) {
        Ok(text) => term::out_piece(&text),
        Err(err) if err.kind() == io::ErrorKind::NotFound && follow => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let home = layout.home().display();
            return Err(fail(
                format!("there is no log: no host ran on {home} yet"),
                "start one with `nanoclaw start`",
            ));
        }
        Err(err) => {
            return Err(err).with_context(|| format!("could not read {}", path.display()));
        }
    }
    while follow && !term::has_failed() {
        let more = new.more().with_context(|| format!("could not read {}", path.display()))?;
        term::out_piece(&more);
        sleep(LOOK_EVERY).await;
    }
    Ok(ExitCode::SUCCESS)
}
