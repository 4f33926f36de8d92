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
