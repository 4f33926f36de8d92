//! A stand-in for the Anthropic API on loopback: the part that an agent's program uses, answering
//! from a script.
//!
//! `api.next().says("hello")` queues one answer; each `POST /v1/messages` takes the oldest. With an
//! empty queue it answers `model says: <the last thing the user said>`, so that a scenario scripts
//! only what matters to it. Every request is kept for later questions.
//!
//! Invariants
//! - Nothing outlives the value: dropping it closes the socket and every connection.
//! - An answer is sent piece by piece as scripted; nothing in here collects one.
//! - Its format is checked by a client that we did not write, in `vault`'s `claude_cli` test.

mod pace;
mod request;
mod script;
mod serve;
mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use self::request::RecordedRequest;
pub use self::script::{Held, NextReply};

use self::script::Reply;

/// How many requests are kept; older ones are forgotten, though counted.
const REQUESTS_KEPT_MAX: usize = 256;
/// How long [`FakeModelApi::wait_for_requests`] waits; far above what a loaded machine takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fake. Share it by reference or in an [`Arc`].
#[derive(Debug)]
pub struct FakeModelApi {
    address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

/// What the connections share.
#[derive(Debug, Default)]
struct State {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    script: VecDeque<Reply>,
    requests: VecDeque<RecordedRequest>,
    requests_seen: usize,
    replies_made: usize,
    abandoned: usize,
    required_key: Option<String>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, request: RecordedRequest) {
        let mut inner = self.lock();
        inner.requests_seen += 1;
        inner.requests.push_back(request);
        if inner.requests.len() > REQUESTS_KEPT_MAX {
            inner.requests.pop_front();
        }
        drop(inner);
        self.changed.notify_waiters();
    }

    fn abandon(&self) {
        self.lock().abandoned += 1;
        self.changed.notify_waiters();
    }
}

impl FakeModelApi {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|err| panic!("the fake model API found no port: {err}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|err| panic!("the fake model API has no address: {err}"));
        let state = Arc::new(State::default());
        let mut serving = JoinSet::new();
        serving.spawn(serve::accept(listener, Arc::clone(&state)));
        Self { address, state, _serving: serving }
    }

    /// The base URL, as `ANTHROPIC_BASE_URL` or the vault takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scripts the answer to the first request that has none yet.
    #[must_use = "the answer is scripted by a method of what this returns"]
    pub fn next(&self) -> NextReply<'_> {
        NextReply::new(self)
    }

    /// From now on answers `authentication_error` unless the key, as `x-api-key` or bearer token,
    /// is this one.
    pub fn requires_key(&self, key: &str) {
        self.state.lock().required_key = Some(key.to_owned());
    }

    /// The requests so far, the oldest first; the last 256 of them.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.lock().requests.iter().cloned().collect()
    }

    /// How many requests came in all.
    #[must_use]
    pub fn requests_seen(&self) -> usize {
        self.state.lock().requests_seen
    }

    /// How many answers were cut short because the client went away.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.state.lock().abandoned
    }

    /// How many scripted answers nobody has asked for yet.
    #[must_use]
    pub fn unused(&self) -> usize {
        self.state.lock().script.len()
    }

    /// Returns once `count` requests have come.
    ///
    /// # Panics
    /// When they do not come within 30 seconds.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait("requests", count, |inner| inner.requests_seen).await;
    }

    /// Returns once the client has left `count` answers before their end.
    ///
    /// # Panics
    /// When that does not happen within 30 seconds.
    pub async fn wait_for_abandoned(&self, count: usize) {
        self.wait("abandoned answers", count, |inner| inner.abandoned).await;
    }

    async fn wait(&self, what: &str, count: usize, seen: impl Fn(&Inner) -> usize) {
        let enough = async {
            loop {
                let changed = self.state.changed.notified();
                tokio::pin!(changed);
                // Registered before the look, so that a change in between is not missed.
                changed.as_mut().enable();
                if seen(&self.state.lock()) >= count {
                    break;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(PATIENCE, enough).await.is_err() {
            let seen = seen(&self.state.lock());
            panic!("the fake model API waited for {count} {what} but saw {seen}");
        }
    }
}
