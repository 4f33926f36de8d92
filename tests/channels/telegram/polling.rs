//! What is special to the receiving half: offsets, other readers, chats that move.

use std::time::Duration;

use channel::{ChannelError, Connection, Cursor, Event};
use harness::conformance::driven::{Driven, chain, connect, eventually, within};
use harness::conformance::{Double, Fault, Post};
use harness::telegram::FakeTelegram;
use serde_json::json;

async fn connection(double: &FakeTelegram) -> Connection {
    connect(double, &double.account()).await.unwrap()
}

#[tokio::test]
async fn telegram_forgets_an_update_after_the_host_committed_it() {
    let double = FakeTelegram::start().await;
    let mut source = connection(&double).await.source;
    double.post(Post::plain(&double, &double.places().direct, "one")).await;
    let batch = source.receive(&Cursor::default()).await.unwrap();
    source.settle(&[channel::Verdict::Stored]).await.unwrap();
    assert_eq!(double.waiting_updates(), 1, "nobody said that it was committed");
    double.post(Post::plain(&double, &double.places().direct, "two")).await;
    let next = source.receive(&batch.cursor).await.unwrap();
    assert_eq!((next.events.len(), double.waiting_updates()), (1, 1));
    let offsets: Vec<_> =
        double.calls("getUpdates").iter().map(|it| it["offset"].as_i64()).collect();
    assert_eq!(offsets, [None, Some(100_002)]);
}

#[tokio::test]
async fn an_update_that_cannot_be_read_spoils_no_other_and_is_not_read_again() {
    let double = FakeTelegram::start().await;
    let mut source = connection(&double).await.source;
    double.fault(Fault::Garbage).await;
    double.post(Post::plain(&double, &double.places().direct, "good")).await;
    double.push("callback_query", json!({"id": 5}));
    double.push("something_new", json!({"a": 1}));
    let batch = source.receive(&Cursor::default()).await.unwrap();
    assert_eq!((batch.events.len(), batch.cursor.0.as_str()), (1, "100005"));
}

#[tokio::test]
async fn renumbered_updates_are_read() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    driven.post(&place, "before").await;
    driven.message().await;
    eventually("the poll behind it", async || double.waiting_updates() == 0).await;
    double.renumber(500);
    driven.post(&place, "after").await;
    assert_eq!(driven.message().await.body.text, "after");
    driven.post(&place, "and on").await;
    assert_eq!(driven.message().await.body.text, "and on");
    assert_eq!(driven.cursor().0, "502");
}

#[tokio::test]
async fn a_second_reader_is_named_and_waited_for() {
    let double = FakeTelegram::start().await;
    let (mut first, mut second) = (connection(&double).await, connection(&double).await);
    let start = Cursor::default();
    let ended = within("one of two polls to be ended", async {
        tokio::select! {
            ended = first.source.receive(&start) => ended,
            ended = second.source.receive(&start) => ended,
        }
    });
    let err = ended.await.unwrap_err();
    assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
    assert!(chain(&err).contains("another program reads this bot's messages"), "{}", chain(&err));
}

#[tokio::test]
async fn a_webhook_that_was_set_is_taken_away_by_the_next_connection_and_nothing_is_lost() {
    let double = FakeTelegram::start().await;
    let mut source = connection(&double).await.source;
    double.post(Post::plain(&double, &double.places().direct, "still here")).await;
    double.set_webhook();
    let err = source.receive(&Cursor::default()).await.unwrap_err();
    assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
    let mut driven = Driven::connect(&double).await;
    assert_eq!(driven.message().await.body.text, "still here");
}

#[tokio::test]
async fn a_poll_that_is_told_to_wait_is_repeated_and_is_no_failure() {
    let double = FakeTelegram::start().await;
    let mut source = connection(&double).await.source;
    double.throttle_poll(Duration::from_secs(1));
    double.post(Post::plain(&double, &double.places().direct, "at last")).await;
    let batch = source.receive(&Cursor::default()).await.unwrap();
    assert_eq!((batch.events.len(), double.calls("getUpdates").len()), (1, 2));
    double.throttle_poll(Duration::from_secs(86_400));
    let err = source.receive(&batch.cursor).await.unwrap_err();
    assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
}

#[tokio::test]
async fn a_group_that_becomes_a_supergroup_moves_and_can_still_be_written_to() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let group = double.add_group("Family");
    let new = double.migrate(group);
    let mut place = double.places().group;
    for event in driven.next_events(2).await {
        let Event::Moved { from, to } = event else { panic!("it did not move") };
        assert_eq!((from.chat, to.chat), (group.to_string(), new.to_string()));
    }
    place.chat = group.to_string();
    let id = driven.send_text(&place, "are you all here?").await;
    assert_eq!(driven.visible(&id).await.place.chat, new.to_string());
    assert!(id.starts_with(&format!("{new}:")));
}

#[tokio::test]
async fn a_press_is_answered_so_that_its_spinner_ends() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    let [(ann, _), _] = double.people();
    let button = domain::outgoing::Button { label: "Yes".into(), data: "y".into() };
    let card = domain::outgoing::Card { text: "May I?".into(), buttons: vec![button] };
    let id = driven.send(&place, domain::outgoing::Content::Card(card)).await;
    double.click(&place, &id, "y", &ann).await;
    let press = driven.click().await;
    eventually("the press to be answered", async || {
        double.answered_presses() == [press.platform_id.clone()]
    })
    .await;
}
