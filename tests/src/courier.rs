//! A messaging platform with a plain REST API, on loopback. Nobody runs it: it is what the example of an adapter
//! is written for, and what an adapter in another language is tried against.
//!
//! Everything is JSON in UTF-8, and every request needs `Authorization: Bearer <token>`. What is refused is
//! answered with `{"error": "why"}`: 400 for what no client may send, 401 for a token that is not known, 403 where
//! the bot may not write, 404 for what is not there, 413 for a file over 4 MiB, 429 with `Retry-After` in seconds,
//! 503 for an error that passes. Only what is answered with 200 has taken effect; of what is not answered, nobody
//! knows.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /me` | | `{"id", "name"}` of the bot |
//! | `GET /updates?after=N&wait=S` | | the updates with a number above N (all without one), oldest first, at most 100; waits up to S seconds (at most 50) for the first |
//! | `POST /chats/{id}/messages` | `{"text", "thread"?, "reply_to"?, "buttons"?: [{"label", "data"}], "silent"?, "notify"?}` | `{"id"}` |
//! | `POST /chats/{id}/files` | a form: `payload_json` as above, `files[0]` to `files[9]` | `{"id"}` of one message with all of them |
//! | `POST /chats/{id}/files?name=N&text=T&thread=..` | the bytes of one file, its type in `Content-Type` | `{"id"}` |
//! | `PUT /messages/{id}` | `{"text", "buttons"?}` | `{"id"}` |
//! | `DELETE /messages/{id}` | | `{}` |
//! | `PUT /messages/{id}/reaction` | `{"emoji"}`, empty to take it away | `{}` |
//! | `GET /files/{id}` | | its bytes |
//! | `POST /chats/{id}/typing` | `{"thread"?}` | `{}` |
//! | `PUT /people/{id}/chat` | | `{"id"}` of the private chat |
//! | `POST /clicks/{id}` | `{"text"?}` for who pressed, alone | `{}` |
//! | `PUT /commands` | `[{"name", "about"}]` | `{}` |
//!
//! Texts are shown as they are, without formats: at most 2,000 characters, 1,000 of them with a file. With the
//! header `Idempotency-Key`, a message that was made with the same key before is not made again; its id is
//! answered. Keys are kept as long as messages are.
//!
//! An update has a `number`, a `type`, an `id`, the `chat` (`{"id", "title", "is_group"}`) and what belongs to that
//! type; `from` is `{"id", "name", "kind"}`, of the kind `person`, `bot` or `shared`. Updates are kept for a day.
//!
//! - `message`, `edited`: `from`, `text`, `mentioned`, `at` (seconds since 1970), `files` (`[{"id", "name", "mime",
//!   "bytes"}]`), and where there is one: `thread` (`{"id", "title"}`), `reply_to` (`{"id", "sender" (a name), "text",
//!   "is_ours", "files"}`), `forwarded_from` (a name), `unreadable` (what the message has that the API does not
//!   give out, in words). The `id` of what was edited is that of the message.
//! - `deleted`, `reacted`: the `id` of the message, `from`, and of a reaction `emoji` and `added`.
//! - `clicked`: `id` of the click, `message` (its id), `thread`?, `from`, `data`.
//! - `joined` (`from`: who let the bot in; it can write there now), `left`, `renamed`, `moved` (`to`: the id that
//!   the chat has from now on). Their `id` is that of the chat.
//! - `undelivered`: the `id` of a message of the bot's, `why`.
//!
//! Nothing outlives the value: dropping it closes the socket and every connection.

mod deeds;
mod double;
mod faults;
mod routes;
mod serve;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use channel::Registration;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::world::Inner;

/// The token that it takes until it is renewed.
pub const TOKEN: &str = "courier-right-token";
/// One that it never takes.
pub const WRONG_TOKEN: &str = "courier-wrong-token";
/// The bot's own id.
pub const BOT: &str = "b7";
/// What the bot is called.
pub const BOT_NAME: &str = "nano";

/// The double. Share it by reference or in an [`Arc`].
#[derive(Debug)]
pub struct FakeCourier {
    registration: &'static Registration,
    address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

/// What the connections share.
#[derive(Debug)]
struct State {
    inner: Mutex<Inner>,
    /// There is an update, or polls are to end.
    news: Notify,
    /// Every connection breaks.
    cut: Notify,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeCourier {
    /// For the example of an adapter, [`crate::courier_adapter`].
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        Self::with(channel::registration("courier").unwrap()).await
    }

    /// Listens on a free port of 127.0.0.1. The adapter of this registration is what the checks drive; it is given
    /// the field `token` and the URL `api`.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn with(registration: &'static Registration) -> Self {
        let bound = TcpListener::bind("127.0.0.1:0").await;
        let listener = bound.unwrap_or_else(|err| panic!("the fake Courier found no port: {err}"));
        let address = listener.local_addr().unwrap();
        let (news, cut) = (Notify::new(), Notify::new());
        let state = Arc::new(State { inner: Mutex::new(Inner::new()), news, cut });
        let mut serving = JoinSet::new();
        serving.spawn(serve::accept(listener, Arc::clone(&state)));
        Self { registration, address, state, _serving: serving }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Method, path and body of every request so far that was let in, the oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, String, Value)> {
        self.state.lock().requests.clone()
    }

    /// What people see behind `/`.
    #[must_use]
    pub fn commands(&self) -> Value {
        self.state.lock().commands.clone()
    }

    /// Presses that were answered, and with which words.
    #[must_use]
    pub fn answered(&self) -> Vec<(String, String)> {
        self.state.lock().answered.clone()
    }

    fn tell(&self, change: impl FnOnce(&mut Inner) -> Option<String>) -> Option<String> {
        let told = change(&mut self.state.lock());
        self.state.news.notify_waiters();
        told
    }
}
