//! A stand-in for a Bot API server on loopback: the part that a chat bot uses, with its state.
//!
//! It follows the server's source (<https://github.com/tdlib/telegram-bot-api>): updates wait until
//! an offset behind them is asked for, a second poll ends the first one with 409, HTML is parsed
//! strictly, texts are measured in UTF-16 units.
//!
//! Invariants
//! - Nothing outlives the value: dropping it closes the socket and every connection.
//! - Its format is checked by clients that we did not write, in `channels/telegram/foreign.rs`.

mod call;
mod deeds;
mod double;
mod edits;
mod faults;
mod files;
mod html;
mod methods;
mod multipart;
mod people;
mod polling;
mod sends;
mod serve;
mod state;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use self::people::{GROUP, TOPIC};
use self::state::Inner;

/// The token that it takes.
pub const TOKEN: &str = "4711:AAH-right_token";
/// One that it does not take.
pub const WRONG_TOKEN: &str = "4711:AAH-wrong_token";
/// What the bot is called.
pub const USERNAME: &str = "nano_double_bot";
/// The bot's own id.
pub const BOT: i64 = 4711;

/// The double. Share it by reference or in an [`Arc`].
#[derive(Debug)]
pub struct FakeTelegram {
    address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

/// What the connections share.
#[derive(Debug)]
struct State {
    inner: Mutex<Inner>,
    /// There is an update, or another poll.
    news: Notify,
    /// Every connection breaks.
    cut: Notify,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeTelegram {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|err| panic!("the fake Telegram found no port: {err}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|err| panic!("the fake Telegram has no address: {err}"));
        let state =
            State { inner: Mutex::new(Inner::new()), news: Notify::new(), cut: Notify::new() };
        let state = Arc::new(state);
        let mut serving = JoinSet::new();
        serving.spawn(serve::accept(listener, Arc::clone(&state)));
        Self { address, state, _serving: serving }
    }

    /// What `https://api.telegram.org` is otherwise.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The parameters of every call of a method so far, the oldest first.
    #[must_use]
    pub fn calls(&self, method: &str) -> Vec<Value> {
        let inner = self.state.lock();
        let of_method = inner.calls.iter().filter(|it| it.0.eq_ignore_ascii_case(method));
        of_method.map(|it| it.1.clone()).collect()
    }

    /// How many updates wait for a poll with an offset behind them.
    #[must_use]
    pub fn waiting_updates(&self) -> usize {
        self.state.lock().updates.len()
    }

    /// An update of any kind, as the server would send it.
    pub fn push(&self, kind: &str, content: Value) {
        self.state.lock().push(kind, content);
        self.state.news.notify_waiters();
    }

    /// Numbers updates from `next` on, as Telegram does after a week of silence.
    pub fn renumber(&self, next: i64) {
        self.state.lock().next_update = next;
    }

    /// As if another program had set a webhook.
    pub fn set_webhook(&self, url: &str) {
        self.state.lock().webhook = url.to_owned();
        self.state.news.notify_waiters();
    }

    /// What people see behind `/`.
    #[must_use]
    pub fn menu(&self) -> Value {
        self.state.lock().menu.clone()
    }

    /// The bot receives only what is meant for it, as a new bot does.
    pub fn set_privacy_mode(&self) {
        self.state.lock().reads_all = false;
    }

    /// The presses that were answered, by id.
    #[must_use]
    pub fn answered_presses(&self) -> Vec<String> {
        self.state.lock().answered.clone()
    }
}
