//! The HTTP side of the double: accept, read a call, answer.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::call::{Call, Refusal};
use super::multipart::Fields;
use super::{State, TOKEN, methods, multipart};

type Answer = Response<Full<Bytes>>;

/// The connection breaks instead of an answer.
#[derive(Debug)]
pub(super) struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost on purpose")
    }
}

impl std::error::Error for Lost {}

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

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Lost> {
    // Some clients escape the `:` of the token.
    let path = decoded(request.uri().path());
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return Ok(file(&state, rest));
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|it| it.split_once('/')) else {
        return Ok(refused(&Refusal::new(404, "Not Found")));
    };
    if token != TOKEN {
        return Ok(refused(&Refusal::new(401, "Unauthorized")));
    }
    let Some(call) = read(method, request).await else {
        return Ok(refused(&Refusal::bad("can't parse the request")));
    };
    let parameters = Value::Object(call.parameters.clone());
    state.lock().calls.push((call.method.clone(), parameters));
    match methods::perform(&state, &call).await? {
        Ok(result) => Ok(json_answer(StatusCode::OK, &json!({"ok": true, "result": result}))),
        Err(refusal) => Ok(refused(&refusal)),
    }
}

/// Parameters come in the query, as a form, as JSON or as a form with files.
async fn read(method: &str, request: Request<Incoming>) -> Option<Call> {
    let mut call = Call { method: method.to_owned(), ..Call::default() };
    let mut fields = urlencoded(request.uri().query().unwrap_or_default());
    let kind = request.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.ok()?.to_bytes();
    if kind.starts_with("multipart/form-data") {
        let (more, uploads) = multipart::parse(&kind, &body)?;
        fields.extend(more);
        call.uploads = uploads;
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        fields.extend(urlencoded(std::str::from_utf8(&body).ok()?));
    } else if kind.starts_with("application/json") {
        // Servers take no other JSON than an object.
        call.parameters = serde_json::from_slice(&body).ok()?;
    }
    call.parameters.extend(fields.into_iter().map(|(key, value)| (key, Value::String(value))));
    Some(call)
}

fn urlencoded(text: &str) -> Fields {
    let pairs = text.split('&').filter_map(|it| it.split_once('='));
    let spaced = |it: &str| decoded(&it.replace('+', " "));
    pairs.map(|(key, value)| (spaced(key), spaced(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let hex = (*first == b'%').then(|| std::str::from_utf8(more.get(..2)?).ok()).flatten();
        match hex.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn file(state: &State, rest: &str) -> Answer {
    let Some((token, path)) = rest.split_once('/') else {
        return refused(&Refusal::new(404, "Not Found"));
    };
    if token != TOKEN {
        return refused(&Refusal::new(401, "Unauthorized"));
    }
    let inner = state.lock();
    match inner.files.values().find(|it| it.path == path) {
        Some(file) => {
            whole(StatusCode::OK, "application/octet-stream", file.content.clone().into())
        }
        None => refused(&Refusal::new(404, "Not Found")),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::BAD_REQUEST);
    json_answer(status, &refusal.show())
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    whole(status, "application/json", Bytes::from(body.to_string()))
}

fn whole(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
