//! What a chat is shown while work goes on: a line, and the answer as it grows.

use std::time::Duration;

use domain::outgoing::{Caps, Content};
use harness::crash::Crash;
use harness::host::World;
use harness::platform::{FakePlatform, PUBLIC, SendFault, TestMessage};

use crate::groups::{connect, public, say, usual};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_long_turn_shows_one_line_that_its_answer_replaces() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    connect(&world, "g", "andy", usual);
    world.platform.write(say("g", "m1", "wait 40").mention());
    world.pass(20 * SECOND).await;
    let line: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(line.len() == 1 && line[0].contains("working on it"), "{line:?}");
    assert!(2 < world.platform.typing_count());
    world.pass(MINUTE).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(shown.len() == 1 && shown[0].contains("I waited 40"), "one message: {shown:?}");
    let sent = world.platform.sent();
    let [line, answer, gone] = &sent[..] else { panic!("{sent:?}") };
    assert!(line.silent && line.in_group && line.notify.is_none(), "{line:?}");
    assert!(!answer.silent && answer.in_group && answer.last, "it rings: {answer:?}");
    assert_eq!((answer.notify.as_deref(), answer.reply_to.as_str()), (Some("ann"), "m1"));
    assert!(matches!(gone.content, Content::Delete { .. }) && !gone.last, "{gone:?}");
    assert_eq!(world.platform.over_pace(), [""; 0]);
}

/// A world in which Ann is alone with the bot.
fn private(caps: Caps) -> World {
    World::on(FakePlatform::with_caps(Caps { owner_only: true, ..caps }))
}

#[tokio::test(start_paused = true)]
async fn a_young_line_of_a_private_chat_becomes_the_answer_where_it_is() {
    let world = private(PUBLIC);
    let _host = world.start(Crash::never()).await;
    world.platform.write(TestMessage::new("c", "m1", "wait 25"));
    world.pass(MINUTE).await;
    let sent = world.platform.sent();
    let kinds: Vec<bool> =
        sent.iter().map(|it| matches!(it.content, Content::Edit { .. })).collect();
    assert_eq!(kinds, [false, true], "{sent:?}");
    world.platform.write(TestMessage::new("c", "m2", "wait 60"));
    world.pass(2 * MINUTE).await;
    let sent = &world.platform.sent()[2..];
    assert!(
        matches!(sent[1].content, Content::Text(_)),
        "an old line is not before them: {sent:?}"
    );
    assert!(matches!(sent[2].content, Content::Delete { .. }), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_cannot_be_taken_away_says_that_it_is_over() {
    let world = private(Caps { deletes: false, silent: false, ..PUBLIC });
    let _host = world.start(Crash::never()).await;
    world.platform.write(TestMessage::new("c", "m1", "wait 60"));
    world.pass(3 * MINUTE).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(shown.len() == 2 && shown[0] == "✓" && shown[1].contains("I waited"), "{shown:?}");
    assert!(world.platform.sent().iter().all(|it| !it.silent), "which is not possible here");
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_until_its_line_may_be_edited() {
    let world = private(PUBLIC);
    let _host = world.start(Crash::never()).await;
    world.platform.write(TestMessage::new("c", "m1", "wait 25"));
    world.pass(20 * SECOND).await;
    assert_eq!(world.platform.shown().len(), 1);
    world.platform.fail_next_sends(&[SendFault::ThrottledFor(MINUTE)]);
    world.pass(15 * SECOND).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(shown.len() == 1 && shown[0].contains("I waited 25"), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn the_words_that_the_host_takes_are_published() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    world.pass(SECOND).await;
    let commands = world.platform.commands();
    assert!(["stop", "help", "quiet"].iter().all(|it| commands.iter().any(|c| c == it)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_shown_as_it_is_written_and_ends_as_one_message() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    connect(&world, "g", "andy", usual);
    let words: Vec<String> = (1..=12).map(|n| format!("word{n}")).collect();
    world.platform.write(say("g", "m1", &format!("draft {}", words.join(" "))).mention());
    world.pass(7 * SECOND).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(shown.len() == 1 && shown[0].contains("word3"), "{shown:?}");
    assert!(!shown[0].contains("word12"), "not at once: {shown:?}");
    let before = shown[0].len();
    world.pass(5 * SECOND).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(before < shown[0].len() && !shown[0].contains("word12"), "it grows: {shown:?}");
    world.pass(MINUTE).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(shown.len() == 1 && shown[0].contains("word12"), "one message: {shown:?}");
    assert!(!shown[0].ends_with('…'), "{shown:?}");
}
