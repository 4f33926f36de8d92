//! The HTTP side of the double: who may ask, how often, and what a fault does to an answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::multipart::{self, Upload};
use super::world::World;
use super::{State, routes};
use crate::conformance::Fault;

const WINDOW: Duration = Duration::from_secs(1);

/// A request that was read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Behind the version, without a query.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    pub(super) files: Vec<Upload>,
}

impl Asked {
    pub(super) fn query(&self, name: &str) -> Option<u64> {
        let (_, value) = self.query.iter().find(|it| it.0 == name)?;
        value.parse().ok()
    }

    /// It shows something to people.
    fn sends(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        matches!(
            (self.method.as_str(), &path[..]),
            ("POST", ["channels", _, "messages"])
                | ("DELETE", ["channels", _, "messages", _])
                | ("PATCH", ["channels", _, "messages", _])
                | (_, ["channels", _, "messages", _, "reactions", ..])
        )
    }
}

#[derive(Debug)]
pub(super) enum Answer {
    Json(u16, Value),
    Bytes(String, Vec<u8>),
    Empty,
}

impl Answer {
    pub(super) fn error(status: u16, code: u64, message: &str) -> Self {
        Self::Json(status, json!({ "code": code, "message": message }))
    }
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for Lost {}

type Reply = Response<Full<Bytes>>;

/// Serves until dropped. Connections end with it.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let state = Arc::clone(&state);
                connections.spawn(async move {
                    let answer = service_fn(|request| answer(Arc::clone(&state), request));
                    // An error here is a client that left, or an answer that was to be lost.
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
                });
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Reply, Lost> {
    let target = request.uri().clone();
    let header = |name: HeaderName| {
        let value = request.headers().get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (authorization, content_type) = (header(AUTHORIZATION), header(CONTENT_TYPE));
    let method = request.method().to_string();
    let body = request.into_body().collect().await.map_err(|_| Lost)?.to_bytes();
    let mut world = state.lock();
    world.requests.push(format!("{method} {}", target.path()));
    if let Some(path) = target.path().strip_prefix("/attachments/") {
        return Ok(reply(routes::attachment(&world, path), &[]));
    }
    let Some(path) = target.path().strip_prefix("/api/v10/") else {
        return Ok(reply(Answer::error(404, 0, "404: Not Found"), &[]));
    };
    let (body, files) = multipart::read(&content_type, &body);
    let asked = Asked {
        method,
        path: path.split('/').map(decoded).collect(),
        query: pairs(target.query().unwrap_or_default()),
        body,
        files,
    };
    let by_token = asked.path.first().is_some_and(|it| it == "interactions" || it == "webhooks");
    if !by_token && !state.is_token(authorization.strip_prefix("Bot ").unwrap_or_default()) {
        return Ok(reply(Answer::error(401, 0, "401: Unauthorized"), &[]));
    }
    let replied = limited(&mut world, &state, &asked);
    drop(world);
    state.changed.notify_waiters();
    replied
}

/// Answers within the limits and as the next fault says.
fn limited(world: &mut World, state: &State, asked: &Asked) -> Result<Reply, Lost> {
    let headers = match count(world, asked) {
        Ok(headers) => headers,
        Err(over) => return Ok(*over),
    };
    if asked.sends()
        && let Some(wait) = world.paused.take()
    {
        return Ok(throttled(wait, "global", &[]));
    }
    let fault = match asked.method.as_str() {
        "GET" => world.read_faults.pop_front(),
        _ if asked.sends() => world.faults.pop_front(),
        _ => None,
    };
    match fault {
        Some(Fault::Throttle(wait)) => Ok(throttled(wait, "shared", &[])),
        Some(Fault::ServerError) => {
            Ok(reply(Answer::error(500, 0, "500: Internal Server Error"), &headers))
        }
        Some(Fault::Forbidden) => {
            Ok(reply(Answer::error(403, 50_013, "Missing Permissions"), &headers))
        }
        Some(Fault::AnswerLost) => {
            routes::answer(world, state, asked);
            Err(Lost)
        }
        Some(Fault::BadFormat | Fault::Disconnect | Fault::Garbage) | None => {
            Ok(reply(routes::answer(world, state, asked), &headers))
        }
    }
}

type Headers = Vec<(&'static str, String)>;

/// Counts a request to its bucket (<https://discord.com/developers/docs/topics/rate-limits>).
fn count(world: &mut World, asked: &Asked) -> Result<Headers, Box<Reply>> {
    // One for each channel and method.
    let channel = asked.path.get(1).map_or("", String::as_str);
    let bucket = format!("{}-{}-{channel}", asked.method, asked.path[0]);
    let (now, limits) = (Instant::now(), &mut world.limits);
    let (since, seen) = limits.seen.entry(bucket.clone()).or_insert((now, 0));
    if WINDOW <= now.duration_since(*since) {
        (*since, *seen) = (now, 0);
    }
    let left = WINDOW.saturating_sub(now.duration_since(*since));
    let over = limits.per_second <= *seen;
    *seen = seen.saturating_add(1);
    let headers = vec![
        ("x-ratelimit-bucket", bucket),
        ("x-ratelimit-limit", limits.per_second.to_string()),
        ("x-ratelimit-remaining", limits.per_second.saturating_sub(*seen).to_string()),
        ("x-ratelimit-reset-after", format!("{:.3}", left.as_secs_f64())),
    ];
    if over {
        limits.exceeded += 1;
        return Err(Box::new(throttled(left, "user", &headers)));
    }
    Ok(headers)
}

fn throttled(wait: Duration, scope: &str, more: &[(&'static str, String)]) -> Reply {
    let message = "You are being rate limited.";
    let body = json!({ "message": message, "retry_after": wait.as_secs_f64(), "global": scope == "global" });
    let mut headers = more.to_vec();
    headers.push(("x-ratelimit-scope", scope.to_owned()));
    let mut reply = reply(Answer::Json(429, body), &headers);
    let seconds = wait.as_secs() + u64::from(0 < wait.subsec_nanos());
    reply.headers_mut().insert(RETRY_AFTER, seconds.into());
    reply
}

fn reply(answer: Answer, headers: &[(&'static str, String)]) -> Reply {
    let (status, kind, body) = match answer {
        Answer::Json(status, value) => {
            (status, "application/json".to_owned(), value.to_string().into())
        }
        Answer::Bytes(kind, bytes) => (200, kind, Bytes::from(bytes)),
        Answer::Empty => (204, String::new(), Bytes::new()),
    };
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap();
    if !kind.is_empty() {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_str(&kind).unwrap());
    }
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        reply.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    reply
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |it: &str| it.split_once('=').map(|(name, value)| (decoded(name), decoded(value)));
    query.split('&').filter_map(pair).collect()
}

/// Percent-decoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|it| u8::from_str_radix(it, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
