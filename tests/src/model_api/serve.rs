//! The HTTP side of the fake: accept, record, answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::pace::{PacedBody, Unfinished};
use super::request::RecordedRequest;
use super::script::{Content, Pace, Reply};
use super::{State, wire};

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// A larger body is counted but not kept, so that an upload test does not fill the memory.
const BODY_KEPT_BYTES_MAX: usize = 1 << 20;

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
                    // An error here is a client that left; `State::abandoned` counts those.
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
                });
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let unfinished = Unfinished::new(&state);
    let Some(request) = read(request).await else {
        // Only a client that left in the middle of its body; nobody reads this.
        return Ok(json(StatusCode::BAD_REQUEST, &wire::error("invalid_request_error", "cut")));
    };
    state.record(request.clone());
    let answer = decide(&state, &request, unfinished).await;
    Ok(answer)
}

async fn decide(state: &Arc<State>, request: &RecordedRequest, unfinished: Unfinished) -> Answer {
    let required = state.lock().required_key.clone();
    if required.is_some() && request.key() != required.as_deref() {
        unfinished.finish();
        let body = wire::error("authentication_error", "invalid x-api-key");
        return json(StatusCode::UNAUTHORIZED, &body);
    }
    let path = request.target.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("POST", "/v1/messages") => {
            let number = {
                let mut inner = state.lock();
                inner.replies_made += 1;
                inner.replies_made
            };
            let scripted = state.lock().script.pop_front();
            reply(request, scripted, number, unfinished).await
        }
        ("POST", "/v1/messages/count_tokens") => {
            unfinished.finish();
            json(StatusCode::OK, &wire::token_count(request.body_bytes))
        }
        _ => {
            unfinished.finish();
            json(StatusCode::NOT_FOUND, &wire::error("not_found_error", "no such endpoint"))
        }
    }
}

async fn reply(
    request: &RecordedRequest,
    scripted: Option<Reply>,
    number: usize,
    unfinished: Unfinished,
) -> Answer {
    let echo = || Content::Text(vec![format!("model says: {}", request.last_user_text())]);
    let (content, pace) = match scripted {
        None => (echo(), Pace::AtOnce),
        Some(Reply::Message { content, pace }) => (content, pace),
        Some(Reply::Silence(mut gate)) => {
            gate.opened().await;
            (echo(), Pace::AtOnce)
        }
        Some(Reply::Garbage) => {
            unfinished.finish();
            return plain(StatusCode::OK, "text/event-stream", Bytes::from_static(b"\0\xff{\n\nx"));
        }
        Some(Reply::Error { status, kind, message, headers }) => {
            unfinished.finish();
            return failure(status, &wire::error(&kind, &message), headers);
        }
    };
    if !request.wants_stream() {
        unfinished.finish();
        return json(StatusCode::OK, &wire::whole_message(&content, number, request.model()));
    }
    let pieces = wire::event_pieces(&content, number, request.model());
    let mut answer = Response::new(PacedBody::new(pieces, pace, unfinished).boxed());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert("request-id", header_value(&format!("req_fake_{number}")));
    answer
}

/// `None` when the client left before the end of its body.
async fn read(request: Request<Incoming>) -> Option<RecordedRequest> {
    let method: Method = request.method().clone();
    let target = request.uri().to_string();
    let headers = RecordedRequest::headers_of(request.headers());
    let (mut kept, mut body_bytes) = (Vec::new(), 0);
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        body_bytes += data.len();
        if body_bytes <= BODY_KEPT_BYTES_MAX {
            kept.extend_from_slice(&data);
        }
    }
    let whole = body_bytes <= BODY_KEPT_BYTES_MAX;
    let body = if whole { serde_json::from_slice(&kept).unwrap_or_default() } else { Value::Null };
    Some(RecordedRequest { method: method.to_string(), target, headers, body, body_bytes })
}

fn failure(status: u16, body: &Value, headers: Vec<(String, String)>) -> Answer {
    let status = StatusCode::from_u16(status)
        .unwrap_or_else(|err| panic!("a script has a bad status {status}: {err}"));
    let mut answer = json(status, body);
    for (name, value) in headers {
        let name = HeaderName::try_from(name)
            .unwrap_or_else(|err| panic!("a script has a bad header name: {err}"));
        answer.headers_mut().append(name, header_value(&value));
    }
    answer
}

fn json(status: StatusCode, body: &Value) -> Answer {
    plain(status, "application/json", Bytes::from(body.to_string()))
}

fn plain(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|err| panic!("a script has a bad header: {err}"))
}
