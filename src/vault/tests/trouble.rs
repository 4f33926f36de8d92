//! What the user gets to read when the model cannot be reached.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vault::{SealedRow, Trouble};

use crate::rig::{KEY, Rig, assert_error, message};

/// A port on which nobody listens any more.
async fn deserted() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Answers one connection with fixed bytes, and gives what it was sent.
async fn speaks(listener: &TcpListener, bytes: &[u8]) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    stream.read_buf(&mut seen).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    drop(stream.read_to_end(&mut seen).await);
    seen
}

fn change(rig: &Rig, change: impl FnOnce(&mut SealedRow)) {
    change(rig.rows.rows.lock().unwrap().get_mut("anthropic").unwrap());
}

#[tokio::test]
async fn an_empty_vault_says_how_to_fill_it() {
    let rig = Rig::start().await;
    rig.vault.remove("anthropic").await.unwrap();
    let answer = rig.exchange(&message("hello", true)).await;
    assert_error(&answer, 401, "authentication_error", "nanoclaw vault add anthropic");
    assert!(answer.contains("x-should-retry: false"), "{answer}");
    assert_eq!(rig.refusals().await, 0, "that is not the container's fault");
}

#[tokio::test]
async fn an_upstream_that_is_down_is_named() {
    let rig = Rig::start().await;
    let address = deserted().await;
    rig.add(KEY, &format!("http://{address}/x")).await;
    let answer = rig.exchange(&message("hello", true)).await;
    assert_error(&answer, 502, "api_error", "it takes no connection");
    assert!(answer.contains(&format!("from http://{address}: ")), "{answer}");
    assert!(answer.contains("x-should-retry: true") && !answer.contains(KEY), "{answer}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_from_a_dead_server() {
    let rig = Rig::start().await;
    // Reserved never to exist.
    rig.add(KEY, "https://nanoclaw.invalid").await;
    let answer = rig.exchange(&message("hello", true)).await;
    assert_error(&answer, 502, "api_error", "cannot be resolved");
    assert_eq!(rig.vault.probe("anthropic").await.unwrap().1, Err(Trouble::Name));
}

#[tokio::test]
async fn a_server_without_tls_never_sees_the_key() {
    let rig = Rig::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    rig.add(KEY, &format!("https://{}", listener.local_addr().unwrap())).await;
    let call = message("hello", true);
    let (answer, seen) =
        tokio::join!(rig.exchange(&call), speaks(&listener, b"HTTP/1.1 200 OK\r\n\r\n"));
    assert_error(&answer, 502, "api_error", "no secure connection");
    assert!(answer.contains("x-should-retry: false"), "{answer}");
    assert_eq!(seen[0], 0x16, "a TLS handshake");
    assert!(!String::from_utf8_lossy(&seen).contains(KEY));
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told_from_one_that_is_not_there() {
    let rig = Rig::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    rig.add(KEY, &format!("http://{}", listener.local_addr().unwrap())).await;
    let call = message("hello", true);
    let hang_up = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
    };
    let (answer, ()) = tokio::join!(rig.exchange(&call), hang_up);
    assert_error(&answer, 502, "api_error", "closed the connection without an answer");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let rig = Rig::start().await;
    let elsewhere = harness::model_api::FakeModelApi::start().await;
    let location = format!("{}/v1/messages", elsewhere.url());
    rig.api.next().fails(307, "x", "x", &[("location", &location)]);
    let answer = rig.exchange(&message("hello", true)).await;
    assert_error(&answer, 502, "api_error", "redirect (307)");
    assert_eq!(elsewhere.requests_seen(), 0);
}

#[tokio::test]
async fn a_row_that_was_changed_is_never_used() {
    let rig = Rig::start().await;
    let elsewhere = harness::model_api::FakeModelApi::start().await;
    let good = rig.rows.rows.lock().unwrap()["anthropic"].clone();
    let changes: [&dyn Fn(&mut SealedRow); 4] = [
        &|row| row.base_url = elsewhere.url(),
        &|row| row.base_url = "http://10.0.0.7".to_owned(),
        &|row| row.kind = "anthropic-oauth".to_owned(),
        &|row| *row.sealed.last_mut().unwrap() ^= 1,
    ];
    for tamper in changes {
        change(&rig, |row| {
            *row = good.clone();
            tamper(row);
        });
        let answer = rig.exchange(&message("hello", true)).await;
        assert_error(&answer, 500, "api_error", "it was changed since it was sealed");
        assert!(answer.contains("x-should-retry: false"), "{answer}");
        assert!(rig.vault.probe("anthropic").await.is_err());
    }
    assert_eq!(rig.api.requests_seen() + elsewhere.requests_seen(), 0);
}

#[tokio::test]
async fn a_credential_of_another_install_is_explained() {
    let (rig, other) = tokio::join!(Rig::start(), Rig::start());
    let foreign = other.rows.rows.lock().unwrap()["anthropic"].clone();
    change(&rig, |row| *row = foreign);
    let answer = rig.exchange(&message("hello", true)).await;
    assert_error(&answer, 500, "api_error", "another key than the vault's key file holds");
}

#[tokio::test]
async fn a_store_that_fails_is_worth_another_try() {
    let rig = Rig::start().await;
    rig.rows.broken.store(true, Ordering::Relaxed);
    let answer = rig.exchange(&message("hello", true)).await;
    assert_error(&answer, 500, "api_error", "could not read its vault just now");
    assert!(answer.contains("x-should-retry: true") && !answer.contains("fire"), "{answer}");
}
