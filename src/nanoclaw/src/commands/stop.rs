//! `nanoclaw stop`: ends the host. Containers go on with what they do; the next host finds them.

use std::time::Duration;

use actors::admin::protocol::{Request, Response};
use anyhow::Context;
use rustix::process::{Signal, kill_process};
use store::layout::Layout;
use tokio::time::{sleep, timeout};

use crate::error::fail;
use crate::{admin, lock, term};

/// The tree stops its actors one after the other, each within seconds.
const STOP_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn perform(layout: &Layout) -> anyhow::Result<()> {
    let Some(holder) = lock::holder(layout) else {
        term::out("no host runs");
        return Ok(());
    };
    let asked = admin::ask(layout, &Request::Shutdown).await;
    let stopped = matches!(asked, Ok(Response::Done)) && gone(layout).await;
    if !stopped && let Some(pid) = lock::holder(layout).and_then(|it| it.pid) {
        term::note("the host did not stop when asked; sending it a signal");
        kill_process(pid, Signal::TERM).context("the host could not be sent a signal")?;
        if !gone(layout).await {
            let pid = pid.as_raw_nonzero();
            let hint = format!("end it with `kill -9 {pid}`; nothing that was stored is lost");
            return Err(fail(format!("the host does not stop (pid {pid})"), hint));
        }
    }
    term::out(&format!("the host has stopped ({})", holder.named()));
    Ok(())
}

/// Waits for the lock, which goes last.
async fn gone(layout: &Layout) -> bool {
    let free = async {
        while lock::holder(layout).is_some() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(STOP_MAX, free).await.is_ok()
}
