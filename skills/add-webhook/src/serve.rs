//! The HTTP side: accepts, reads a request to its end, hands its event over and answers with what
//! became of it.
//!
//! Invariants
//! - 202 is said only for what the host committed or does not want.
//! - Nobody holds a connection for longer than [`CONNECTION_WITHIN`], and there are at most
//!   [`crate::guests::CONNECTIONS_MAX`] of them. Those without a signature make room for others.
//! - A signed body is one event, and a hook brings only so many.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, Bytes};
use channel::{Event, SecretString, Verdict};
use domain::message::Incoming;
use domain::plain::chain;
use domain::time::{Clock, SystemClock};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::header::{ALLOW, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info};

use crate::guests::{GRACE, Guests, IsKnown};
use crate::refusal::{Refusal, text};
use crate::replays::Replays;
use crate::request;

const BODY_BYTES_MAX: usize = 1024 * 1024;
/// What is read of a body that is too large, so that its sender gets to read why it was refused.
/// GitHub sends no larger one
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>).
const READ_BYTES_MAX: usize = 25 * 1024 * 1024;
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// hyper takes no smaller buffer than 8 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(20);
/// How long the host may take to commit.
const COMMIT_WITHIN: Duration = Duration::from_secs(30);
/// All of the above, and the answer.
const CONNECTION_WITHIN: Duration = Duration::from_secs(75);

/// An event, and whom to tell what became of it.
pub(crate) type Asked = (Event, oneshot::Sender<Verdict>);

#[derive(Debug)]
pub(crate) struct Hooks {
    pub(crate) account: String,
    pub(crate) secret: SecretString,
    pub(crate) events: mpsc::Sender<Asked>,
    pub(crate) replays: Replays,
}

/// Serves until dropped, and its connections with it; returns when nothing can be accepted.
pub(crate) async fn accept(listener: TcpListener, hooks: Arc<Hooks>) -> io::Error {
    let (mut connections, mut guests) = (JoinSet::new(), Guests::default());
    // A sender that hung up before it was accepted is no concern of the others.
    let hung_up = [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset];
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                while connections.try_join_next().is_some() {}
                while !guests.make_room(connections.len()) {
                    // One ends, or has had its time.
                    let _ = timeout(GRACE, connections.join_next()).await;
                }
                let is_known = IsKnown::default();
                let task = connections.spawn(serve(stream, Arc::clone(&hooks), is_known.clone()));
                guests.add(peer.ip(), is_known, task);
            }
            Err(err) if hung_up.contains(&err.kind()) => {}
            Err(err) => return err,
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, hooks: Arc<Hooks>, is_known: IsKnown) {
    let answer = service_fn(|mut request: Request<_>| {
        request.extensions_mut().insert(is_known.clone());
        answer(&hooks, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    match timeout(CONNECTION_WITHIN, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(err)) => debug!(why = chain(&err), "a sender went away"),
        Err(_late) => debug!("a sender took too long"),
    }
}

async fn answer<B: Body + Unpin>(
    hooks: &Hooks,
    request: Request<B>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match take(hooks, request).await {
        Ok(()) => text(StatusCode::ACCEPTED, "taken"),
        Err(refusal) => {
            info!(account = hooks.account, why = %refusal, "an event was not taken");
            let mut answer = refusal.answer();
            if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            answer
        }
    })
}

/// Returns after the commit.
async fn take<B: Body + Unpin>(hooks: &Hooks, request: Request<B>) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let slow = || Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let body = timeout(BODY_WITHIN, read(body)).await.map_err(|_late| slow())??;
    let message = request::message(&hooks.account, &hooks.secret, &head, &body)?;
    if let Some(is_known) = head.extensions.get::<IsKnown>() {
        is_known.store(true, Ordering::Relaxed);
    }
    let event = request::event(&head.headers).unwrap_or_default();
    let parts = [message.from.chat.as_str(), event.as_ref(), message.platform_id.as_str()];
    let replayed = || {
        let why = "this body was taken before under another hook, event or id; a sender that repeats \
                   itself puts a time or number into the body";
        Refusal::new(StatusCode::CONFLICT, why)
    };
    let noted = hooks.replays.note(&body, parts, SystemClock.now()).ok_or_else(replayed)?;
    if let Err(after) = hooks.replays.pace(parts[0], &noted) {
        hooks.replays.forget(noted);
        let secs = after.as_secs().max(1);
        let why = format!("this hook brings too many events; send it again in {secs} s");
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, why).after(after));
    }
    let taken = hand_over(hooks, message).await;
    match &taken {
        Ok(()) => hooks.replays.keep(noted),
        Err(_) => hooks.replays.forget(noted),
    }
    taken
}

async fn hand_over(hooks: &Hooks, message: Incoming) -> Result<(), Refusal> {
    let (verdict, told) = oneshot::channel();
    let handed_over = async {
        // Fails, like the other one, when the channel is being closed.
        hooks.events.send((Event::Message(message), verdict)).await.ok()?;
        told.await.ok()
    };
    match timeout(COMMIT_WITHIN, handed_over).await {
        Ok(Some(Verdict::Stored | Verdict::Ignored)) => Ok(()),
        Ok(Some(Verdict::Refused(why))) => Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why)),
        Ok(None) | Err(_) => {
            let why = "it was not stored in time; send it again later";
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why).after(COMMIT_WITHIN))
        }
    }
}

async fn read<B: Body + Unpin>(mut body: B) -> Result<Vec<u8>, Refusal> {
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_gone| Refusal::new(StatusCode::BAD_REQUEST, "the body broke off"))?;
        let Ok(mut data) = frame.into_data() else { continue };
        length += data.remaining();
        if READ_BYTES_MAX < length {
            break;
        }
        if length <= BODY_BYTES_MAX {
            kept.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
    }
    if length <= BODY_BYTES_MAX {
        return Ok(kept);
    }
    let why = format!("the body is larger than {} KiB", BODY_BYTES_MAX / 1024);
    Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why))
}

#[cfg(test)]
mod tests;
