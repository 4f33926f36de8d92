//! The order of what is sent to one chat, across all writers, and what does not hold up what.

use std::time::Duration;

use domain::delivery::{PartKey, RUN_MAX};
use domain::stop::Scope;
use engine::outbox;
use engine::stopping;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use harness::platform::{FakePlatform, SendFault, TAKES_FILES, TestMessage, address};
use store::{Draft, NewPart, PartKind};

use crate::groups::{connect, say as group, usual};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Says this in the chat `c` as the host, in one commit.
async fn say(host: &TestHost, world: &World, texts: &[String]) {
    let now = world.now();
    let parts: Vec<NewPart> = texts
        .iter()
        .map(|text| NewPart {
            key: PartKey(text.clone()),
            to: address("c"),
            reply_to: String::new(),
            kind: PartKind::Notice,
            content: Draft::Text(text.clone()),
        })
        .collect();
    let say = move |central: &mut store::CentralStore| {
        parts.iter().try_for_each(|part| central.say(part, now).map(drop))
    };
    host.host.central.write("a notice", say).await.unwrap();
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|it| (*it).to_owned()).collect()
}

/// What was shown in `c`, the answers of the agent by the message that they answer.
fn shown(world: &World) -> Vec<String> {
    let sent = world.platform.sent();
    let of_chat = sent.iter().filter(|it| it.to.chat == "c");
    of_chat
        .map(|part| match part.reply_to.as_str() {
            "" => part.content.text().to_owned(),
            message => format!("answer to {message}"),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn parts_of_several_sessions_leave_in_the_order_in_which_they_were_written() {
    let world = World::on(FakePlatform::new());
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::ThrottledFor(MINUTE)]);
    say(&host, &world, &texts(&["one"])).await;
    world.platform.write(TestMessage::new("c", "m1", "hello"));
    world.pass(10 * SECOND).await;
    say(&host, &world, &texts(&["two"])).await;
    world.platform.write(TestMessage::new("c", "m2", "hello again"));
    world.pass(10 * SECOND).await;
    assert_eq!(shown(&world), [""; 0], "the platform wants us to wait");
    world.pass(2 * MINUTE).await;
    assert_eq!(shown(&world), ["one", "answer to m1", "two", "answer to m2"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_backlog_of_one_session_lets_the_others_in_the_chat_have_their_turn() {
    let world = World::on(FakePlatform::new());
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::ThrottledFor(MINUTE)]);
    let flood: Vec<String> = (0..60).map(|n| format!("flood {n:02}")).collect();
    say(&host, &world, &flood).await;
    world.platform.write(TestMessage::new("c", "m1", "hello"));
    world.pass(3 * MINUTE).await;
    let shown = shown(&world);
    let at = shown.iter().position(|it| it == "answer to m1").unwrap();
    assert!(at <= RUN_MAX as usize, "{shown:?}");
    let rest: Vec<&String> = shown.iter().filter(|it| it.starts_with("flood")).collect();
    assert_eq!(rest, flood.iter().collect::<Vec<_>>(), "in their own order");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_may_have_been_seen_holds_up_its_own_session_alone() {
    let world = World::on(FakePlatform::new());
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::AnswerLost; 4]);
    say(&host, &world, &texts(&["one", "two"])).await;
    // Four attempts have failed, and the next is seconds away.
    world.pass(8 * SECOND).await;
    world.platform.write(TestMessage::new("c", "m1", "hello"));
    world.pass(SECOND).await;
    let first = shown(&world);
    assert!(first.contains(&"answer to m1".to_owned()), "{first:?}");
    assert!(!first.contains(&"two".to_owned()), "behind its predecessor: {first:?}");
    world.pass(2 * MINUTE).await;
    assert!(shown(&world).ends_with(&texts(&["two"])), "{:?}", shown(&world));
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_end_cannot_be_written_down_is_not_sent_again() {
    let world = World::on(FakePlatform::new());
    let host = world.start(Crash::never()).await;
    host.crash.disk_full_at("the end of a part");
    say(&host, &world, &texts(&["one", "two"])).await;
    world.env.fill_disk(4 * SECOND);
    world.pass(10 * SECOND).await;
    assert_eq!(shown(&world), ["one", "two"], "as soon as the disk has room");
    assert!(world.platform.sent().iter().all(|it| !it.repeat));
}

#[tokio::test(start_paused = true)]
async fn a_part_is_sent_once_though_its_chat_moves_meanwhile() {
    let world = World::on(FakePlatform::new());
    let host = world.start(Crash::never()).await;
    world.platform.write(TestMessage::new("c", "m1", "hello"));
    world.pass(10 * SECOND).await;
    world.platform.fail_next_sends(&[SendFault::Hangs]);
    say(&host, &world, &texts(&["one"])).await;
    world.pass(SECOND).await;
    world.platform.move_chat("c", "d");
    world.pass(10 * SECOND).await;
    let sent = world.platform.sent();
    assert_eq!(sent.len(), 2, "it is still on its way: {sent:?}");
    world.pass(2 * MINUTE).await;
    let again = world.platform.sent();
    assert!(again.len() == 3 && again[2].repeat && again[2].to.chat == "d", "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_sent_again_by_hand_is_voided_by_a_stop() {
    let world = World::on(FakePlatform::new());
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::Refused]);
    world.platform.write(TestMessage::new("c", "m1", "hello"));
    // Long enough for the session to fall asleep.
    world.pass(60 * MINUTE).await;
    world.platform.fail_next_sends(&[SendFault::ThrottledFor(5 * MINUTE)]);
    outbox::perform(&host.host, "retry", &["s1.o1.0".to_owned()]).await;
    world.pass(SECOND).await;
    let stopped = stopping::stop(&host.host, &Scope::All, "Ann", "").await;
    assert_eq!(
        stopped.sessions.iter().map(|it| it.stop_report.voided).sum::<usize>(),
        1,
        "{stopped:?}"
    );
    stopping::resume(&host.host, &[Scope::All], "Ann").await.unwrap();
    world.pass(10 * MINUTE).await;
    let said = world.platform.texts("c").join("\n");
    assert!(!said.contains("hello"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_stays_within_the_pace_of_its_chat_and_holds_up_no_other() {
    let flood: Vec<String> = (0..60).map(|n| format!("flood {n:02}")).collect();
    for (platform, keeps) in [(FakePlatform::public(), true), (FakePlatform::hurried(), false)] {
        let world = World::on(platform);
        world.platform.know_group("c", "C");
        connect(&world, "c", "andy", usual);
        connect(&world, "d", "andy", usual);
        let host = world.start(Crash::never()).await;
        say(&host, &world, &flood).await;
        world.platform.write(group("d", "m1", "hello").mention());
        world.pass(10 * SECOND).await;
        assert_eq!(world.platform.texts("d").len(), 1, "another chat waits for nothing");
        world.pass(4 * MINUTE).await;
        assert_eq!(shown(&world), flood, "all of it, in its order");
        assert_eq!(
            world.platform.over_pace().is_empty(),
            keeps,
            "{:?}",
            world.platform.over_pace()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_wants_the_whole_account_to_wait_gets_nothing_meanwhile() {
    let world = World::on(FakePlatform::public());
    connect(&world, "c", "andy", usual);
    connect(&world, "d", "andy", usual);
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::AllThrottledFor(MINUTE); 20]);
    say(&host, &world, &texts(&["one"])).await;
    world.pass(SECOND).await;
    world.platform.write(group("d", "m1", "wait 20").mention());
    world.pass(50 * SECOND).await;
    assert!(world.platform.sent().is_empty(), "{:?}", world.platform.sent());
    assert_eq!(world.platform.typing_count(), 0, "no hints either");
    // More often than a part may be refused for itself.
    world.pass(30 * MINUTE).await;
    assert_eq!(shown(&world), ["one"]);
    assert!(world.platform.texts("d").join("").contains("I waited"));
}

#[tokio::test(start_paused = true)]
async fn a_large_file_has_the_time_that_it_takes_and_a_text_has_not() {
    let world = World::on(FakePlatform::with_caps(TAKES_FILES));
    let _host = world.start(Crash::never()).await;
    let words = "x".repeat(120_000);
    world.platform.fail_next_sends(&[SendFault::Takes(62 * SECOND)]);
    world.platform.write(TestMessage::new("c", "m1", &format!("file a.txt {words}")));
    world.pass(3 * MINUTE).await;
    let sent = world.platform.sent();
    assert!(sent.iter().all(|it| !it.repeat) && !sent.is_empty(), "{}", sent.len());
    world.platform.fail_next_sends(&[SendFault::Takes(62 * SECOND)]);
    world.platform.write(TestMessage::new("c", "m2", "hello"));
    world.pass(3 * MINUTE).await;
    assert!(world.platform.sent().iter().any(|it| it.repeat), "nobody knows what became of it");
}
