//! What is special to the receiving half: offsets, other readers, chats that move.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use channel::{
    Account, Cause, ChannelError, Connection, Cursor, Event, Keeper, Me, SecretString, Shelf,
};
use harness::conformance::driven::{Driven, chain, connect, eventually, within};
use harness::conformance::{Double, Fault, Post};
use harness::telegram::{BOT, FakeTelegram, USERNAME};
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
async fn one_look_of_another_program_is_survived_and_one_that_goes_on_is_named() {
    let double = FakeTelegram::start().await;
    let mut ours = connection(&double).await.source;
    let mut other = connection(&double).await.source;
    let start = Cursor::default();
    let look = async {
        let looked = tokio::time::timeout(Duration::from_millis(300), other.receive(&start)).await;
        assert!(looked.is_err(), "{looked:?}");
        double.post(Post::plain(&double, &double.places().direct, "still here")).await;
    };
    let (batch, ()) =
        within("the poll after the look", async { tokio::join!(ours.receive(&start), look) }).await;
    assert_eq!(batch.unwrap().events.len(), 1);
    let behind = Cursor("100002".into());
    let ended = within("one of two readers to give up", async {
        tokio::select! {
            ended = ours.receive(&behind) => ended,
            ended = other.receive(&behind) => ended,
        }
    });
    let err = ended.await.unwrap_err();
    assert!(matches!(err, ChannelError::Misconfigured(_)), "{err:?}");
    assert!(chain(&err).contains("another program reads this bot's messages"), "{}", chain(&err));
}

#[tokio::test]
async fn a_bot_that_another_program_serves_is_left_to_it() {
    let double = FakeTelegram::start().await;
    let mut source = connection(&double).await.source;
    double.post(Post::plain(&double, &double.places().direct, "for the other")).await;
    double.set_webhook("https://bots.example.org/hook/secret-part");
    let adapter = double.registration().adapter;
    let checked = adapter.check(&double.account()).await.unwrap_err();
    let received = source.receive(&Cursor::default()).await.unwrap_err();
    for err in [checked, received] {
        assert!(matches!(err, ChannelError::Misconfigured(_)), "{err:?}");
        let why = chain(&err);
        assert!(why.contains("bots.example.org; make another bot"), "{why}");
        assert!(!why.contains("secret-part"), "{why}");
    }
    assert_eq!(double.calls("deleteWebhook").len(), 0);
    assert_eq!(double.waiting_updates(), 1);
}

#[tokio::test]
async fn a_connection_says_who_the_bot_is_and_what_it_hears() {
    let double = FakeTelegram::start().await;
    let adapter = double.registration().adapter;
    let me = Me { id: BOT.to_string(), name: format!("@{USERNAME}") };
    assert_eq!(adapter.check(&double.account()).await.unwrap(), me);
    let open = connection(&double).await;
    assert_eq!((open.me, open.caps.hears_all), (me, true));
    double.set_privacy_mode();
    assert!(!connection(&double).await.caps.hears_all);
}

#[tokio::test]
async fn a_topic_is_called_as_it_is_called_now() {
    let double = FakeTelegram::start().await;
    let keeper = Arc::new(Kept::default());
    let account = Account { shelf: Shelf::new(keeper, Path::new("")), ..double.account() };
    let mut source = connect(&double, &account).await.unwrap().source;
    let topic = double.places().thread.unwrap();
    let mut cursor = Cursor::default();
    let mut reply_to = None;
    for title in ["Plans", "Plans", "Old plans"] {
        if title == "Old plans" {
            double.rename_topic(&topic, title);
        }
        let post = Post { reply_to, ..Post::plain(&double, &topic, "in here") };
        reply_to = Some(double.post(post).await);
        let batch = source.receive(&cursor).await.unwrap();
        let [Event::Message(got)] = &batch.events[..] else { panic!("{batch:?}") };
        let thread = got.body.thread.clone().unwrap();
        assert_eq!(thread.title, title, "a reply does not tell it");
        cursor = batch.cursor;
    }
}

#[tokio::test]
async fn topics_of_foreign_groups_take_no_more_than_their_place() {
    let double = FakeTelegram::start().await;
    let keeper = Arc::new(Kept::default());
    let account = Account { shelf: Shelf::new(keeper.clone(), Path::new("")), ..double.account() };
    let mut source = connect(&double, &account).await.unwrap().source;
    let mut cursor = Cursor::default();
    for n in 0..300 {
        let chat =
            json!({"id": -1_009_000_000_000_i64 - n, "type": "supergroup", "is_forum": true});
        double.push(
            "message",
            json!({"message_id": 1, "date": 1, "chat": chat, "message_thread_id": 7,
                "forum_topic_created": {"name": format!("Topic {n}"), "icon_color": 1}}),
        );
    }
    for _ in 0..3 {
        cursor = source.receive(&cursor).await.unwrap().cursor;
    }
    let shelf = keeper.0.lock().unwrap().clone();
    assert_eq!(shelf.len(), 1, "{:?}", shelf.keys());
    let kept: String = shelf.into_values().collect();
    assert!(kept.contains("Topic 299") && !kept.contains("Topic 199\""), "the oldest goes");
}

/// Keeps what an adapter puts on its shelf.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Keeper for Kept {
    async fn put_field(&self, name: &str, _value: &SecretString) -> Result<(), Cause> {
        Err(format!("{name} is not to be replaced").into())
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Cause> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, key: &str, value: Option<&str>) -> Result<(), Cause> {
        self.0.lock().unwrap().insert(key.to_owned(), value.unwrap_or_default().to_owned());
        Ok(())
    }
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
async fn a_press_is_answered_with_words_so_that_its_spinner_ends() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let place = double.places().direct;
    let [(ann, _), _] = double.people();
    let button = domain::outgoing::Button { label: "Yes".into(), data: "y".into() };
    let card = domain::outgoing::Card { text: "May I?".into(), buttons: vec![button] };
    let id = driven.send(&place, domain::outgoing::Content::Card(card)).await;
    double.click(&place, &id, "y", &ann).await;
    let press = driven.click().await;
    assert_eq!(double.answered_presses(), Vec::<String>::new(), "that is up to the host");
    driven.sink().answer(&press.press, Some(&"noted ".repeat(50))).await;
    assert_eq!(double.answered_presses(), [press.platform_id]);
    let words = double.calls("answerCallbackQuery")[0]["text"].as_str().unwrap().to_owned();
    assert!(words.starts_with("noted ") && words.len() == 200, "{words}");
}
