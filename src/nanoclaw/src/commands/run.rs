//! The host itself: `nanoclaw run` in the foreground, its keeper in the background, and its log.

use std::io;
use std::process::{ExitCode, ExitStatus};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use domain::time::backoff;
use rustix::process::{Pid, Signal, kill_process};
use store::layout::Layout;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};
use tracing::{error, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use crate::error::fail;
use crate::logfile::{self, Follow};
use crate::{admin, home, lock, term};

/// What is logged unless this variable says otherwise.
const FILTER: &str = "NANOCLAW_LOG";
/// A host that was killed before it was ready is started again this often.
const EARLY_KILLS_MAX: u32 = 3;
/// Between looks whether the host is ready.
const READY_LOOK: Duration = Duration::from_millis(50);
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
/// A host that was asked to stop exits with 0, and then this ends too. One that fails before one was
/// ever ready fails for a reason that a restart does not change, and its reason must be seen: so that
/// ends this as well, with a failure. A signal (`stop` sends it where no host runs that could be asked)
/// ends both; another one (`start` sends it) ends a wait.
pub(super) async fn keep(layout: &Layout) -> anyhow::Result<ExitCode> {
    // Fails only for the leader of a group, which has left the terminal's already.
    let _ = rustix::process::setsid();
    log_to(true, layout)?;
    // Before the lock, by which others know whom to send them.
    let mut is_ended = signal(SignalKind::terminate())?;
    let mut is_hurried = signal(SignalKind::user_defined1())?;
    // Another keeper has it: then that one's host is as good.
    let Some(_lock) = lock::hold(&lock::keeper(layout))? else { return Ok(ExitCode::SUCCESS) };
    let program = std::env::current_exe().context("the program does not find itself")?;
    let (mut was_ready, mut failures) = (false, 0);
    loop {
        let started = Instant::now();
        let mut host = Command::new(&program);
        host.args(["run", "--detached"]).env("NANOCLAW_HOME", layout.home());
        let mut host = host.spawn().context("the host could not be started")?;
        let ended = tokio::select! {
            ended = watch(&mut host, layout, &mut was_ready) => Some(ended),
            _ = is_ended.recv() => None,
        };
        let Some(ended) = ended else {
            let pid = host.id().and_then(|it| Pid::from_raw(it.cast_signed()));
            pid.map(|it| kill_process(it, Signal::TERM)).transpose()?;
            host.wait().await?;
            return Ok(ExitCode::SUCCESS);
        };
        let ended = ended.context("the host could not be waited for")?;
        if ended.success() {
            return Ok(ExitCode::SUCCESS);
        }
        let lived = started.elapsed();
        let was_killed = ended.code().is_none();
        if !was_ready && (!was_killed || EARLY_KILLS_MAX <= failures) {
            error!(%ended, "the host ended before it was ready and is not started again");
            return Ok(ExitCode::FAILURE);
        }
        failures = if WELL_AFTER <= lived { 1 } else { failures + 1 };
        let wait = backoff(BACKOFF_BASE, BACKOFF_MAX, failures);
        warn!(%ended, wait_ms = wait.as_millis(), "the host died and is started again");
        tokio::select! {
            () = sleep(wait) => {}
            _ = is_hurried.recv() => {}
            _ = is_ended.recv() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Waits for the host's end, and notes that it was ready.
async fn watch(host: &mut Child, layout: &Layout, was_ready: &mut bool) -> io::Result<ExitStatus> {
    let pid = host.id();
    tokio::select! {
        ended = host.wait() => return ended,
        () = until_ready(layout, pid) => *was_ready = true,
    }
    host.wait().await
}

/// Waits until this very host answers; another one may run where two were started at once.
async fn until_ready(layout: &Layout, pid: Option<u32>) {
    while !matches!(admin::status(layout).await, Ok(Some(it)) if Some(it.pid) == pid) {
        sleep(READY_LOOK).await;
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
