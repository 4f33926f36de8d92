//! `nanoclaw start`: the host in the background.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use store::layout::Layout;
use tokio::time::{sleep, timeout};

use crate::admin::{self, Unanswered};
use crate::error::fail;
use crate::{home, lock, logfile, term};

/// A host is ready within a fraction of a second; a machine that is just booting needs more.
const READY_MAX: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Lines of the log that tell why a host did not come up.
const TAIL_LINES: usize = 15;

/// What [`start`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    Before(u32),
    Now(u32),
}

pub(super) async fn perform(layout: &Layout) -> anyhow::Result<()> {
    let line = match start(layout).await? {
        Started::Before(pid) => format!("the host runs already (pid {pid})"),
        Started::Now(pid) => format!("the host runs (pid {pid}); talk to it with `nanoclaw chat`"),
    };
    term::out(&line);
    Ok(())
}

/// Starts the host unless it runs, and waits until it answers.
pub(crate) async fn start(layout: &Layout) -> anyhow::Result<Started> {
    home::create(layout)?;
    match admin::status(layout).await {
        Ok(status) => return Ok(Started::Before(status.pid)),
        Err(Unanswered::NotRunning) => {}
        Err(trouble) => return Err(trouble.into_error(layout)),
    }
    // Another `start` may be under way; then its host is as good as ours.
    let child = if lock::holder(layout).is_none() { Some(spawn(layout)?) } else { None };
    let ready = timeout(READY_MAX, until_ready(layout, child)).await;
    ready.unwrap_or_else(|_| Err(not_ready(layout, "the host did not get ready within 15 s")))
}

fn spawn(layout: &Layout) -> anyhow::Result<Child> {
    let path = layout.host_log();
    logfile::put_aside(&path).with_context(|| format!("could not move {}", path.display()))?;
    let log = logfile::open(&path).with_context(|| format!("could not open {}", path.display()))?;
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
        if let Ok(status) = admin::status(layout).await {
            return Ok(Started::Now(status.pid));
        }
        if let Some(child) = &mut child
            && let Some(status) = child.try_wait()?
            // It may have lost a race against another `start`.
            && lock::holder(layout).is_none()
        {
            return Err(not_ready(layout, &format!("the host ended at once ({status})")));
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
