//! What is not taken, and what a sender is told then.

use channel::{ChannelError, DeliverError, Part};
use domain::outgoing::Content;

use super::rig::{Post, Rig, SECRET, account, connect, sign};

/// Sends what must not reach the host.
async fn code(rig: &mut Rig, post: Post) -> u16 {
    let at = rig.at;
    tokio::select! {
        told = post.send(at) => told.unwrap().code,
        messages = rig.receive() => panic!("the host was given {messages:?}"),
    }
}

#[tokio::test]
async fn only_what_the_secret_signed_is_taken() {
    let mut rig = Rig::start().await;
    let rig = &mut rig;
    assert_eq!(code(rig, Post::unsigned("house", "{}")).await, 401);
    let signature = |text: &str| Post::unsigned("house", "{}").with("X-Hub-Signature-256", text);
    let right = sign(SECRET, b"{}");
    for wrong in [
        sign("another secret", b"{}"),
        sign(SECRET, b"{ }"),
        sign("", b"{}"),
        right.replace("sha256=", "sha1="),
        right[..right.len() - 2].to_owned(),
        String::new(),
    ] {
        assert_eq!(code(rig, signature(&wrong)).await, 401, "{wrong}");
    }
    let old = Post::unsigned("house", "{}").with("X-Hub-Signature", &right);
    assert_eq!(code(rig, old).await, 401);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_reason() {
    let mut rig = Rig::start().await;
    let rig = &mut rig;
    assert_eq!(code(rig, Post::signed("house", b"\xff\xfe")).await, 400);
    assert_eq!(code(rig, Post::signed("house", "")).await, 400);
    let bad_id = Post::signed("house", "{}").with("Idempotency-Key", "two words");
    assert_eq!(code(rig, bad_id).await, 400);
    for path in ["/", "/in/webhook/main/House", "/in/webhook/main/../etc", "/hook/house"] {
        let first_line = format!("POST {path} HTTP/1.1");
        assert_eq!(code(rig, Post { first_line, ..Post::signed("house", "{}") }).await, 404);
    }
    let first_line = "GET /in/webhook/main/house HTTP/1.1".to_owned();
    assert_eq!(code(rig, Post { first_line, ..Post::unsigned("house", "") }).await, 405);
    let first_line = "this is no request".to_owned();
    assert_eq!(code(rig, Post { first_line, ..Post::unsigned("house", "") }).await, 400);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_its_sender_hears_why() {
    let mut rig = Rig::start().await;
    for bytes in [1024 * 1024 + 1, 8 * 1024 * 1024] {
        assert_eq!(code(&mut rig, Post::signed("house", vec![b'x'; bytes])).await, 413);
    }
}

#[tokio::test]
async fn nothing_can_be_sent_to_a_webhook() {
    let caps = channel::registration(webhook::NAME).unwrap().caps;
    assert!(caps.mute && !caps.buttons && caps.file_bytes_max == 0);
    let rig = Rig::start().await;
    let part = Part {
        to: Default::default(),
        key: "k".into(),
        content: Content::Text("hello".into()),
        reply_to: String::new(),
        also: Vec::new(),
        last: true,
        no_answer: false,
        repeat: false,
        in_group: false,
        silent: false,
        notify: None,
    };
    let out = rig.sink();
    let refused = out.deliver(&part).await;
    assert!(matches!(refused, Err(DeliverError::Refused(_))), "{refused:?}");
    assert!(!format!("{rig:?}").contains(SECRET));
}

#[tokio::test]
async fn an_account_without_a_secret_or_of_no_kind_takes_nothing() {
    for (kind, secret) in [("github", None), ("github", Some("")), ("standard", Some("plain"))] {
        let err = connect(&account(kind, secret)).await.unwrap_err();
        let ChannelError::Unauthorized(why) = err else { panic!("{err:?}") };
        assert!(why.to_string().contains("nanoclaw channels add webhook"), "{why}");
    }
    let err = connect(&account("carrier-pigeon", Some(SECRET))).await.unwrap_err();
    let ChannelError::Misconfigured(why) = err else { panic!("{err:?}") };
    assert!(why.to_string().contains("alertmanager"), "{why}");
}
