//! What is taken, and that nobody is told so before the host committed it.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use channel::Verdict;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::rig::{Post, Rig};

/// Far above what a loaded machine takes for any single step.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_sender_is_told_of_success_after_the_commit_and_not_before() {
    let mut rig = Rig::start().await;
    let at = rig.at;
    let mut sender = pin!(Post::signed("house", "{\"title\":\"disk full\"}").send(at));
    let messages = tokio::select! {
        early = &mut sender => panic!("{early:?}"),
        messages = rig.receive() => messages,
    };
    assert!(messages[0].body.text.contains("disk full"), "{messages:?}");
    // Another request goes there and back: time enough for an answer that should not be.
    let probe = tokio::select! {
        biased;
        early = &mut sender => panic!("{early:?}"),
        probe = Post::signed("house/none", "x").send(at) => probe,
    };
    assert_eq!(probe.unwrap().code, 404);
    tokio::select! {
        biased;
        early = &mut sender => panic!("{early:?}"),
        () = std::future::ready(()) => {}
    }
    rig.source().settle(&[Verdict::Stored]).await.unwrap();
    assert_eq!(sender.await.unwrap().code, 202);
}

#[tokio::test]
async fn what_was_not_committed_comes_again_under_the_same_id() {
    let named = || {
        let post = Post::signed("house", "{\"n\":1}");
        post.with("X-GitHub-Event", "ping").with("X-GitHub-Delivery", "d-1")
    };
    let nameless = || Post::signed("house", "disk full");
    for post in [named(), nameless()] {
        let mut rig = Rig::start().await;
        let at = rig.at;
        let (told, first) = tokio::join!(post.clone().send(at), async {
            let first = rig.receive().await;
            drop(rig);
            first
        });
        assert!(told.map_or(true, |it| it.code == 503), "nothing was stored");
        closed(at).await;

        let mut rig = Rig::start().await;
        let at = rig.at;
        let (told, again) = tokio::join!(post.send(at), async {
            let again = rig.receive().await;
            rig.source().settle(&[Verdict::Stored]).await.unwrap();
            again
        });
        assert_eq!(told.unwrap().code, 202);
        assert_eq!(again, first);
    }
}

async fn closed(at: std::net::SocketAddr) {
    let refused = async {
        while TcpStream::connect(at).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap_or_else(|_| panic!("{at} is still served"));
}

#[tokio::test]
async fn events_that_come_at_once_are_kept_apart_and_each_sender_is_told_of_its_own() {
    const COUNT: usize = 40;
    let mut rig = Rig::start().await;
    let mut senders = JoinSet::new();
    for n in 0..COUNT {
        let post = Post::signed(&format!("hook-{}", n % 3), format!("event {n} of many"));
        let at = rig.at;
        senders.spawn(async move { (n, post.send(at).await.unwrap()) });
    }
    let mut ids = BTreeSet::new();
    let mut refused = BTreeMap::new();
    while ids.len() < COUNT {
        let messages = timeout(PATIENCE, rig.receive()).await.unwrap();
        let mut verdicts = Vec::new();
        for message in messages {
            assert!(ids.insert(message.platform_id.clone()), "{message:?}");
            let words = message.body.text.lines().last().unwrap().to_owned();
            let n: usize = words.split(' ').nth(1).unwrap().parse().unwrap();
            assert_eq!(message.from.chat, format!("hook-{}", n % 3));
            verdicts.push(if n.is_multiple_of(2) {
                Verdict::Stored
            } else {
                refused.insert(n, format!("no {words}"));
                Verdict::Refused(format!("no {words}"))
            });
        }
        rig.source().settle(&verdicts).await.unwrap();
    }
    while let Some(told) = senders.join_next().await {
        let (n, told) = told.unwrap();
        match refused.get(&n) {
            Some(why) => assert_eq!((told.code, &told.said), (422, why)),
            None => assert_eq!(told.code, 202, "{told:?}"),
        }
    }
}

/// Somebody saw one signed request and sends its body again.
#[tokio::test]
async fn a_signed_body_is_taken_as_one_event_only() {
    let mut rig = Rig::start().await;
    let at = rig.at;
    let post = |hook: &str, event: &str, id: &str| {
        let post = Post::signed(hook, "{\"zen\":\"once\"}");
        post.with("X-GitHub-Event", event).with("X-GitHub-Delivery", id)
    };
    for _ in 0..2 {
        let (told, messages) = tokio::join!(post("house", "push", "d-1").send(at), async {
            let messages = rig.receive().await;
            rig.source().settle(&[Verdict::Stored]).await.unwrap();
            messages
        });
        assert_eq!((told.unwrap().code, messages.len()), (202, 1), "the same delivery, again");
    }
    for (hook, event, id) in
        [("house", "push", "d-2"), ("garden", "push", "d-1"), ("house", "ping", "d-1")]
    {
        let told = post(hook, event, id).send(at).await.unwrap();
        assert_eq!(told.code, 409, "{hook} {event} {id}: {told:?}");
    }
    let nameless = Post::signed("house", "{\"zen\":\"once\"}");
    assert_eq!(nameless.send(at).await.unwrap().code, 409);
}

/// Connections that say nothing keep nobody out.
#[tokio::test]
async fn silent_connections_make_room_for_a_signed_request() {
    let mut rig = Rig::start().await;
    let at = rig.at;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    let sent = timeout(Duration::from_secs(4), async {
        tokio::join!(Post::signed("house", "hello").send(at), async {
            rig.receive().await;
            rig.source().settle(&[Verdict::Stored]).await.unwrap();
        })
    });
    let (told, ()) = sent.await.expect("less than a silent connection is given");
    assert_eq!(told.unwrap().code, 202);
    drop(silent);
}

#[tokio::test]
async fn a_receive_that_is_dropped_loses_nothing() {
    let mut rig = Rig::start().await;
    let at = rig.at;
    tokio::select! {
        biased;
        messages = rig.receive() => panic!("{messages:?}"),
        probe = Post::signed("house/none", "x").send(at) => assert_eq!(probe.unwrap().code, 404),
    }
    let (told, messages) = tokio::join!(Post::signed("house", "disk full").send(at), async {
        let messages = rig.receive().await;
        rig.source().settle(&[Verdict::Ignored]).await.unwrap();
        messages
    });
    assert_eq!((told.unwrap().code, messages.len()), (202, 1));
}
