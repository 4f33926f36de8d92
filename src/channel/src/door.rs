//! The one place where other programs reach this host: a listener for the webhooks of all accounts, each below
//! `/in/<channel>/<account>`. An adapter opens its path, and is given requests that showed what they must.
//!
//! Invariants
//! - Nothing reaches an adapter that was not verified, and nothing beyond the limits of its [`Route`].
//! - A path is closed when its [`DoorInbox`] goes, and all are when the listener does.
//! - Strangers cost bounded time, memory and lines of the log, and keep nobody out ([`guests`], [`pace`]).

mod acme;
mod challenge;
mod expose;
mod guests;
mod pace;
mod serve;
mod testing;
mod tunnel;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::plain::chain;
use domain::time::Clock;
pub use hyper::StatusCode;
pub use hyper::header::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{info, warn};

pub use self::acme::Acme;
pub use self::challenge::Challenge;
use self::expose::Notes;
pub use self::expose::{Note, Way, snippets};
pub(crate) use self::pace::Pace;
use crate::ChannelError;
use crate::signature::Verify;

/// Only programs on this machine reach it.
pub const LISTEN: &str = "127.0.0.1:8787";
/// The setting that holds [`Settings`], as JSON.
pub const SETTING: &str = "door";

/// Requests that wait for an adapter; further senders wait, too, until they are told to come back.
const AHEAD_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// An address and a port.
    pub listen: String,
    /// What leads to it from outside, as `https://bot.example`; some tunnels print it.
    pub url: Option<String>,
    /// Believed about whom they pass on, besides this machine.
    pub proxies: Vec<IpAddr>,
    pub way: Way,
    /// Where the [`Note`] is written to, and the folder for keys and certificates.
    #[serde(skip)]
    pub folders: Option<(PathBuf, PathBuf)>,
}

impl Default for Settings {
    fn default() -> Self {
        let (url, proxies, way, folders) = Default::default();
        Self { listen: LISTEN.into(), url, proxies, way, folders }
    }
}

impl Settings {
    /// As it was stored; the usual door where nothing was.
    ///
    /// # Errors
    /// With what to do when it cannot be read.
    pub fn from_setting(text: Option<&str>) -> Result<Self, ChannelError> {
        text.map_or(Ok(Self::default()), serde_json::from_str).map_err(|err| {
            let why = format!(
                "the settings of the webhook door cannot be read, so it is off: {err}; set them again with \
                 `nanoclaw channels expose`"
            );
            ChannelError::Misconfigured(why.into())
        })
    }

    /// Other machines reach it without TLS.
    pub fn is_plain(&self) -> bool {
        let address = self.listen.parse::<SocketAddr>();
        !matches!(self.way, Way::Acme(_)) && address.is_ok_and(|it| !it.ip().is_loopback())
    }
}

/// The host's door as one account sees it. Clones share it. The default one opens nothing.
#[derive(Clone, Debug, Default)]
pub struct Door {
    shared: Option<Arc<Shared>>,
    channel: String,
    account: String,
}

#[derive(Debug)]
struct Shared {
    settings: Mutex<Settings>,
    listening: tokio::sync::Mutex<Option<Listening>>,
    notes: Arc<Notes>,
    routes: Arc<Routes>,
}

#[derive(Debug)]
struct Listening {
    task: JoinSet<()>,
    address: SocketAddr,
}

/// What an adapter wants of a request, and how long its sender waits.
#[derive(Debug)]
pub struct Route {
    pub verify: Verify,
    pub challenge: Challenge,
    pub bytes_max: usize,
    /// Headers in which a sender may name the delivery, the same for every attempt; the first that is there counts.
    pub ids: &'static [&'static str],
    /// Well below the time after which the sender gives up.
    pub patience: Duration,
}

/// A verified request. A dropped `reply` tells the sender to come back.
#[derive(Debug)]
pub struct Request {
    /// As the sender names the delivery; empty where it does not.
    pub id: String,
    /// See [`crate::signature::Proof::digest`].
    pub digest: Option<String>,
    /// Behind the account, without the secret and without a `/` at the beginning.
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub reply: oneshot::Sender<Reply>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    pub kind: &'static str,
    pub body: String,
    /// After which the sender may come again.
    pub wait: Option<Duration>,
}

impl Reply {
    /// A line for the person who set the sender up.
    pub fn line(status: StatusCode, line: impl fmt::Display) -> Self {
        let kind = "text/plain; charset=utf-8";
        Self { status, kind, body: format!("{line}\n"), wait: None }
    }

    pub fn json(body: &serde_json::Value) -> Self {
        let kind = "application/json";
        Self { status: StatusCode::OK, kind, body: body.to_string(), wait: None }
    }

    /// Nothing was taken; the sender is to come again.
    pub fn later(why: impl fmt::Display, wait: Duration) -> Self {
        Self { wait: Some(wait), ..Self::line(StatusCode::SERVICE_UNAVAILABLE, why) }
    }
}

/// What came for one account. The path is closed when it goes.
#[derive(Debug)]
pub struct DoorInbox {
    requests: mpsc::Receiver<Request>,
    shared: Arc<Shared>,
    at: (String, String),
    number: u64,
}

impl DoorInbox {
    /// # Errors
    /// When nothing is listened to any more, or the path was opened again.
    pub async fn receive(&mut self) -> Result<Request, ChannelError> {
        let closed = || ChannelError::Unreachable("the webhook door was closed".into());
        self.requests.recv().await.ok_or_else(closed)
    }
}

impl Drop for DoorInbox {
    fn drop(&mut self) {
        let mut open = self.shared.routes.lock();
        if open.get(&self.at).is_some_and(|it| it.number == self.number) {
            open.remove(&self.at);
        }
    }
}

impl Door {
    /// Nothing is listened to until a path is opened.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let notes = Arc::<Notes>::default();
        notes.begin(None, settings.url.clone());
        let routes = Arc::new(Routes {
            clock,
            proxies: Mutex::new(settings.proxies.clone()),
            numbers: AtomicU64::default(),
            notes: Arc::clone(&notes),
            open: Mutex::default(),
        });
        let shared =
            Shared { settings: Mutex::new(settings), listening: Default::default(), notes, routes };
        Self { shared: Some(Arc::new(shared)), ..Self::default() }
    }

    /// As this account sees it.
    pub fn of(&self, channel: &str, account: &str) -> Self {
        let shared = self.shared.clone();
        Self { shared, channel: channel.into(), account: account.into() }
    }

    /// Other settings close every path, so that accounts open theirs again. What is to be reached from outside
    /// is listened to at once, also where that failed under the same settings.
    pub async fn set(&self, settings: Settings) {
        let Some(shared) = &self.shared else { return };
        let is_exposed = settings.way != Way::None;
        let mut listening = shared.listening.lock().await;
        if *lock(&shared.settings) != settings {
            *lock(&shared.routes.proxies) = settings.proxies.clone();
            if let Some(mut former) = listening.take() {
                // What it listened on is free then. Its tunnel has lost its leash, and ends soon.
                former.task.shutdown().await;
            }
            let run_dir = settings.folders.as_ref().map(|it| it.0.clone());
            shared.notes.begin(run_dir, settings.url.clone());
            *lock(&shared.settings) = settings;
            shared.routes.lock().clear();
        }
        if is_exposed && let Err(err) = shared.listen(&mut listening).await {
            let why = chain(&err);
            warn!(why, "the webhook door cannot be reached");
            shared.notes.change(|it| it.trouble = Some(why));
        }
    }

    /// Opens the account's path; listens, if nothing did. A path that was open goes to the new inbox.
    ///
    /// # Errors
    /// When the address cannot be listened to, which may be tried again, or is none.
    pub async fn open(&self, route: Route) -> Result<DoorInbox, ChannelError> {
        let none = || ChannelError::Misconfigured("this host has no door for webhooks".into());
        let shared = self.shared.as_ref().ok_or_else(none)?;
        // Until the path is there, nothing else stops what listens.
        let mut listening = shared.listening.lock().await;
        shared.listen(&mut listening).await?;
        let at = (self.channel.clone(), self.account.clone());
        let (sender, requests) = mpsc::channel(AHEAD_MAX);
        let number = shared.routes.numbers.fetch_add(1, Ordering::Relaxed);
        let open = Open { number, route, sender, strangers: Pace::strangers() };
        shared.notes.change(|it| _ = it.paths.insert(format!("{}/{}", at.0, at.1)));
        shared.routes.lock().insert(at.clone(), Arc::new(open));
        Ok(DoorInbox { requests, shared: Arc::clone(shared), at, number })
    }

    /// The account is gone: its senders are not told to come again any more.
    pub fn forget(&self) {
        if let Some(shared) = &self.shared {
            let at = format!("{}/{}", self.channel, self.account);
            shared.notes.change(|it| _ = it.paths.remove(&at));
        }
    }

    /// Where a sender outside reaches the account's path; `None` until somebody set that up.
    pub fn public_url(&self) -> Option<String> {
        self.shared.as_ref()?.notes.get().url_of(&self.channel, &self.account)
    }

    /// The address that was bound; `None` while nothing is listened to.
    pub async fn address(&self) -> Option<SocketAddr> {
        let listening = self.shared.as_ref()?.listening.lock().await;
        listening.as_ref().map(|it| it.address)
    }
}

impl Shared {
    async fn listen(&self, listening: &mut Option<Listening>) -> Result<(), ChannelError> {
        if listening.as_mut().is_some_and(|it| it.task.try_join_next().is_none()) {
            return Ok(());
        }
        let settings = lock(&self.settings).clone();
        let is_plain = settings.is_plain();
        let Settings { listen, url, way, folders, .. } = settings;
        let malformed = || {
            let why = format!("`{listen}` is no address to listen on; write it as {LISTEN}");
            ChannelError::Misconfigured(why.into())
        };
        let address: SocketAddr = listen.parse().map_err(|_no_detail| malformed())?;
        let listener = TcpListener::bind(address).await.map_err(|err| refused(address, &err))?;
        let address = listener.local_addr().map_err(|err| refused(address, &err))?;
        self.notes.change(|it| it.trouble = None);
        let (mut task, notes, mut tls) = (JoinSet::new(), &self.notes, None);
        match way {
            Way::Acme(acme) => {
                let folder = folders.map(|it| it.1).unwrap_or_default();
                tls = Some(acme.start(folder, Arc::clone(notes), &mut task)?);
            }
            Way::Tunnel(command) => {
                task.spawn(tunnel::keep(command, address, url.is_some(), Arc::clone(notes)));
            }
            Way::None | Way::Proxy => {}
        }
        if is_plain {
            warn!(%address, "other machines reach this address, and nothing is encrypted there");
        }
        notes.change(|it| it.address = address.to_string());
        info!(%address, "webhooks are taken");
        let routes = Arc::clone(&self.routes);
        task.spawn(async move {
            let err = serve::accept(listener, &routes, tls).await;
            warn!(%address, why = %err, "webhooks are not taken any more");
            routes.lock().clear();
        });
        *listening = Some(Listening { task, address });
        Ok(())
    }
}

/// An address that another program has may be free again soon; the others stay as they are.
fn refused(address: SocketAddr, err: &io::Error) -> ChannelError {
    let why = format!(
        "cannot listen on {address} for webhooks: {err}; free it, or set another address with \
         `nanoclaw channels expose --listen` (ports below 1024 are for root, or for a program with the \
         capability cap_net_bind_service)"
    );
    match matches!(err.kind(), ErrorKind::PermissionDenied | ErrorKind::AddrNotAvailable) {
        true => ChannelError::Misconfigured(why.into()),
        false => ChannelError::Unreachable(why.into()),
    }
}

/// Every path that is open, by channel and account.
#[derive(Debug)]
struct Routes {
    clock: Arc<dyn Clock>,
    proxies: Mutex<Vec<IpAddr>>,
    numbers: AtomicU64,
    notes: Arc<Notes>,
    open: Mutex<HashMap<(String, String), Arc<Open>>>,
}

#[derive(Debug)]
struct Open {
    /// Which of the inboxes that the path had.
    number: u64,
    route: Route,
    sender: mpsc::Sender<Request>,
    /// Requests that were not verified, by address.
    strangers: Pace,
}

impl Routes {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Arc<Open>>> {
        lock(&self.open)
    }

    /// The path's account, and what is behind it.
    fn find<'a>(&self, path: &'a str) -> Option<(Arc<Open>, &'a str)> {
        let (at, rest) = account_in(path)?;
        Some((Arc::clone(self.lock().get(&at)?), rest))
    }

    fn was_open(&self, path: &str) -> bool {
        let known = self.notes.get().paths;
        account_in(path).is_some_and(|(at, _)| known.contains(&format!("{}/{}", at.0, at.1)))
    }
}

/// The channel and account that a path is of, and what follows them.
fn account_in(path: &str) -> Option<((String, String), &str)> {
    let mut parts = path.strip_prefix("/in/")?.splitn(3, '/');
    let at = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some((at, parts.next().unwrap_or_default()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
