//! Requests of a container that the vault refuses.

use std::time::Duration;

use vault::Limits;

use crate::rig::{Rig, assert_error, body, message, request_line};

#[tokio::test]
async fn everything_but_the_models_calls_is_refused_and_counted() {
    let rig = Rig::start().await;
    let lines = [
        "POST /v1/x/../messages",
        "POST /v1/%2e%2e/v1/messages",
        "POST /v1/message%73",
        "POST /v1%2fmessages",
        "POST /v1/messages/",
        "POST //v1/messages",
        "POST /v1//messages",
        "POST /V1/messages",
        "POST /v1/messages?",
        "POST /v1/messages?beta=true&x=1",
        "POST /v1/messages?key=x",
        "POST /v1/messages/batches",
        "POST /v1/complete",
        "POST /v1/models",
        "POST /api/oauth/claude_cli/create_api_key",
        "POST /",
        "GET /v1/messages",
        "PUT /v1/messages",
        "DELETE /v1/messages",
        "OPTIONS *",
        "TRACE /v1/messages",
        "BREW /v1/messages",
        "POST http://model/v1/messages",
        "POST https://api.anthropic.com/v1/messages",
        "POST http://169.254.169.254/latest/meta-data",
        "CONNECT api.anthropic.com:443",
    ];
    for (before, line) in lines.into_iter().enumerate() {
        let headers = "connection: close\r\nx-http-method-override: POST\r\n";
        let answer = rig.exchange(&request_line(line, headers, &body("hello", false))).await;
        assert_error(&answer, 403, "permission_error", "nanoclaw refused this request: ");
        assert!(answer.contains("x-should-retry: false"), "{line}: {answer}");
        assert_eq!(rig.refusals().await, before + 1, "{line}");
    }
    assert_eq!(rig.api.requests_seen(), 0);
}

#[tokio::test]
async fn what_is_no_http_is_not_served() {
    let rig = Rig::start().await;
    let [long, longer] = [17 << 10, 1 << 20].map(|bytes| {
        format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "x".repeat(bytes))
    });
    let many = format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(1000));
    for bytes in [
        "\x16\x03\x01\x02\x00 hello, TLS here",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}abc",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n",
        "POST /v1/messages with a space HTTP/1.1\r\nhost: x\r\n\r\n",
        &long,
        &longer,
        &many,
    ] {
        let answer = rig.exchange(bytes).await;
        assert!(!answer.contains("200 OK"), "{:.60}: {answer}", bytes);
    }
    assert_eq!(rig.api.requests_seen(), 0);
}

#[tokio::test]
async fn a_second_request_hidden_in_a_body_stays_a_body() {
    let rig = Rig::start().await;
    let hidden = "POST /v1/files HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let head = "POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let both = format!("{head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n{chunked}");
    rig.exchange(&both).await;
    for seen in rig.api.requests() {
        assert_eq!((seen.target.as_str(), seen.body_bytes), ("/v1/messages", hidden.len()));
    }
    assert!(rig.api.requests_seen() <= 1);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_declared_or_not() {
    let rig = Rig::with_limits(Limits { body_bytes_max: 1 << 20, ..Limits::default() }).await;
    let large = "x".repeat((1 << 20) + 1);
    let declared = request_line("POST /v1/messages", "connection: close\r\n", &large);
    let head = "POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let chunked = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    for (before, request) in [declared, chunked].into_iter().enumerate() {
        let mut client = rig.open();
        // Only the sending is cut off; the answer is there all the same.
        client.send(&request).await;
        let answer = client.read_to_end().await;
        assert_error(&answer, 413, "request_too_large", "larger than 1 MiB");
        assert_eq!(rig.refusals().await, before + 1);
    }
    let fits = rig.exchange(&message("hello", false)).await;
    assert!(fits.starts_with("HTTP/1.1 200"), "{fits}");
}

/// A container that asks for what it may not have, over and over, costs the host next to nothing.
#[tokio::test]
async fn a_flood_of_refusals_is_a_few_commits() {
    let rig = Rig::start().await;
    for _ in 0..100 {
        let line = request_line("POST /v1/files", "connection: close\r\n", &body("hello", false));
        rig.exchange(&line).await;
    }
    let commits = rig.rows.refusals.lock().unwrap().len();
    assert!(commits < 20, "{commits} commits");
    assert_eq!(rig.refusals().await, 100, "and none is forgotten");
}

#[tokio::test]
async fn a_session_that_calls_the_model_too_often_is_told_to_wait() {
    let call_every = Duration::from_secs(600);
    let limits = Limits { calls_burst: 2, call_every, ..Limits::default() };
    let rig = Rig::with_limits(limits).await;
    for _ in 0..2 {
        let answer = rig.exchange(&message("hello", false)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let answer = rig.exchange(&message("hello", false)).await;
    assert_error(&answer, 429, "rate_limit_error", "nanoclaw slows this session down");
    assert!(answer.contains("retry-after: ") && answer.contains("x-should-retry: true"));
    assert_eq!(rig.api.requests_seen(), 2);
}
