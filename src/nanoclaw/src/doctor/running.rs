//! Checks of the running host, and of what it stands on: the engine, the image, the model.

use std::error::Error;
use std::time::Duration;

use domain::plain::chain;
use domain::time::{Clock, SystemClock, about};
use engine::protocol::{ChannelStatus, Status};
use operations::instant;
use sandbox::engine::Engine;
use store::CentralStore;
use store::layout::Layout;
use tokio::net::UnixStream;
use tokio::time::timeout;
use vault::MODEL_CREDENTIAL;

use super::{Central, Check, Finding, fail, warn};
use crate::commands::channels::expose;
use crate::error::hint_of;
use crate::image::{self, ImageArgs};
use crate::lock::Holder;
use crate::{install, rows};

/// A socket on this machine answers at once or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(3);

const RESTART: &str = "`nanoclaw restart`";
const START: &str = "`nanoclaw start`";

/// What the host said of itself; nothing if none runs.
type HostStatus = anyhow::Result<Option<Box<Status>>>;

pub(super) fn host(status: &HostStatus, holder: Option<Holder>) -> Finding {
    let status = match (status, holder) {
        (Ok(Some(status)), _) => status,
        (Ok(None), Some(holder)) => {
            let what = format!("a host holds the lock ({}) but has no socket", holder.named());
            return Err(fail(what, RESTART));
        }
        (Ok(None), None) => return Err(warn("none runs", START)),
        (Err(err), _) => return Err(fail(chain(err.as_ref()), RESTART)),
    };
    let parked = status.sessions.iter().filter(|it| it.container == "parked").count();
    let down = status.actors.iter().filter(|it| !it.running).count();
    let what = format!("{} runs (pid {})", status.version, status.pid);
    if status.version != env!("CARGO_PKG_VERSION") {
        return Err(warn(format!("{what}, another version than this"), RESTART));
    }
    if parked + down > 0 {
        let what = format!("{what}; {down} actors are down, {parked} sessions parked");
        return Err(warn(what, "`nanoclaw status` and `nanoclaw logs` say why"));
    }
    Ok(what)
}

pub(super) async fn chat_socket(layout: &Layout, holder: Option<Holder>) -> Finding {
    if holder.is_none() {
        return Err(warn("not checked, since no host runs", START));
    }
    let why = match timeout(CONNECT_MAX, UnixStream::connect(layout.cli_socket())).await {
        Ok(Ok(_stream)) => return Ok("the terminal's socket answers".to_owned()),
        Ok(Err(err)) => err.to_string(),
        Err(_) => "it takes too long".to_owned(),
    };
    let what = format!("the terminal's socket does not answer: {why}");
    Err(fail(what, "`nanoclaw logs` says why; then `nanoclaw restart`"))
}

fn answered(status: &HostStatus) -> Result<&Status, Check> {
    let status = status.as_ref().ok().and_then(Option::as_deref);
    status.ok_or_else(|| warn("not checked, since no host answers", START))
}

/// Whether every platform is connected and gave a sign of life lately.
pub(super) fn channels(status: &HostStatus) -> Finding {
    heard(&answered(status)?.channels)
}

fn heard(channels: &[ChannelStatus]) -> Finding {
    let last = |channel: &ChannelStatus| match channel.silent_seconds {
        Some(secs) => format!("last heard {} ago", about(Duration::from_secs(secs))),
        None => "never heard".to_owned(),
    };
    let shown = |channel: &ChannelStatus| {
        let why = channel.why.as_ref();
        let why = why.map(|why| format!("; not connected: {why}")).unwrap_or_default();
        let meant = if channel.hears_only_when_meant { ", only what means it" } else { "" };
        format!("{}/{}: {}{meant}{why}", channel.name, channel.account, last(channel))
    };
    let ill: Vec<_> = channels.iter().filter(|it| !it.connected || it.quiet).map(shown).collect();
    if ill.is_empty() {
        return Ok(channels.iter().map(shown).collect::<Vec<_>>().join("; "));
    }
    let fix = "the host reconnects automatically; where a credential is refused, store another one \
               with `nanoclaw channels add`";
    Err(warn(ill.join("; "), fix))
}

/// A certificate is renewed a third of its time before it ends.
const EXPIRES_SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Only where webhooks are to come from elsewhere.
pub(super) async fn webhooks(layout: &Layout, central: &Central) -> Option<Finding> {
    let shown = expose::look(super::there(central)?, layout).await.ok()?;
    let fix = "see `nanoclaw channels expose` and `nanoclaw logs`";
    if let Some(trouble) = shown.trouble {
        return Some(Err(fail(trouble, fix)));
    }
    if let Some(at) = shown.expires_at
        && at.since(SystemClock.now()) < EXPIRES_SOON
    {
        let what = format!("the certificate of the webhook door ends at {}", instant(at));
        return Some(Err(warn(format!("{what} and was not renewed"), fix)));
    }
    shown.url.filter(|_| shown.is_tried).map(|it| Ok(format!("{it} leads here")))
}

/// Without its link a container still works, but slowly, and has no model.
pub(super) fn links(status: &HostStatus) -> Finding {
    let sessions = &answered(status)?.sessions;
    let running: Vec<_> = sessions.iter().filter(|it| it.container == "running").collect();
    let cut: Vec<&str> = running.iter().filter(|it| !it.linked).map(|it| it.id.as_str()).collect();
    if cut.is_empty() {
        return Ok(format!("{} running containers, all connected", running.len()));
    }
    let what = format!("the containers of {} are not connected to the host", cut.join(", "));
    Err(fail(what, "`nanoclaw restart`; if that does not help, `nanoclaw logs` says why"))
}

pub(super) async fn engine() -> Finding {
    let fix = "`nanoclaw setup` installs and starts Docker; if it runs, check that you may use it \
               (`sudo usermod -aG docker $USER`, then log in again)";
    let info = Engine::new(None).info().await.map_err(|err| fail(chain(&err), fix))?;
    let kernel = if info.kernel_shared { "this machine's kernel" } else { "a kernel of its own" };
    let what = format!("Docker {} on {kernel} ({})", info.version, info.architecture);
    if info.missing_limits.is_empty() {
        return Ok(what);
    }
    let ignored = info.missing_limits.join(", ");
    let fix = "turn the cgroup controllers on (on the kernel's command line: \
               `cgroup_enable=memory swapaccount=1`)";
    Err(warn(format!("{what} ignores these limits: {ignored}"), fix))
}

fn unread(err: &(dyn Error + 'static)) -> Check {
    fail(chain(err), "mend the database first")
}

pub(super) async fn image(layout: &Layout, central: &Central) -> Finding {
    const BUILD: &str = "`nanoclaw image build`";
    let none = || fail("none was built yet", BUILD);
    let central = central.as_ref().map_err(|err| unread(err))?.as_ref().ok_or_else(none)?;
    let inputs = image::inputs(&ImageArgs::default(), central, layout);
    let inputs = inputs.map_err(|err| unread(err.as_ref()))?;
    let built = central.setting(install::IMAGE).map_err(|err| unread(&err))?.ok_or_else(none)?;
    match image::current(&Engine::new(None), &inputs).await {
        Ok(Some(tag)) if tag == built => Ok(format!("{tag} is there and current")),
        Ok(_) => Err(warn(format!("{built} is missing or out of date"), BUILD)),
        Err(err) => Err(fail(chain(&err), err.hint())),
    }
}

pub(super) async fn credential(layout: &Layout, central: &Central) -> Finding {
    let line = format!("nanoclaw vault add {MODEL_CREDENTIAL}");
    let add = format!("`{line}`");
    let none = || warn("none is stored; agents are the demo, which is no model", &add);
    let central = central.as_ref().map_err(|err| unread(err))?.as_ref();
    let sealed = central.map_or(Ok(Vec::new()), CentralStore::secrets);
    let sealed: Vec<String> =
        sealed.map_err(|err| unread(&err))?.into_iter().map(|it| it.name).collect();
    if sealed.is_empty() {
        return Err(none());
    }
    let vault = rows::vault(layout).map_err(|err| {
        let what = format!("{} ({})", chain(err.as_ref()), sealed.join(", "));
        fail(what, hint_of(&err).unwrap_or(&add))
    })?;
    if !sealed.iter().any(|it| it == MODEL_CREDENTIAL) {
        return Err(none());
    }
    let probed = vault.probe(MODEL_CREDENTIAL).await;
    let (credential, reached) = probed.map_err(|err| fail(chain(&err), &add))?;
    let to = credential.base_url;
    match reached {
        Ok(_status) => Ok(format!("it opens, and {to} answers")),
        Err(trouble) => Err(fail(
            format!("it opens, but {to} does not answer: {}", chain(&trouble)),
            format!("check the network, or give another address: `{line} --base-url URL`"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_channel_that_is_silent_or_gone_is_named_with_what_to_do() {
        let well = ChannelStatus {
            name: "telegram".into(),
            account: "main".into(),
            connected: true,
            why: None,
            silent_seconds: Some(12),
            ..ChannelStatus::default()
        };
        let found = heard(std::slice::from_ref(&well));
        assert_eq!(found.unwrap(), "telegram/main: last heard 12 s ago");
        let meant = ChannelStatus { hears_only_when_meant: true, ..well.clone() };
        let shown = heard(std::slice::from_ref(&meant)).unwrap();
        assert_eq!(shown, "telegram/main: last heard 12 s ago, only what means it");
        let silent = ChannelStatus { silent_seconds: Some(80), quiet: true, ..well.clone() };
        let (connected, why) = (false, Some("the token".into()));
        let gone = ChannelStatus { connected, why, silent_seconds: None, ..well.clone() };
        for (ill, says) in [
            (silent, "telegram/main: last heard 1 min ago"),
            (gone, "telegram/main: never heard; not connected: the token"),
        ] {
            let problem = heard(&[well.clone(), ill]).unwrap_err();
            assert_eq!((problem.state, problem.detail.as_str()), (State::Warn, says));
        }
    }
}
