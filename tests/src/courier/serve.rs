//! The HTTP side of the double: accept, read a request, answer.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{State, routes};

/// A request that was let in.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// Between the slashes, unescaped.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) kind: String,
    /// Of a message that is not to be made twice.
    pub(super) key: Option<String>,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }

    /// `null` for what is no JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) enum Answer {
    Json(Value),
    Bytes(Vec<u8>),
    Refused(u16, String),
    /// Seconds to wait.
    Throttled(u64),
    /// The connection breaks.
    Lost,
}

/// Serves until dropped. Connections end with it.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that hung up before it was accepted is no concern of the others.
                let Ok((stream, _)) = accepted else { continue };
                let state = Arc::clone(&state);
                connections.spawn(async move {
                    let answer = service_fn(|request| answer(Arc::clone(&state), request));
                    // An error here is a client that left, or an answer that is lost on purpose.
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
                });
            }
            () = state.cut.notified() => connections.abort_all(),
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let wanted = format!("Bearer {}", state.lock().token);
    let answer = if header(request.headers(), AUTHORIZATION.as_str()) == Some(&wanted) {
        match read(request).await {
            Some(call) => routes::perform(&state, &call).await,
            None => Answer::Refused(400, "the body did not arrive".into()),
        }
    } else {
        Answer::Refused(401, "this token is not known".into())
    };
    let (status, body) = match answer {
        Answer::Json(value) => (200, value.to_string().into()),
        Answer::Bytes(bytes) => (200, bytes.into()),
        Answer::Refused(status, why) => (status, json!({"error": why}).to_string().into()),
        Answer::Throttled(secs) => {
            let body = json!({"error": "too many requests"}).to_string();
            let answer = Response::builder().status(429).header(RETRY_AFTER, secs);
            return Ok(answer.body(Full::new(body.into())).unwrap());
        }
        Answer::Lost => return Err(io::Error::other("the answer is lost on purpose")),
    };
    Ok(Response::builder().status(status).body(Full::new(body)).unwrap())
}

async fn read(request: Request<Incoming>) -> Option<Call> {
    let headers = request.headers();
    let text = |name: &str| header(headers, name).map(str::to_owned);
    let (kind, key) = (text(CONTENT_TYPE.as_str()), text("idempotency-key"));
    let pieces = request.uri().path().split('/').skip(1);
    let pairs = request.uri().query().unwrap_or_default().split('&');
    let pairs = pairs.filter_map(|it| it.split_once('='));
    Some(Call {
        method: request.method().to_string(),
        path: pieces.map(decoded).collect(),
        query: pairs.map(|(name, value)| (spaced(name), spaced(value))).collect(),
        kind: kind.unwrap_or_default(),
        key,
        body: request.into_body().collect().await.ok()?.to_bytes(),
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn spaced(text: &str) -> String {
    decoded(&text.replace('+', " "))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
