//! What the suite does not ask: the double with Python's own client, and faults that are this platform's.

use std::time::Duration;

use channel::{DeliverError, Part};
use domain::outgoing::Content;
use harness::conformance::driven::Driven;
use harness::conformance::{Double, Fault, Post};
use harness::courier::{BOT_NAME, FakeCourier, TOKEN};
use harness::foreign::{self, Program};

#[tokio::test]
async fn urllib_talks_with_the_double_as_the_platform_is_described() {
    let double = FakeCourier::start().await;
    let place = double.places().direct;
    let [(ann, name), _] = double.people();
    let mut python = foreign::python(&[], "channels/courier/by_urllib.py").await;
    python.args([&double.url(), TOKEN, &place.chat]);
    let mut client = Program::start(python);
    assert_eq!(client.says("OK me").await, BOT_NAME);
    double.post(Post::plain(&double, &place, "good morning")).await;
    assert_eq!(client.says("OK message").await, format!("good morning {name}"));
    let card = client.says("OK card").await;
    double.click(&place, &card, "y", &ann).await;
    assert_eq!(client.says("OK click").await, name);
    let file = client.says("OK file").await;
    let files = vec![("notes.txt".into(), "text/plain".into(), b"some notes".to_vec())];
    double.fault(Fault::Throttle(Duration::from_secs(3))).await;
    double.post(Post { files, ..Post::plain(&double, &place, "read this") }).await;
    assert_eq!(client.says("OK download").await, "some notes");
    assert_eq!(client.says("OK throttle").await, "429 3");
    assert_eq!(client.says("OK refused").await, "404 400 400");
    assert_eq!(client.says("OK token").await, "401");
    client.ends().await;
    let shown = double.visible().await;
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!((&shown[0].id, shown[0].text.as_str(), shown[0].edits), (&card, "hello again", 1));
    let bytes = ("a b.txt".to_owned(), b"\0some\r\nbytes".to_vec());
    assert_eq!(
        (&shown[1].id, shown[1].text.as_str(), &shown[1].files),
        (&file, "notes", &vec![bytes])
    );
    assert_eq!(double.answered()[0].1, "noted");
}

/// Nobody knows what became of a request that broke off, and here the same key makes that harmless.
#[tokio::test]
async fn a_request_that_breaks_off_is_made_again_and_shown_once() {
    let double = FakeCourier::start().await;
    let mut driven = Driven::connect(&double).await;
    let part = driven.part(&double.places().direct, Content::Text("once".into()));
    for lose in [FakeCourier::lose_request, FakeCourier::lose_answer] {
        lose(&double);
        let ended = driven.try_send(&part).await;
        assert!(matches!(ended, Err(DeliverError::Unknown(_))), "{ended:?}");
    }
    let id = driven.send_part(&Part { repeat: true, ..part }).await;
    let shown = double.visible().await;
    assert_eq!((shown.len(), &shown[0].id), (1, &id), "{shown:?}");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let double = FakeCourier::start().await;
    let mut driven = Driven::connect(&double).await;
    double.be_slow(Duration::from_secs(2));
    driven.send_text(&double.places().direct, "in good time").await;
    assert_eq!(double.visible().await.len(), 1);
}

#[tokio::test]
async fn what_people_see_behind_a_slash_is_what_the_host_takes() {
    let double = FakeCourier::start().await;
    let driven = Driven::connect(&double).await;
    let command = channel::CommandInfo { name: "status", about: "what is going on" };
    driven.sink().publish_commands(&[command]).await;
    assert_eq!(double.commands()[0]["name"], "status");
}
