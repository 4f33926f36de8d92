//! Checks of the running host.

use std::time::Duration;

use actors::admin::protocol::ChannelStatus;
use domain::time::about;
use store::layout::Layout;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Check;
use crate::admin::{self, Unanswered};
use crate::lock;
use domain::plain::chain;

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

/// Whether every platform is connected and gave a sign of life lately.
pub(super) async fn channels(layout: &Layout) -> Check {
    const NAME: &str = "channels";
    match admin::status(layout).await {
        Ok(status) => heard(NAME, &status.channels),
        Err(_) => Check::warn(NAME, "not checked, since no host answers", "`nanoclaw start`"),
    }
}

fn heard(name: &'static str, channels: &[ChannelStatus]) -> Check {
    let last = |channel: &ChannelStatus| match channel.silent_seconds {
        Some(secs) => format!("last heard {} ago", about(Duration::from_secs(secs))),
        None => "never heard".to_owned(),
    };
    let shown = |channel: &ChannelStatus| {
        let why = channel.why.as_ref();
        let why = why.map(|why| format!("; not connected: {why}")).unwrap_or_default();
        format!("{}/{}: {}{why}", channel.name, channel.account, last(channel))
    };
    let ill: Vec<_> = channels.iter().filter(|it| !it.connected || it.quiet).map(shown).collect();
    if ill.is_empty() {
        return Check::ok(name, channels.iter().map(shown).collect::<Vec<_>>().join("; "));
    }
    let fix = "the host reconnects automatically; where a credential is refused, store another one \
               with `nanoclaw channels add`";
    Check::warn(name, ill.join("; "), fix)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_channel_that_is_silent_or_gone_is_named_with_what_to_do() {
        let well = ChannelStatus {
            name: "telegram".into(),
            account: "main".into(),
            connected: true,
            why: None,
            silent_seconds: Some(12),
            quiet: false,
        };
        let check = heard("channels", std::slice::from_ref(&well));
        assert!(matches!(check.state, State::Ok));
        assert_eq!(check.detail, "telegram/main: last heard 12 s ago");
        let silent = ChannelStatus { silent_seconds: Some(80), quiet: true, ..well.clone() };
        let (connected, why) = (false, Some("the token".into()));
        let gone = ChannelStatus { connected, why, silent_seconds: None, ..well.clone() };
        for (ill, says) in [
            (silent, "telegram/main: last heard 1 min ago"),
            (gone, "telegram/main: never heard; not connected: the token"),
        ] {
            let check = heard("channels", &[well.clone(), ill]);
            assert!(matches!(check.state, State::Warn) && check.fix.is_some());
            assert_eq!(check.detail, says);
        }
    }
}
