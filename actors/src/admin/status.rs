//! Gathers what `nanoclaw status` shows. Asks everybody, waits for nobody long.

use std::time::Duration;

use domain::AgentName;
use domain::plain::chain;
use domain::stop::{Stop, Stops};
use futures_util::future::join_all;
use ractor::rpc::CallResult;
use tokio::time::timeout;

use super::AdminArgs;
use super::protocol::{Engine, SessionStatus, Status, StopStatus};
use crate::channels::ChannelsMessage;
use crate::host::Host;
use crate::session::SessionMessage;
use crate::sessions::{Listed, SessionsMessage};
use crate::tree::RootMessage;

/// An actor that does not answer within this is shown as busy.
const WITHIN: Duration = Duration::from_secs(2);

/// Longer than the engine's own deadline for such a question.
const ENGINE_WITHIN: Duration = Duration::from_secs(8);

pub(super) async fn gather(args: &AdminArgs) -> Result<Status, String> {
    let host = &args.host;
    let actors = args.root.call(RootMessage::Actors, Some(WITHIN)).await;
    let actors = actors.unwrap_or(CallResult::Timeout).unwrap_or_else(Vec::new);
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
        stops: stops(&host.stops.stops()),
    })
}

async fn engine(host: &Host) -> Engine {
    let why = match timeout(ENGINE_WITHIN, host.sandbox.list()).await {
        Ok(Ok(_)) => return Engine { reachable: true, why: None },
        Ok(Err(err)) => chain(&err),
        Err(_) => "it does not answer".to_owned(),
    };
    Engine { reachable: false, why: Some(why) }
}

/// Every session that is awake.
pub(crate) async fn sessions(host: &Host) -> Vec<SessionStatus> {
    let listed =
        host.peers.sessions.call_within(WITHIN, SessionsMessage::List).await.unwrap_or_default();
    let mut sessions = join_all(listed.into_iter().map(session)).await;
    sessions.sort_by(|a, b| a.id.len().cmp(&b.id.len()).then_with(|| a.id.cmp(&b.id)));
    sessions
}

pub(crate) fn stops(stops: &Stops) -> Vec<StopStatus> {
    let status = |agent: Option<&AgentName>, stop: &Stop| StopStatus {
        agent: agent.map(ToString::to_string),
        by: stop.by.clone(),
        why: stop.why.clone(),
        at: stop.at.0,
    };
    let all = stops.all.iter().map(|it| status(None, it));
    all.chain(stops.agents.iter().map(|it| status(Some(it.0), it.1))).collect()
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
