//! The unix socket that the command line talks to.
//!
//! Messages  [`AdminMessage`].
//! Parent    [`crate::tree::RootSupervisor`].
//! Fails     when the socket cannot be bound.
//!
//! The socket lies in a directory of mode 0700 and has mode 0600: who can connect owns the host.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use domain::AgentName;
use domain::plain::chain;
use domain::stop::Scope;
use engine::host::Wake;
use engine::protocol::{Engine, Request, Response, Resumed, SessionStatus, Status, StopStatus};
use engine::{outbox, stopping};
use futures_util::future::join_all;
use ractor::ActorRef;
use ractor::rpc::CallResult;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::actor::{Behavior, Done};
use crate::channels::ChannelsMessage;
use crate::peers::LiveHost;
use crate::session::SessionMessage;
use crate::sessions::{Listed, SessionsMessage};
use crate::tree::RootMessage;

const LINE_BYTES_MAX: u64 = 64 * 1024;
/// A client on this machine writes its line at once.
const LINE_WITHIN: Duration = Duration::from_secs(5);
/// Wait after a connection that could not be taken.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);
/// Clients at a time; people and scripts use a handful.
const CLIENTS_MAX: usize = 64;
/// An actor that does not answer within this is shown as busy.
const STATUS_WITHIN: Duration = Duration::from_secs(2);
/// Longer than the engine's own deadline for such a question.
const ENGINE_WITHIN: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub enum AdminMessage {
    Listen,
}

#[derive(Debug)]
pub struct AdminActor {
    host: Arc<LiveHost>,
    listener: JoinSet<()>,
}

impl Behavior for AdminActor {
    type Msg = AdminMessage;
    type Args = Arc<LiveHost>;

    async fn start(host: Arc<LiveHost>, myself: ActorRef<AdminMessage>) -> Done<Self> {
        myself.cast(AdminMessage::Listen)?;
        Ok(Self { host, listener: JoinSet::new() })
    }

    async fn handle(&mut self, AdminMessage::Listen: AdminMessage) -> Done {
        let listener = bind(&self.host)?;
        self.listener.spawn(accept(listener, Arc::clone(&self.host)));
        Ok(())
    }
}

fn bind(host: &LiveHost) -> io::Result<UnixListener> {
    let path = host.layout.admin_socket();
    // This process holds the lock on the directory, so a socket that is here is a dead one's.
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, host: Arc<LiveHost>) {
    let mut clients = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while clients.try_join_next().is_some() {}
        match accepted {
            // It hears nothing, and the command line says that the host is busy.
            Ok(_) if CLIENTS_MAX <= clients.len() => {}
            Ok((stream, _)) => {
                let host = Arc::clone(&host);
                clients.spawn(async move {
                    if let Err(err) = serve(stream, &host).await {
                        debug!(why = chain(&err), "a client went away");
                    }
                });
            }
            // No files are left to open, or the client is gone already: that passes.
            Err(err) => {
                warn!(why = chain(&err), "no command is taken for a moment");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, host: &LiveHost) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = Vec::new();
    let mut reading = BufReader::new(reading).take(LINE_BYTES_MAX);
    timeout(LINE_WITHIN, reading.read_until(b'\n', &mut line)).await??;
    let request = serde_json::from_slice(&line);
    let answered = match &request {
        Ok(request) => answer(request, host).await,
        Err(err) => Err(format!("not a request: {err}")),
    };
    let response = answered.unwrap_or_else(|why| Response::Failed { why });
    let mut bytes = serde_json::to_vec(&response)?;
    bytes.push(b'\n');
    writing.write_all(&bytes).await?;
    if matches!(request, Ok(Request::Shutdown)) {
        // Only now: it stops this very task.
        host.peers.root.cast(RootMessage::Shutdown(None));
    }
    Ok(())
}

async fn answer(request: &Request, host: &LiveHost) -> Result<Response, String> {
    Ok(match request {
        Request::Status => Response::Status(Box::new(gather(host).await?)),
        Request::Reload => {
            host.peers.channels.cast(ChannelsMessage::Reload);
            host.wake(Wake::Everything);
            Response::Done
        }
        Request::Stop { agent, by } => {
            Response::Stopped(stopping::stop(host, &scope(agent.as_deref())?, by, "").await)
        }
        Request::Resume { agent, by } => {
            Response::Resumed(resume(agent.as_deref(), by, host).await?)
        }
        Request::Shutdown => Response::Done,
        Request::Outbox { order, keys } => outbox::perform(host, order, keys).await,
    })
}

fn scope(agent: Option<&str>) -> Result<Scope, String> {
    let Some(name) = agent else { return Ok(Scope::All) };
    AgentName::parse(name).map(Scope::Agent).map_err(|err| err.to_string())
}

/// Without a name everybody goes on, however they were stopped.
async fn resume(agent: Option<&str>, by: &str, host: &LiveHost) -> Result<Resumed, String> {
    let mut scopes = vec![scope(agent)?];
    if agent.is_none() {
        scopes.extend(host.stops.stops().agents.into_keys().map(Scope::Agent));
    }
    stopping::resume(host, &scopes, by).await.map_err(|err| chain(&err))
}

/// Gathers what `nanoclaw status` shows. Asks everybody, waits for nobody long.
async fn gather(host: &LiveHost) -> Result<Status, String> {
    let actors =
        host.peers.root.call_within(STATUS_WITHIN, RootMessage::Actors).await.unwrap_or_default();
    let channels = host
        .peers
        .channels
        .call_within(STATUS_WITHIN, ChannelsMessage::List)
        .await
        .unwrap_or_default();
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
        channels: join_all(channels.iter().map(|it| it.status(STATUS_WITHIN))).await,
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
        Ok(listed) => listed.err().map(|err| chain(&err)),
        Err(_) => Some("it does not answer".to_owned()),
    };
    Engine { reachable: why.is_none(), why }
}

async fn sessions(host: &LiveHost) -> Vec<SessionStatus> {
    let listed = host
        .peers
        .sessions
        .call_within(STATUS_WITHIN, SessionsMessage::List)
        .await
        .unwrap_or_default();
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
    let status = actor.call(SessionMessage::Status, Some(STATUS_WITHIN)).await;
    status.unwrap_or(CallResult::Timeout).unwrap_or(fallback)
}
