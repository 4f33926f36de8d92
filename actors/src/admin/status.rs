//! Gathers what `nanoclaw status` shows. Asks everybody, waits for nobody long.

use std::time::Duration;

use domain::plain::chain;
use engine::protocol::{Engine, SessionStatus, Status, StopStatus};
use futures_util::future::join_all;
use ractor::rpc::CallResult;
use tokio::time::timeout;

use crate::channels::ChannelsMessage;
use crate::peers::LiveHost;
use crate::session::SessionMessage;
use crate::sessions::{Listed, SessionsMessage};
use crate::tree::RootMessage;

/// An actor that does not answer within this is shown as busy.
const WITHIN: Duration = Duration::from_secs(2);

/// Longer than the engine's own deadline for such a question.
const ENGINE_WITHIN: Duration = Duration::from_secs(8);

pub(super) async fn gather(host: &LiveHost) -> Result<Status, String> {
    let actors = host.peers.root.call_within(WITHIN, RootMessage::Actors).await.unwrap_or_default();
    let channels =
        host.peers.channels.call_within(WITHIN, ChannelsMessage::List).await.unwrap_or_default();
    let counts = host.central.read(|it| Ok((it.session_count()?, it.refusals()?))).await;
    let (sessions_known, refused_requests) = counts.map_err(|err| chain(&err))?;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let sessions = sessions(host).await;
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        up_seconds: host.clock.now().since(host.started_at).as_secs(),
        home: host.layout.home().display().to_string(),
        engine: engine(host).await,
        actors,
        channels: join_all(channels.iter().map(|it| it.status(WITHIN))).await,
        sessions,
        sessions_known,
        containers_running: count(host.container_slots.taken()),
        containers_max: count(host.container_slots.max()),
        refused_requests,
        stops: StopStatus::of(&host.stops.stops()),
    })
}

async fn engine(host: &LiveHost) -> Engine {
    let why = match timeout(ENGINE_WITHIN, host.sandbox.list()).await {
        Ok(Ok(_)) => return Engine { reachable: true, why: None },
        Ok(Err(err)) => chain(&err),
        Err(_) => "it does not answer".to_owned(),
    };
    Engine { reachable: false, why: Some(why) }
}

async fn sessions(host: &LiveHost) -> Vec<SessionStatus> {
    let listed =
        host.peers.sessions.call_within(WITHIN, SessionsMessage::List).await.unwrap_or_default();
    let mut sessions = join_all(listed.into_iter().map(session)).await;
    sessions.sort_by(|a, b| a.id.len().cmp(&b.id.len()).then_with(|| a.id.cmp(&b.id)));
    sessions
}

async fn session(listed: Listed) -> SessionStatus {
    let row = &listed.row;
    let fallback = SessionStatus {
        id: row.id.to_string(),
        agent: row.agent.to_string(),
        chat: row.shares(),
        container: if listed.parked.is_some() { "parked" } else { "busy" }.into(),
        linked: false,
        waiting: 0,
        undelivered: 0,
        why: listed.parked.clone(),
    };
    let Some(actor) = listed.actor else { return fallback };
    let status = actor.call(SessionMessage::Status, Some(WITHIN)).await;
    status.unwrap_or(CallResult::Timeout).unwrap_or(fallback)
}
