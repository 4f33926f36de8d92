//! The HTTP side: accepts, reads a request to its end, verifies it, hands it over and gives the answer back.
//!
//! Invariants
//! - Nobody holds a connection for longer than [`CONNECTION_WITHIN`], and there are at most
//!   [`super::guests::CONNECTIONS_MAX`] of them. Those without a signature make room for others.
//! - An answer says what is wrong with the content only after the signature was found right.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use domain::plain::chain;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info};

use super::acme::Tls;
use super::guests::{GRACE, Guest, Guests};
use super::{Open, Reply, Routes, lock};
use crate::signature::{Shown, Wrong};

/// What is read of a body that is too large, so that its sender gets to read why it was refused.
/// GitHub sends no larger one
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>).
const READ_BYTES_MAX: usize = 25 * 1024 * 1024;
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// hyper takes no smaller buffer than 8 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(20);
/// All of the above, the longest patience of a sender, and the answer.
const CONNECTION_WITHIN: Duration = Duration::from_secs(75);
const ID_CHARS_MAX: usize = 128;
/// When a sender comes again that was not taken.
const COME_AGAIN: Duration = Duration::from_secs(30);

/// Serves until dropped, and its connections with it; returns when nothing can be accepted.
pub(super) async fn accept(
    listener: TcpListener,
    routes: &Arc<Routes>,
    tls: Option<Tls>,
) -> io::Error {
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
                let (guest, routes) = (Arc::new(Guest::new(peer.ip())), Arc::clone(routes));
                let served = Arc::clone(&guest);
                let tls = tls.clone();
                let task = connections.spawn(async move {
                    match tls {
                        None => serve(stream, &routes, served).await,
                        Some(tls) => serve_tls(stream, tls, &routes, served).await,
                    }
                });
                guests.add(guest, task);
            }
            Err(err) if hung_up.contains(&err.kind()) => {}
            Err(err) => return err,
        }
    }
}

async fn serve_tls(stream: TcpStream, tls: Tls, routes: &Routes, guest: Arc<Guest>) {
    match timeout(HEAD_WITHIN, tls.accept(stream)).await {
        Ok(Ok(Some(stream))) => serve(stream, routes, guest).await,
        Ok(Ok(None)) => debug!("the issuer of the certificate looked"),
        Ok(Err(err)) => debug!(why = chain(&err), "a sender does not speak TLS as the door does"),
        Err(_late) => debug!("a sender took too long"),
    }
}

pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    routes: &Routes,
    guest: Arc<Guest>,
) {
    let answer = service_fn(|request: Request<_>| answer(routes, &guest, request));
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

pub(super) async fn answer<B: Body + Unpin>(
    routes: &Routes,
    guest: &Guest,
    request: Request<B>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let reply = match routes.find(path) {
        Some((open, rest)) => {
            let rest = rest.to_owned();
            let taken = take(routes, &open, guest, (&rest, head, body)).await;
            taken.unwrap_or_else(|refused| refused)
        }
        // A path that was open is open again soon; a sender takes 404 for good.
        None if routes.was_open(path) => {
            Reply::later("it is not connected right now; send it again later", COME_AGAIN)
        }
        None => match routes.notes.get().answer(path) {
            Some(shown) => Reply { body: shown, ..Reply::line(StatusCode::OK, "") },
            None => Reply::line(StatusCode::NOT_FOUND, "there is nothing here"),
        },
    };
    let mut answer = Response::new(Full::new(Bytes::from(reply.body)));
    *answer.status_mut() = reply.status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    if let Some(wait) = reply.wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if reply.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST, PUT"));
    }
    Ok(answer)
}

/// `Err` is the answer to what was not handed over.
async fn take<B: Body + Unpin>(
    routes: &Routes,
    open: &Open,
    guest: &Guest,
    (path, head, body): (&str, Parts, B),
) -> Result<Reply, Reply> {
    if let Some(passed_on) = head.headers.get_all("x-forwarded-for").iter().next_back() {
        let proxies = lock(&routes.proxies).clone();
        guest.is_passed_on(passed_on.to_str().unwrap_or_default(), &proxies);
    }
    let (route, query) = (&open.route, head.uri.query().unwrap_or_default());
    // Senders share addresses, so the wrong ones of one keep out no right ones of another.
    let peer = guest.peer();
    let too_many = || {
        let why = "too many requests without a right signature came from there";
        Reply { wait: Some(COME_AGAIN), ..Reply::line(StatusCode::TOO_MANY_REQUESTS, why) }
    };
    if head.method == Method::GET && !peer.is_loopback() && open.strangers.is_over(&peer) {
        return Err(too_many());
    }
    if head.method == Method::GET
        && let Some(reply) = route.challenge.query(query)
    {
        if !reply.status.is_success() {
            let _ = open.strangers.count(peer);
        }
        return Err(reply);
    }
    if ![Method::POST, Method::PUT].contains(&head.method) {
        return Err(Reply::line(
            StatusCode::METHOD_NOT_ALLOWED,
            "only POST and PUT are taken here",
        ));
    }
    let slow = |_late| Reply::line(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let body = timeout(BODY_WITHIN, read(body, route.bytes_max)).await.map_err(slow)??;
    let shown = Shown { headers: &head.headers, path, body: &body };
    let proof = route.verify.check(shown, routes.clock.now()).await.map_err(|wrong| {
        if wrong == Wrong::NoKeys {
            return Reply::later(wrong, COME_AGAIN);
        }
        if open.strangers.count(peer).is_ok() {
            info!(why = %wrong, %peer, "a webhook was not verified");
        } else if !peer.is_loopback() {
            return too_many();
        }
        Reply::line(StatusCode::UNAUTHORIZED, wrong)
    })?;
    guest.has_shown_it();
    if let Some(reply) = route.challenge.body(&body) {
        return Err(reply);
    }
    let secret = path.split('/').next().filter(|_| proof.is_in_path).unwrap_or_default();
    let request = Taken {
        id: id(&head.headers, route.ids)?,
        digest: proof.digest,
        path: path[secret.len()..].trim_start_matches('/').to_owned(),
        query: query.to_owned(),
        headers: unshown(head.headers),
        body: body.into(),
    };
    hand_over(open, request).await
}

/// The same, of which no debug text shows a value: secrets are among them.
fn unshown(mut headers: HeaderMap) -> HeaderMap {
    headers.values_mut().for_each(|it| it.set_sensitive(true));
    headers
}

/// A request before somebody waits for its answer.
struct Taken {
    id: String,
    digest: Option<String>,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

async fn hand_over(open: &Open, taken: Taken) -> Result<Reply, Reply> {
    let (reply, told) = oneshot::channel();
    let Taken { id, digest, path, query, headers, body } = taken;
    let request = super::Request { id, digest, path, query, headers, body, reply };
    let handed_over = async {
        // Fails, like the other one, when the path is being closed.
        open.sender.send(request).await.ok()?;
        told.await.ok()
    };
    let reply = timeout(open.route.patience, handed_over).await.ok().flatten();
    let later = || Reply::later("it was not stored in time; send it again later", COME_AGAIN);
    let reply = reply.unwrap_or_else(later);
    if !reply.status.is_success() {
        info!(why = reply.body.trim_end(), "a webhook was not taken");
    }
    Ok(reply)
}

/// As the sender names the delivery; empty where it does not.
fn id(headers: &HeaderMap, names: &[&str]) -> Result<String, Reply> {
    let Some(named) = names.iter().find_map(|it| headers.get(*it)) else {
        return Ok(String::new());
    };
    let text = named.as_bytes();
    let fits = (1..=ID_CHARS_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    let unfit = "the id of the delivery must be 1 to 128 visible ASCII characters";
    let id = fits.then(|| String::from_utf8_lossy(text).into_owned());
    id.ok_or_else(|| Reply::line(StatusCode::BAD_REQUEST, unfit))
}

async fn read<B: Body + Unpin>(mut body: B, bytes_max: usize) -> Result<Vec<u8>, Reply> {
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let broken = |_gone| Reply::line(StatusCode::BAD_REQUEST, "the body broke off");
        let Ok(mut data) = frame.map_err(broken)?.into_data() else { continue };
        length += data.remaining();
        if READ_BYTES_MAX < length {
            break;
        }
        if length <= bytes_max {
            kept.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
    }
    if length <= bytes_max {
        return Ok(kept);
    }
    let why = format!("the body is larger than {} KiB", bytes_max / 1024);
    Err(Reply::line(StatusCode::PAYLOAD_TOO_LARGE, why))
}
