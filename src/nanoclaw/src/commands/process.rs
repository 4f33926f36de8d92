//! `nanoclaw start` and `stop`: the host in the background, and its keeper. Containers go on with what they
//! do when it stops, and the next host finds them; `uninstall` removes them.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context;
use domain::texts::count;
use domain::time::backoff;
use engine::protocol::{Request, Response};
use operations::Output;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::Sandbox;
use serde_json::json;
use store::layout::Layout;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};

use crate::error::fail;
use crate::{admin, home, install, lock, logfile, run, term};

/// A host is ready within a fraction of a second; a machine that is just booting needs more.
const READY_MAX: Duration = Duration::from_secs(15);
/// The tree stops its actors one after the other, each within seconds.
const STOP_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A host that was killed before it was ready is started again this often.
const EARLY_KILLS_MAX: u32 = 3;
const BACKOFF_BASE: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A host that lived this long is as good as one that never failed.
const WELL_AFTER: Duration = Duration::from_secs(10 * 60);
/// With less than this free a host may fail to write even its log.
const FULL_BELOW_MIB: u64 = 2;
/// Lines of the log that tell why a host did not come up.
const TAIL_LINES: usize = 15;

pub(super) async fn perform_start(layout: &Layout) -> anyhow::Result<Output> {
    let (pid, is_new) = start(layout).await?;
    let text = match is_new {
        true => format!("the host runs (pid {pid}); talk to it with `nanoclaw chat`"),
        false => format!("the host runs already (pid {pid})"),
    };
    Ok(Output::new(text, json!({ "pid": pid })))
}

/// Starts the host unless it runs, and waits until it answers. Returns its pid, and whether it was started.
pub(crate) async fn start(layout: &Layout) -> anyhow::Result<(u32, bool)> {
    home::create(layout)?;
    if let Some(status) = admin::status(layout).await? {
        return Ok((status.pid, false));
    }
    // Another `start` may be under way, or a keeper waits to start the host again: then its host is as
    // good as ours.
    let child = match (lock::holder(layout), lock::holder_of(&lock::keeper(layout))) {
        (None, None) => Some(spawn(layout)?),
        (None, Some(keeper)) => {
            // It may have ended meanwhile; then nothing gets ready, and that is said.
            let _ = keeper.pid.map(|it| kill_process(it, Signal::USR1));
            None
        }
        (Some(_), _) => None,
    };
    let ready = timeout(READY_MAX, until_ready(layout, child)).await;
    ready.unwrap_or_else(|_| Err(not_ready(layout, "the host did not get ready within 15 s")))
}

fn spawn(layout: &Layout) -> anyhow::Result<Child> {
    let log = logfile::begin(&layout.host_log())?;
    Command::new(home::program()?)
        .arg("keeper")
        .env("NANOCLAW_HOME", layout.home())
        .current_dir(layout.home())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("the host could not be started")
}

async fn until_ready(layout: &Layout, mut child: Option<Child>) -> anyhow::Result<(u32, bool)> {
    loop {
        if let Ok(Some(status)) = admin::status(layout).await {
            return Ok((status.pid, true));
        }
        let ended = child.as_mut().map(Child::try_wait).transpose()?;
        // It may have lost a race against another `start`, or what was there before may have ended.
        if !matches!(ended, Some(None))
            && lock::holder(layout).is_none()
            && lock::holder_of(&lock::keeper(layout)).is_none()
        {
            return Err(not_ready(layout, "the host ended at once"));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn not_ready(layout: &Layout, what: &str) -> anyhow::Error {
    let path = layout.host_log();
    let tail = logfile::tail(&path, TAIL_LINES).unwrap_or_default();
    if !tail.is_empty() {
        term::note(&format!("the end of {}:\n{}", path.display(), tail.trim_end()));
    }
    explained(what, !tail.is_empty(), home::free_mib(layout.home()).unwrap_or(u64::MAX))
}

fn explained(what: &str, has_log: bool, free: u64) -> anyhow::Error {
    if free < FULL_BELOW_MIB {
        let what = format!("{what}; its disk is full, only {free} MiB are free");
        return fail(
            what,
            "free some space; `docker system df` shows what images and containers take",
        );
    }
    let see = if has_log { "see the log above" } else { "it left no log" };
    fail(what, format!("{see}; `nanoclaw doctor` checks what the host needs"))
}

pub(super) async fn stop(layout: &Layout) -> anyhow::Result<Output> {
    let Some(holder) = lock::holder(layout) else {
        let is_kept = end_keeper(layout).await?;
        let text = if is_kept { "no host ran; it is not started again" } else { "no host runs" };
        return Ok(Output::new(text, json!({ "stopped": is_kept })));
    };
    let asked = admin::ask(layout, &Request::Shutdown).await;
    let stopped = matches!(asked, Ok(Some(Response::Done))) && free(&layout.lock()).await;
    if !stopped && let Some(pid) = lock::holder(layout).and_then(|it| it.pid) {
        term::note("the host did not stop when asked; sending it a signal");
        kill_process(pid, Signal::TERM).context("the host could not be sent a signal")?;
        if !free(&layout.lock()).await {
            let pid = pid.as_raw_nonzero();
            let hint = format!("end it with `kill -9 {pid}`; nothing that was stored is lost");
            return Err(fail(format!("the host does not stop (pid {pid})"), hint));
        }
    }
    end_keeper(layout).await?;
    let text = format!("the host has stopped ({})", holder.named());
    Ok(Output::new(text, json!({ "stopped": true })))
}

/// Ends what would start the host again, and a host that it is just starting. Whether there was one.
async fn end_keeper(layout: &Layout) -> anyhow::Result<bool> {
    let path = lock::keeper(layout);
    let Some(keeper) = lock::holder_of(&path) else { return Ok(false) };
    // It may have ended meanwhile.
    let _ = keeper.pid.map(|it| kill_process(it, Signal::TERM));
    if free(&path).await {
        return Ok(true);
    }
    let what = format!("what starts the host again does not end ({})", keeper.named());
    Err(fail(what, "end it with `kill -9` and its number"))
}

/// Waits for a lock, which goes last.
async fn free(path: &Path) -> bool {
    let free = async {
        while lock::holder_of(path).is_some() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(STOP_MAX, free).await.is_ok()
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
    run::log_to(true, layout)?;
    // Before the lock, by which others know whom to send them.
    let mut is_ended = signal(SignalKind::terminate())?;
    let mut is_hurried = signal(SignalKind::user_defined1())?;
    // Another keeper has it: then that one's host is as good.
    let Some(_lock) = lock::hold(&lock::keeper(layout))? else { return Ok(ExitCode::SUCCESS) };
    let program = home::program()?;
    let (mut was_ready, mut failures) = (false, 0);
    loop {
        let started = Instant::now();
        let mut host = tokio::process::Command::new(&program);
        host.args(["run", "--detached"]).env("NANOCLAW_HOME", layout.home());
        let mut host = host.spawn().context("the host could not be started")?;
        let pid = host.id();
        let ended = loop {
            tokio::select! {
                ended = host.wait() => break ended.context("the host could not be waited for")?,
                () = until_answers(layout, pid), if !was_ready => was_ready = true,
                _ = is_ended.recv() => {
                    let pid = pid.and_then(|it| Pid::from_raw(it.cast_signed()));
                    pid.map(|it| kill_process(it, Signal::TERM)).transpose()?;
                    host.wait().await?;
                    return Ok(ExitCode::SUCCESS);
                }
            }
        };
        if ended.success() {
            return Ok(ExitCode::SUCCESS);
        }
        let was_killed = ended.code().is_none();
        if !was_ready && (!was_killed || EARLY_KILLS_MAX <= failures) {
            error!(%ended, "the host ended before it was ready and is not started again");
            return Ok(ExitCode::FAILURE);
        }
        failures = if WELL_AFTER <= started.elapsed() { 1 } else { failures + 1 };
        let wait = backoff(BACKOFF_BASE, BACKOFF_MAX, failures);
        warn!(%ended, wait_ms = wait.as_millis(), "the host died and is started again");
        tokio::select! {
            () = sleep(wait) => {}
            _ = is_hurried.recv() => {}
            _ = is_ended.recv() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Waits until this very host answers; another one may run where two were started at once.
async fn until_answers(layout: &Layout, pid: Option<u32>) {
    while !matches!(admin::status(layout).await, Ok(Some(it)) if Some(it.pid) == pid) {
        sleep(LOOK_EVERY).await;
    }
}

/// Takes this install's containers away. What the script can do alone (the image, the data) it does.
pub(super) async fn uninstall(layout: &Layout) -> anyhow::Result<Output> {
    let mut removed = 0;
    if layout.central().is_file() {
        term::note(&stop(layout).await?.text);
        if let Some(sandbox) = install::sandbox(layout, &home::central(layout)?)? {
            for session in sandbox.list().await? {
                sandbox.stop(session).await?;
                removed += 1;
            }
        }
    }
    let text = format!("removed {}", count(removed, "container"));
    Ok(Output::new(text, json!({ "removed": removed })))
}

#[cfg(test)]
mod tests {
    use super::explained;
    use crate::error::hint_of;

    #[test]
    fn a_host_that_ended_on_a_full_disk_is_said_to_have_had_no_room() {
        let full = explained("the host ended at once", false, 0);
        assert!(full.to_string().contains("its disk is full, only 0 MiB"), "{full}");
        assert!(hint_of(&full).unwrap().contains("free some space"));
        for (has_log, says) in [(true, "see the log above"), (false, "it left no log")] {
            let other = explained("the host ended at once", has_log, 5_000);
            assert_eq!(other.to_string(), "the host ended at once");
            assert!(hint_of(&other).unwrap().contains(says));
        }
    }
}
