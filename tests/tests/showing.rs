//! What a chat is shown while work goes on: a line, and the answer as it grows.

use std::time::Duration;

use harness::crash::Crash;

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
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_shown_as_it_is_written_and_ends_as_one_message() {
    let world = public();
    let _host = world.start(Crash::never()).await;
    connect(&world, "g", "andy", usual);
    let words: Vec<String> = (1..=12).map(|n| format!("word{n}")).collect();
    world.platform.write(say("g", "m1", &format!("draft {}", words.join(" "))).mention());
    world.pass(8 * SECOND).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(shown.len() == 1 && shown[0].contains("word3"), "{shown:?}");
    assert!(!shown[0].contains("word12"), "not at once: {shown:?}");
    let before = shown[0].len();
    world.pass(3 * SECOND).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(before < shown[0].len() && !shown[0].contains("word12"), "it grows: {shown:?}");
    world.pass(MINUTE).await;
    let shown: Vec<_> = world.platform.shown().into_iter().map(|it| it.text).collect();
    assert!(shown.len() == 1 && shown[0].contains("word12"), "one message: {shown:?}");
    assert!(!shown[0].ends_with('…'), "{shown:?}");
}
