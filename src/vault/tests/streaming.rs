//! Bytes pass as they come, in both directions, and an end on one side is an end on the other.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vault::Limits;

use crate::rig::{KEY, Rig, assert_error, message};

#[tokio::test]
async fn the_first_event_arrives_before_the_model_has_finished() {
    let rig = Rig::start().await;
    let held = rig.api.next().streams_held(&["early ", "late"]);
    let mut client = rig.open();
    client.send(message("hello", true)).await;
    let early = client.read_until(r#""text":"early ""#).await;
    assert!(early.contains("content-type: text/event-stream"), "{early}");
    assert!(!early.contains("late"));
    held.release();
    let late = client.read_to_end().await;
    assert!(late.contains("late") && late.contains("message_stop"), "{late}");
    assert!(late.ends_with("\r\n0\r\n\r\n"), "a clean end: {late}");
    assert_eq!(rig.api.abandoned(), 0);
}

#[tokio::test]
async fn a_slow_answer_is_not_cut_by_a_wait_shorter_than_the_whole() {
    let rig =
        Rig::with_limits(Limits { silence_max: Duration::from_millis(1500), ..Limits::default() })
            .await;
    rig.api.next().streams_slowly(&["a", "b", "c", "d", "e"], Duration::from_millis(400));
    let answer = rig.exchange(&message("hello", true)).await;
    assert!(answer.contains("message_stop"), "{answer}");
}

#[tokio::test]
async fn an_upload_reaches_the_api_while_it_is_still_being_sent() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::start().await;
    rig.add(KEY, &format!("http://{}", upstream.local_addr().unwrap())).await;
    let half = "x".repeat(4 << 20);
    let mut client = rig.open();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        2 * half.len()
    );
    client.send(head).await;
    let first_half = async {
        let (mut stream, _) = upstream.accept().await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < half.len() {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        (stream, seen)
    };
    // The other half is sent only after the first has arrived.
    let ((), (mut stream, mut seen)) = tokio::join!(client.send(&half), first_half);
    let rest = async {
        while !seen.ends_with(b"x!") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        seen
    };
    let (_, seen) = tokio::join!(client.send(format!("{}!", &half[1..])), rest);
    let head = String::from_utf8_lossy(&seen[..2048]).to_lowercase();
    assert!(head.contains(&format!("content-length: {}\r\n", 2 * half.len())), "{head}");
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_container_that_leaves_takes_its_request_with_it() {
    let rig = Rig::start().await;
    let _unfinished = rig.api.next().streams_held(&["early", "never"]);
    let _unanswered = rig.api.next().hangs();
    let mut client = rig.open();
    client.send(message("hello", true)).await;
    client.read_until("early").await;
    drop(client);
    rig.api.wait_for_abandoned(1).await;

    let mut client = rig.open();
    client.send(message("hello", true)).await;
    rig.api.wait_for_requests(2).await;
    drop(client);
    rig.api.wait_for_abandoned(2).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_finished() {
    let mut rig = Rig::start().await;
    let _unfinished = rig.api.next().streams_held(&["early", "never"]);
    let mut client = rig.open();
    client.send(message("hello", true)).await;
    client.read_until("early").await;
    rig.api = harness::model_api::FakeModelApi::start().await;
    let rest = client.read_to_end().await;
    assert!(!rest.contains("message_stop") && !rest.ends_with("0\r\n\r\n"), "{rest}");
}

#[tokio::test]
async fn bytes_that_mean_nothing_pass_as_they_are() {
    let rig = Rig::start().await;
    rig.api.next().garbage();
    let answer = rig.exchange(&message("hello", true)).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("{\n\nx"), "{answer}");
}

#[tokio::test]
async fn a_silent_model_is_given_up() {
    let rig =
        Rig::with_limits(Limits { silence_max: Duration::from_millis(200), ..Limits::default() })
            .await;
    let _unanswered = rig.api.next().hangs();
    let answer = rig.exchange(&message("hello", true)).await;
    assert_error(&answer, 502, "api_error", "did not answer in time");
    rig.api.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn a_stream_without_a_request_is_closed() {
    let rig =
        Rig::with_limits(Limits { idle_max: Duration::from_millis(200), ..Limits::default() })
            .await;
    let mut idle = rig.open();
    idle.read_to_end().await;
    let mut slow = rig.open();
    slow.send("POST /v1/messages HTTP/1.1\r\nhost:").await;
    slow.read_to_end().await;
}
