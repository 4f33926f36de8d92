//! The unix socket that the command line talks to.
//!
//! Messages  [`AdminMessage`].
//! Parent    [`crate::tree::RootSupervisor`].
//! Fails     when the socket cannot be bound.
//!
//! The socket lies in a directory of mode 0700 and has mode 0600: who can connect owns the host.

pub mod outbox;
pub mod protocol;
pub(crate) mod status;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use domain::AgentName;
use domain::plain::chain;
use domain::stop::Scope;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use self::protocol::{Request, Response, Resumed};
use crate::channels::ChannelsMessage;
use crate::host::Host;
use crate::stopping;
use crate::sweep::SweepMessage;
use crate::tree::RootMessage;

/// The longest request line.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// A client on this machine writes its line at once.
const LINE_WITHIN: Duration = Duration::from_secs(5);
/// Wait after a connection that could not be taken.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);
/// Failures in a row, for ten minutes, after which the socket is made once more.
const FAILURES_MAX: u32 = 1_200;
/// Clients at a time; people and scripts use a handful.
const CLIENTS_MAX: usize = 64;

#[derive(Debug)]
pub struct AdminActor;

#[derive(Debug)]
pub enum AdminMessage {
    Listen,
    /// The listener broke.
    Broken(io::Error),
}

#[derive(Clone, Debug)]
pub struct AdminArgs {
    pub host: Arc<Host>,
    pub root: ActorRef<RootMessage>,
}

#[derive(Debug)]
pub struct AdminState {
    args: AdminArgs,
    listener: JoinSet<()>,
}

impl Actor for AdminActor {
    type Msg = AdminMessage;
    type State = AdminState;
    type Arguments = AdminArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<AdminMessage>,
        args: AdminArgs,
    ) -> Result<AdminState, ActorProcessingErr> {
        myself.cast(AdminMessage::Listen)?;
        Ok(AdminState { args, listener: JoinSet::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<AdminMessage>,
        message: AdminMessage,
        state: &mut AdminState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AdminMessage::Broken(err) => Err(err.into()),
            AdminMessage::Listen => {
                let listener = bind(&state.args.host)?;
                let args = state.args.clone();
                state.listener.spawn(async move {
                    let err = accept(listener, args).await;
                    let _ = myself.cast(AdminMessage::Broken(err));
                });
                Ok(())
            }
        }
    }
}

fn bind(host: &Host) -> io::Result<UnixListener> {
    let path = host.layout.admin_socket();
    // This process holds the lock on the directory, so a socket that is here is a dead one's.
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, args: AdminArgs) -> io::Error {
    let (mut clients, mut failures) = (JoinSet::new(), 0);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failures = 0;
                while clients.try_join_next().is_some() {}
                if CLIENTS_MAX <= clients.len() {
                    continue; // It hears nothing, and the command line says that the host is busy.
                }
                let args = args.clone();
                clients.spawn(async move {
                    if let Err(err) = serve(stream, &args).await {
                        debug!(why = chain(&err), "a client went away");
                    }
                });
            }
            // No files are left to open, or the client is gone already: that passes.
            Err(err) if failures < FAILURES_MAX => {
                failures += 1;
                warn!(why = chain(&err), "no command is taken for a moment");
                while clients.try_join_next().is_some() {}
                sleep(ACCEPT_AGAIN).await;
            }
            Err(err) => return err,
        }
    }
}

async fn serve(stream: UnixStream, args: &AdminArgs) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = Vec::new();
    let mut reading = BufReader::new(reading).take(LINE_BYTES_MAX);
    timeout(LINE_WITHIN, reading.read_until(b'\n', &mut line)).await??;
    let request = serde_json::from_slice(&line);
    let answered = match &request {
        Ok(request) => answer(request, args).await,
        Err(err) => Err(format!("not a request: {err}")),
    };
    let response = answered.unwrap_or_else(|why| Response::Failed { why });
    let mut bytes = serde_json::to_vec(&response)?;
    bytes.push(b'\n');
    writing.write_all(&bytes).await?;
    if matches!(request, Ok(Request::Shutdown)) {
        // Only now: it stops this very task.
        args.root.cast(RootMessage::Shutdown(None)).map_err(io::Error::other)?;
    }
    Ok(())
}

async fn answer(request: &Request, args: &AdminArgs) -> Result<Response, String> {
    let host = &args.host;
    Ok(match request {
        Request::Status => Response::Status(Box::new(status::gather(args).await?)),
        Request::Reload => {
            host.peers.channels.cast(ChannelsMessage::Reload);
            host.peers.sweep.cast(SweepMessage::Now);
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
async fn resume(agent: Option<&str>, by: &str, host: &Host) -> Result<Resumed, String> {
    let mut scopes = vec![scope(agent)?];
    if agent.is_none() {
        scopes.extend(host.stops.stops().agents.into_keys().map(Scope::Agent));
    }
    stopping::resume(host, &scopes, by).await.map_err(|err| chain(&err))
}
