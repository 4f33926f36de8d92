//! Checks of the running host.

use std::time::Duration;

use store::layout::Layout;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Check, chain};
use crate::admin::{self, Unanswered};
use crate::lock;

/// A socket on this machine answers at once or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(3);

pub(super) async fn host(layout: &Layout) -> Check {
    const NAME: &str = "host";
    let restart = "`nanoclaw restart`";
    match (admin::status(layout).await, lock::holder(layout)) {
        (Ok(status), _) => {
            let parked = status.sessions.iter().filter(|it| it.container == "parked").count();
            let down = status.actors.iter().filter(|it| !it.running).count();
            let what = format!("{} runs (pid {})", status.version, status.pid);
            if status.version != env!("CARGO_PKG_VERSION") {
                return Check::warn(NAME, format!("{what}, another version than this"), restart);
            }
            if parked + down > 0 {
                let what = format!("{what}; {down} actors are down, {parked} sessions parked");
                return Check::warn(NAME, what, "`nanoclaw status` and `nanoclaw logs` say why");
            }
            Check::ok(NAME, what)
        }
        (Err(Unanswered::NotRunning), Some(holder)) => {
            let what = format!("a host holds the lock ({}) but has no socket", holder.named());
            Check::fail(NAME, what, restart)
        }
        (Err(Unanswered::NotRunning), None) => Check::warn(NAME, "none runs", "`nanoclaw start`"),
        (Err(Unanswered::Trouble(err)), _) => Check::fail(NAME, chain(err.as_ref()), restart),
    }
}

pub(super) async fn chat_socket(layout: &Layout) -> Check {
    const NAME: &str = "chat";
    if lock::holder(layout).is_none() {
        return Check::warn(NAME, "not checked, since no host runs", "`nanoclaw start`");
    }
    match timeout(CONNECT_MAX, UnixStream::connect(layout.cli_socket())).await {
        Ok(Ok(_stream)) => Check::ok(NAME, "the terminal's socket answers"),
        Ok(Err(err)) => {
            let what = format!("the terminal's socket does not answer: {err}");
            Check::fail(NAME, what, "`nanoclaw logs` says why; then `nanoclaw restart`")
        }
        Err(_) => {
            let what = "the terminal's socket does not answer";
            Check::fail(NAME, what, "`nanoclaw restart`")
        }
    }
}

/// Without its link a container still works, but slowly, and has no model.
pub(super) async fn links(layout: &Layout) -> Check {
    const NAME: &str = "link";
    let Ok(status) = admin::status(layout).await else {
        return Check::warn(NAME, "not checked, since no host answers", "`nanoclaw start`");
    };
    let running: Vec<_> = status.sessions.iter().filter(|it| it.container == "running").collect();
    let cut: Vec<&str> = running.iter().filter(|it| !it.linked).map(|it| it.id.as_str()).collect();
    if cut.is_empty() {
        return Check::ok(NAME, format!("{} running containers, all connected", running.len()));
    }
    let what = format!("the containers of {} are not connected to the host", cut.join(", "));
    Check::fail(NAME, what, "`nanoclaw restart`; if that does not help, `nanoclaw logs` says why")
}
