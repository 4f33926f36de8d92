//! What only Discord has, on the way in.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use channel::{ChannelError, ExposeSecret, FetchError};
use domain::outgoing::{Button, Card, Content};
use harness::conformance::driven::{Driven, chain, click, connect};
use harness::conformance::{Double, Fault, Post};
use harness::discord::FakeDiscord;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::rig::{ANN, BOB, ids, settled_in, text};

/// Why the adapter stops receiving.
async fn why_it_ends(double: &FakeDiscord, driven: &mut Driven<'_>) -> ChannelError {
    loop {
        match driven.try_batch().await {
            Ok(_) => driven.commit().await,
            Err(err) => {
                assert!(double.requests().len() < 20, "it asks again and again");
                return err;
            }
        }
    }
}

#[tokio::test]
async fn without_the_switch_for_messages_it_says_where_it_is() {
    let double = FakeDiscord::start().await;
    double.content_is_off();
    let err = connect(&double, &double.account()).await.unwrap_err();
    says_where_the_switch_is(&err);
    assert_eq!(double.sessions(), (0, 0), "sessions are few");
}

#[tokio::test]
async fn a_switch_for_messages_that_is_turned_off_ends_the_connection() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    double.close(4014);
    says_where_the_switch_is(&why_it_ends(&double, &mut driven).await);
}

fn says_where_the_switch_is(err: &ChannelError) {
    assert!(matches!(err, ChannelError::Misconfigured(_)), "{err:?}");
    let said = chain(err);
    for words in ["developer portal", "Bot", "Privileged Gateway Intents", "Message Content Intent"]
    {
        assert!(said.contains(words), "{words:?} is missing in {said:?}");
    }
}

#[tokio::test]
async fn a_token_that_was_reset_ends_the_connection_with_what_to_do() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let last = driven.post(&double.places().group, "the last before it").await;
    double.close(4004);
    assert_eq!(ids(&driven.messages(1).await), [last]);
    let err = why_it_ends(&double, &mut driven).await;
    assert!(matches!(err, ChannelError::Unauthorized(_)), "{err:?}");
    assert!(chain(&err).contains("Reset Token"));
}

#[tokio::test]
async fn a_press_is_answered_before_it_is_committed() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    let button = Button { label: "Yes".into(), data: "q1:0".into() };
    let card = Card { text: "May I?".into(), buttons: vec![button] };
    let id = driven.send(&place, Content::Card(card)).await;
    double.click(&place, &id, "q1:0", ANN).await;
    let got = click(driven.batch_with_events().await.remove(0));
    assert_eq!(got.chat.title, "#general (Home)");
    double.wait("the press to be answered", |it| it.presses() == (1, 1)).await;
}

#[tokio::test]
async fn other_bots_and_the_bot_itself_are_not_heard() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    driven.send(&double.places().group, text("talking to myself")).await;
    double.write(&double.general(), &double.bot(), "again");
    let posted = driven.post(&double.places().group, "a person").await;
    assert_eq!(ids(&driven.messages(1).await), [posted]);
}

#[tokio::test]
async fn a_thread_that_is_opened_meanwhile_is_known() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let thread = double.add_thread("news");
    double.write(&thread, BOB, "in the new one");
    let got = driven.message().await;
    assert_eq!(got.from.chat, double.general());
    assert_eq!(got.from.thread, Some(thread));
    assert_eq!(got.body.chat.title, "#general (Home)");
}

#[tokio::test]
async fn a_thread_that_no_event_told_of_is_asked_for() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    double.withhold("THREAD_CREATE");
    let thread = double.add_thread("hidden at first");
    double.write(&thread, BOB, "in the new one");
    let got = driven.message().await;
    assert_eq!((got.from.chat, got.from.thread), (double.general(), Some(thread.clone())));
    assert!(double.requests().contains(&format!("GET /api/v10/channels/{thread}")));
}

#[tokio::test]
async fn a_file_that_discord_does_not_give_out_any_more_is_gone() {
    let double = FakeDiscord::start().await;
    let mut driven = Driven::connect(&double).await;
    let post = Post::plain(&double, &double.places().direct, "read this");
    let files = vec![("a.txt".into(), "text/plain".into(), b"words".to_vec())];
    let id = double.post(Post { files, ..post }).await;
    let source = driven.message().await.files.remove(0).source;
    double.delete(&id);
    let mut into = Vec::new();
    let err = driven.sink().fetch(&source, 1_000, &mut into).await.unwrap_err();
    assert!(matches!(err, FetchError::Gone(_)), "{err:?}");
    assert!(chain(&err).contains("ask for it to be sent again"));
}

#[tokio::test]
async fn only_discords_own_files_are_asked_for() {
    let double = FakeDiscord::start().await;
    let driven = Driven::connect(&double).await;
    let before = double.requests().len();
    for source in
        [format!("{}/attachments/1/2/a", double.cdn_url()), "https://example.org/a".into()]
    {
        let mut into = Vec::new();
        let err = driven.sink().fetch(&source, 1_000, &mut into).await.unwrap_err();
        assert!(matches!(err, FetchError::Gone(_)), "{err:?}");
    }
    assert_eq!(double.requests().len(), before);
}

/// Everything that is logged, at the finest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_shows_the_token_or_what_people_write() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    let guard = subscriber.with_writer(move || writer.clone()).set_default();
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    double.fault(Fault::Garbage).await;
    double.fault(Fault::Disconnect).await;
    driven.post(&double.places().group, "a-secret-of-ann").await;
    driven.message().await;
    drop(connect(&double, &double.account_with_wrong_credential()).await);
    let cursor = driven.cursor();
    driven.reconnect(cursor).await;
    drop(guard);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("twilight"), "nothing was logged: {logged:?}");
    assert!(!logged.contains("a-secret-of-ann"));
    for account in [double.account(), double.account_with_wrong_credential()] {
        let token = account.fields.get("token").unwrap();
        assert!(!logged.contains(token.expose_secret()), "a log shows the token");
    }
}
