//! What reaches the model's API: the real credential, the body, and little else.

use crate::rig::{KEY, Rig, TOKEN, body, message, request_line};

#[tokio::test]
async fn the_real_key_replaces_whatever_the_container_sends() {
    let rig = Rig::start().await;
    rig.api.requires_key(KEY);
    let headers = "connection: close\r\nX-Api-Key: placeholder\r\nx-api-key: second\r\n\
        Authorization: Bearer placeholder\r\nauthorization: Basic eA==\r\n\
        Proxy-Authorization: x\r\nCookie: a=b\r\nX-Forwarded-For: 10.0.0.1\r\n\
        anthropic-version: 2023-06-01\r\nanthropic-beta: a\r\nanthropic-beta: b, c\r\n\
        x-stainless-retry-count: 0\r\naccept-encoding: gzip\r\nuser-agent: claude-cli/2\r\n";
    let text = body("hello", false);
    let answer = rig.exchange(&request_line("POST /v1/messages?beta=true", headers, &text)).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("model says: hello"), "{answer}");

    let seen = rig.api.requests().remove(0);
    assert_eq!(seen.target, "/v1/messages?beta=true");
    assert_eq!(seen.header("x-api-key"), Some(KEY));
    assert_eq!(seen.header("anthropic-beta"), Some("a,b,c"));
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.header("x-stainless-retry-count"), Some("0"));
    assert_eq!(seen.header("user-agent"), Some("claude-cli/2"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("host"), Some(rig.api.address().to_string().as_str()));
    assert_eq!(seen.body_bytes, text.len());
    for dropped in ["authorization", "proxy-authorization", "cookie", "x-forwarded-for"] {
        assert_eq!(seen.header(dropped), None, "{dropped}");
    }
    assert!(!seen.mentions("placeholder"));
    assert_eq!(rig.refusals().await, 0);
}

#[tokio::test]
async fn a_subscription_token_is_sent_as_bearer() {
    let rig = Rig::start().await;
    rig.add(TOKEN, &rig.api.url()).await;
    rig.exchange(&message("hello", false)).await;
    let seen = rig.api.requests().remove(0);
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(seen.header("x-api-key"), None);
    assert_eq!(seen.header("anthropic-beta"), Some("oauth-2025-04-20"));
}

#[tokio::test]
async fn the_prefix_of_a_gateway_is_kept() {
    let rig = Rig::start().await;
    rig.add(KEY, &format!("{}/llm/claude/", rig.api.url())).await;
    let answer = rig.exchange(&message("hello", false)).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "the fake has no such path: {answer}");
    assert_eq!(rig.api.requests()[0].target, "/llm/claude/v1/messages?beta=true");
}

#[tokio::test]
async fn one_stream_serves_many_requests_and_each_opens_the_credential_again() {
    let rig = Rig::start().await;
    let mut client = rig.open();
    let call = |text| request_line("POST /v1/messages", "", &body(text, false));
    client.send(call("one")).await;
    client.read_until("model says: one").await;
    client.read_until("output_tokens").await;
    client.send(request_line("POST /v1/messages/count_tokens", "", &body("two", false))).await;
    client.read_until("input_tokens").await;

    rig.add("sk-ant-api03-its-successor", &rig.api.url()).await;
    client.send(call("three")).await;
    client.read_until("model says: three").await;
    assert!(rig.vault.remove("anthropic").await.unwrap());
    client.send(call("four")).await;
    client.read_until("nanoclaw vault add anthropic").await;

    let keys: Vec<_> =
        rig.api.requests().iter().map(|it| it.key().unwrap_or_default().to_owned()).collect();
    assert_eq!(keys, [KEY, KEY, "sk-ant-api03-its-successor"]);
}

#[tokio::test]
async fn an_answer_of_the_api_comes_down_without_the_hosts_business() {
    let rig = Rig::start().await;
    let headers = [
        ("retry-after", "3"),
        ("x-should-retry", "true"),
        ("anthropic-ratelimit-tokens-limit", "5"),
        ("set-cookie", "session=1"),
        ("location", "https://evil.example"),
        ("x-debug", KEY),
    ];
    rig.api.next().fails(429, "rate_limit_error", "slow down", &headers);
    let answer = rig.exchange(&message("hello", true)).await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    for kept in ["retry-after: 3", "x-should-retry: true", "ratelimit-tokens-limit: 5", "slow down"]
    {
        assert!(answer.contains(kept), "{kept}: {answer}");
    }
    for dropped in ["set-cookie", "location", "x-debug", KEY] {
        assert!(!answer.contains(dropped), "{dropped}: {answer}");
    }
}
