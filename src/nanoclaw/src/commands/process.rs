//! `nanoclaw start` and `stop`: the host in the background. Containers go on with what they do when it
//! stops, and the next host finds them; `uninstall` removes them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use domain::texts::count;
use engine::protocol::{Request, Response};
use operations::Output;
use rustix::process::{Signal, kill_process};
use sandbox::Sandbox;
use serde_json::json;
use store::layout::Layout;
use tokio::time::{sleep, timeout};

use crate::error::fail;
use crate::{admin, home, install, lock, logfile, term};

/// A host is ready within a fraction of a second; a machine that is just booting needs more.
const READY_MAX: Duration = Duration::from_secs(15);
/// The tree stops its actors one after the other, each within seconds.
const STOP_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Lines of the log that tell why a host did not come up.
const TAIL_LINES: usize = 15;

/// What [`start`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    Before(u32),
    Now(u32),
}

pub(super) async fn perform_start(layout: &Layout) -> anyhow::Result<Output> {
    let (pid, text) = match start(layout).await? {
        Started::Before(pid) => (pid, format!("the host runs already (pid {pid})")),
        Started::Now(pid) => {
            (pid, format!("the host runs (pid {pid}); talk to it with `nanoclaw chat`"))
        }
    };
    Ok(Output::new(text, json!({ "pid": pid })))
}

/// Starts the host unless it runs, and waits until it answers.
pub(crate) async fn start(layout: &Layout) -> anyhow::Result<Started> {
    home::create(layout)?;
    if let Some(status) = admin::status(layout).await? {
        return Ok(Started::Before(status.pid));
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
    let program = std::env::current_exe().context("the program does not find itself")?;
    Command::new(program)
        .arg("keeper")
        .env("NANOCLAW_HOME", layout.home())
        .current_dir(layout.home())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("the host could not be started")
}

async fn until_ready(layout: &Layout, mut child: Option<Child>) -> anyhow::Result<Started> {
    loop {
        if let Ok(Some(status)) = admin::status(layout).await {
            return Ok(Started::Now(status.pid));
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
    fail(what, "see the log above; `nanoclaw doctor` checks what the host needs")
}

pub(super) async fn stop(layout: &Layout) -> anyhow::Result<Output> {
    let Some(holder) = lock::holder(layout) else {
        let is_kept = end_keeper(layout).await?;
        let text = if is_kept { "no host ran; it is not started again" } else { "no host runs" };
        return Ok(Output::new(text, json!({ "stopped": is_kept })));
    };
    let asked = admin::ask(layout, &Request::Shutdown).await;
    let stopped = matches!(asked, Ok(Some(Response::Done))) && gone(layout).await;
    if !stopped && let Some(pid) = lock::holder(layout).and_then(|it| it.pid) {
        term::note("the host did not stop when asked; sending it a signal");
        kill_process(pid, Signal::TERM).context("the host could not be sent a signal")?;
        if !gone(layout).await {
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
    if let Some(pid) = keeper.pid {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::TERM);
    }
    if free(&path).await {
        return Ok(true);
    }
    let what = format!("what starts the host again does not end ({})", keeper.named());
    Err(fail(what, "end it with `kill -9` and its number"))
}

/// Waits for the lock, which goes last.
async fn gone(layout: &Layout) -> bool {
    free(&layout.lock()).await
}

async fn free(path: &Path) -> bool {
    let free = async {
        while lock::holder_of(path).is_some() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(STOP_MAX, free).await.is_ok()
}

/// Takes this install's containers away. What the script can do alone (the image, the data) it does.
pub(super) async fn uninstall(layout: &Layout) -> anyhow::Result<Output> {
    let mut removed = 0;
    if layout.central().is_file() {
        term::note(&stop(layout).await?.text);
        let sandbox = install::sandbox(layout, &home::central(layout)?)?;
        if let Some(sandbox) = sandbox {
            for session in sandbox.list().await? {
                sandbox.stop(session).await?;
                removed += 1;
            }
        }
    }
    Ok(Output::new(
        format!("removed {}", count(removed, "container")),
        json!({ "removed": removed }),
    ))
}
