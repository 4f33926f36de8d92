//! What is taken, and that it reaches the host, once, whatever happens to either.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use channel::{Cursor, Gap, Verdict};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::rig::{Post, Rig, SECRET, account, connect};

/// Far above what a loaded machine takes for any single step.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_was_acknowledged_comes_again_until_the_host_accepted_it() {
    let named = Post::signed("house", "{\"n\":1}").with("X-GitHub-Delivery", "d-1");
    for post in [named, Post::signed("house", "disk full")] {
        let mut rig = Rig::start().await;
        assert_eq!(
            post.clone().code(rig.at).await,
            202,
            "the host is busy, and nobody waits for it"
        );
        let first = rig.receive().await;
        let spool = Arc::clone(&rig.spool);
        drop(rig);
        let mut rig = Rig::again(spool).await;
        assert_eq!(post.clone().code(rig.at).await, 202, "its sender did not hear it");
        let (again, cursor) = rig.receive_after(&Cursor::default()).await;
        assert_eq!((again.len(), &again), (1, &first));
        rig.source().settle(&[Verdict::Stored]).await.unwrap();
        assert_eq!(Post::signed("house", "next").code(rig.at).await, 202);
        let (next, _) = rig.receive_after(&cursor).await;
        assert!(next.len() == 1 && next[0].body.text.ends_with("next"), "{next:?}");
        assert_eq!(post.code(rig.at).await, 202);
        let (next, _) = rig.receive_after(&cursor).await;
        assert_eq!(next.len(), 1, "it is known after it was accepted: {next:?}");
    }
}

#[tokio::test]
async fn events_that_come_at_once_are_kept_apart() {
    const COUNT: usize = 40;
    let mut rig = Rig::start().await;
    let mut senders = JoinSet::new();
    for n in 0..COUNT {
        let post = Post::signed(&format!("hook-{}", n % 3), format!("event {n} of many"));
        let at = rig.at;
        senders.spawn(async move { post.code(at).await });
    }
    let (mut ids, mut cursor) = (BTreeSet::new(), Cursor::default());
    while ids.len() < COUNT {
        let (messages, next) = timeout(PATIENCE, rig.receive_after(&cursor)).await.unwrap();
        for message in messages {
            assert!(ids.insert(message.platform_id.clone()), "{message:?}");
            let words = message.body.text.lines().last().unwrap().to_owned();
            let n: usize = words.split(' ').nth(1).unwrap().parse().unwrap();
            assert_eq!(message.from.chat, format!("hook-{}", n % 3));
        }
        cursor = next;
    }
    assert_eq!(senders.join_all().await, [202; COUNT]);
}

/// Somebody saw one signed request and sends its body again.
#[tokio::test]
async fn a_signed_body_is_taken_as_one_event_only() {
    let mut rig = Rig::start().await;
    let post = |hook: &str, event: &str, id: &str| {
        let post = Post::signed(hook, "{\"zen\":\"once\"}");
        post.with("X-GitHub-Event", event).with("X-GitHub-Delivery", id)
    };
    for _ in 0..2 {
        assert_eq!(
            post("house", "push", "d-1").code(rig.at).await,
            202,
            "the same delivery, again"
        );
    }
    let (messages, cursor) = rig.receive_after(&Cursor::default()).await;
    assert_eq!(messages.len(), 1);
    for rig in [&rig, &Rig::again(Arc::clone(&rig.spool)).await] {
        for (hook, event, id) in
            [("house", "push", "d-2"), ("garden", "push", "d-1"), ("house", "ping", "d-1")]
        {
            assert_eq!(post(hook, event, id).code(rig.at).await, 409, "{hook} {event} {id}");
        }
        assert_eq!(Post::signed("house", "{\"zen\":\"once\"}").code(rig.at).await, 409);
    }
    let nothing = timeout(Duration::from_millis(50), rig.receive_after(&cursor)).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn what_came_while_nobody_listened_may_be_missing() {
    let known = channel::Account {
        heard_until: Some(domain::time::Timestamp(1)),
        ..account("github", Some(SECRET))
    };
    for (account, want) in [(known, Gap::Unknown), (account("github", Some(SECRET)), Gap::None)] {
        let mut connection = connect(&account).await.unwrap();
        assert_eq!((connection.source.gap(), connection.source.gap()), (Some(want), None));
    }
}
