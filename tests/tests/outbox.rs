//! The last mile of the outbox: what is given up is told, once; what people may do to a part; who is
//! held up by whom.

use std::sync::Arc;
use std::time::Duration;

use channel::Caps;

use domain::AgentName;
use domain::message::ChatInfo;
use domain::outgoing::Pace;
use domain::people::{Handle, Role};
use engine::outbox;
use engine::protocol::{OrderedPart, Response};
use harness::crash::Crash;
use harness::host::{TestHost, World};
use harness::platform::{FakePlatform, NAME, PUBLIC, SendFault, TestMessage, address};
use store::reading::PartFilter;
use store::{CentralStore, Wiring};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Ann owns the host, and talks to andy in the groups `g` and `h`.
fn multi_user() -> World {
    multi_user_on(FakePlatform::public())
}

fn multi_user_on(platform: Arc<FakePlatform>) -> World {
    let world = World::on(platform);
    let mut central = CentralStore::open(&world.layout().central()).unwrap();
    let (now, andy) = (world.now(), AgentName::parse("andy").unwrap());
    central.add_agent(&domain::agent::AgentGroup::new(andy.clone())).unwrap();
    let ann = central.add_person(&Handle::new(NAME, "ann"), "Ann", now).unwrap();
    central.grant(ann, &Role::Owner).unwrap();
    for chat in ["g", "h"] {
        let info = ChatInfo { title: chat.to_uppercase(), is_group: true };
        let row = central.ensure_chat(&address(chat), &info, None, now).unwrap();
        central.set_wiring(&Wiring::usual(row.id, andy.clone(), true)).unwrap();
    }
    world
}

fn say(world: &World, chat: &str, id: &str, text: &str) {
    let text = format!("@andy {text}");
    world.platform.write(TestMessage::new(chat, id, &text).in_group(&chat.to_uppercase()));
}

/// What the owner was told in private.
fn told(world: &World) -> Vec<String> {
    world.platform.texts("dm-ann")
}

async fn order(host: &TestHost, order: &str, keys: &[&str]) -> Vec<OrderedPart> {
    let keys: Vec<String> = keys.iter().map(|it| (*it).to_owned()).collect();
    let answer = outbox::perform(&host.host, order, &keys).await;
    let Response::Outbox { parts } = answer else { panic!("{answer:?}") };
    parts
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_told_to_the_owner_and_the_agent_once() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::Refused]);
    say(&world, "g", "m1", "hello");
    world.pass(MINUTE).await;
    let heard = told(&world);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("andy to \"G\" (fake:g)"), "{heard:?}");
    assert!(heard[0].contains("nanoclaw outbox retry s1.o1.0"), "{heard:?}");
    assert!(!heard[0].contains("hello"), "not what it said: {heard:?}");
    say(&world, "g", "m2", "context");
    world.pass(HOUR).await;
    let said = world.platform.texts("g").join("\n");
    assert!(
        said.contains("the host: Your message 1 to \"G\" (fake:g) could not be delivered"),
        "{said}"
    );
    assert_eq!(told(&world).len(), 1, "never again");
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_death_and_telling_tells_once() {
    for point in [
        "before the end of a part",
        "after the end of a part",
        "before a word about dead letters",
        "after a word about dead letters",
    ] {
        let world = multi_user();
        let host = world.start(Crash::at_name(point, 1)).await;
        // Twice: what was not concluded is tried again.
        world.platform.fail_next_sends(&[SendFault::Refused]);
        say(&world, "g", "m1", "hello");
        host.crash.struck().await;
        if point == "before the end of a part" {
            world.platform.fail_next_sends(&[SendFault::Refused]);
        }
        host.kill().await;
        let _host = world.start(Crash::never()).await;
        world.pass(5 * MINUTE).await;
        say(&world, "g", "m2", "context");
        world.pass(HOUR).await;
        assert_eq!(told(&world).len(), 1, "{point}: {:?}", told(&world));
        let said = world.platform.texts("g").join("\n");
        assert_eq!(said.matches("could not be delivered").count(), 1, "{point}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_dead_parts_make_one_message() {
    // Where they may leave at once: else their owner is told of the first before the last was tried.
    let world = multi_user_on(FakePlatform::with_caps(Caps { pace: Pace::default(), ..PUBLIC }));
    let _host = world.start(Crash::never()).await;
    // The answers, and what their senders are told about them.
    world.platform.fail_next_sends(&[SendFault::Refused; 200]);
    for n in 0..100 {
        // One part for each, and one answer to those that were handled together.
        say(&world, "g", &format!("m{n}"), &format!("report {n}"));
    }
    world.pass(2 * HOUR).await;
    let counted: Vec<usize> = told(&world)
        .iter()
        .map(|it| it.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(1))
        .collect();
    let central = CentralStore::open(&world.layout().central()).unwrap();
    let dead = central.parts(PartFilter::Dead).unwrap();
    let (agents, words) = dead.iter().partition::<Vec<_>, _>(|it| !it.agent.is_empty());
    assert!(1 < agents.len() && 1 < words.len(), "{dead:?}");
    // What senders are told of it is not told to the owner again.
    assert_eq!(counted.iter().sum::<usize>(), agents.len(), "{:?}", told(&world));
    assert!(counted.len() <= 2, "{:?}", told(&world));
}

#[tokio::test(start_paused = true)]
async fn a_dead_part_is_sent_again_by_hand_and_a_sent_one_is_not() {
    let world = multi_user();
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::Refused]);
    say(&world, "g", "m1", "hello");
    // Long enough for the actor to rest.
    world.pass(HOUR).await;
    let done = order(&host, "retry", &["s1.o1.0", "s1.o9.0", "s9.o1.0", "nonsense"]).await;
    assert_eq!(done[0].was.as_deref(), Some("dead"));
    assert!(!done[0].may_be_seen);
    let whys: Vec<_> = done[1..].iter().map(|it| it.why.as_deref().unwrap()).collect();
    assert_eq!(whys, ["there is no such part", "there is no such part", "it is no key of a part"]);
    world.pass(MINUTE).await;
    let said = world.platform.texts("g");
    assert!(said[0].starts_with("I couldn't deliver my answer here"), "{said:?}");
    assert!(said.len() == 2 && said[1].contains("hello"), "{said:?}");
    assert!(!world.platform.sent().iter().any(|it| it.repeat), "nobody had seen it");
    let again = order(&host, "retry", &["s1.o1.0"]).await;
    assert_eq!(again[0].why.as_deref(), Some("it was sent already"));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_seen_is_bounded_and_stays_marked_when_it_is_sent_by_hand() {
    let world = multi_user();
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::AnswerLost; 50]);
    say(&world, "g", "m1", "hello");
    world.pass(HOUR).await;
    // What is left of the faults met what the host says; nothing is sent without end.
    let copies = || world.platform.sent().iter().filter(|it| it.key == "s1.o1.0").count();
    assert_eq!(copies(), 6);
    world.platform.fail_next_sends(&[]);
    let done = order(&host, "retry", &["s1.o1.0"]).await;
    assert!(done[0].may_be_seen, "{done:?}");
    world.pass(HOUR).await;
    let last = world.platform.sent().into_iter().rfind(|it| it.key == "s1.o1.0");
    assert!(7 <= copies() && last.is_some_and(|it| it.repeat));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_never_sent_and_lets_the_next_one_pass() {
    let world = multi_user();
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::ThrottledFor(20 * HOUR)]);
    say(&world, "g", "m1", "one");
    world.pass(MINUTE).await;
    say(&world, "g", "m2", "two");
    world.pass(HOUR).await;
    assert_eq!(world.platform.texts("g"), [""; 0], "the platform's wish holds");
    let done = order(&host, "drop", &["s1.o1.0"]).await;
    assert_eq!(done[0].was.as_deref(), Some("unsent"));
    world.pass(MINUTE).await;
    let said = world.platform.texts("g");
    assert!(said.len() == 1 && said[0].contains("two"), "{said:?}");
    assert_eq!(told(&world), [""; 0], "who dropped it knows");
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_that_the_platform_asks_for_is_kept_and_keeps_the_order() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::ThrottledFor(3 * HOUR)]);
    say(&world, "g", "m1", "one");
    world.pass(MINUTE).await;
    say(&world, "g", "m2", "two");
    say(&world, "h", "m3", "three");
    world.pass(2 * HOUR).await;
    assert_eq!(world.platform.texts("g"), [""; 0]);
    assert!(world.platform.texts("h").join("").contains("three"), "another chat is not held up");
    world.pass(2 * HOUR).await;
    let said = world.platform.texts("g");
    assert!(said.len() == 2 && said[0].contains("one") && said[1].contains("two"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_order_of_each_chat() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::Unreachable; 40]);
    for n in 0..10 {
        for chat in ["g", "h"] {
            say(&world, chat, &format!("{chat}{n}"), &format!("number {n}"));
        }
        world.pass(SECOND).await;
    }
    world.pass(2 * HOUR).await;
    for chat in ["g", "h"] {
        let said = world.platform.texts(chat);
        let right = (0..10).all(|n| said[n].contains(&format!("number {n}")));
        assert!(said.len() == 10 && right, "{said:?}");
    }
}

/// Asks the host to stop while the platform has something and did not say so yet.
async fn stop_while_sending(world: &World, nth: usize) {
    // Every point takes a moment.
    let host = world.start(Crash::with_jitter(0, 7)).await;
    say(world, "g", "m1", "hello");
    let sends = || host.crash.trace().iter().filter(|it| it.ends_with("before deliver")).count();
    while sends() < nth {
        world.pass(Duration::from_millis(1)).await;
    }
    host.shut_down().await;
    assert_eq!(sends(), nth);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_sent_when_the_host_is_asked_to_stop_is_not_said_again() {
    let world = multi_user();
    stop_while_sending(&world, 1).await;
    let _host = world.start(Crash::never()).await;
    world.pass(MINUTE).await;
    assert_eq!(world.platform.sent().len(), 1, "{:?}", world.platform.texts("g"));
}

#[tokio::test(start_paused = true)]
async fn what_the_host_itself_says_when_it_is_asked_to_stop_is_not_said_again() {
    let world = multi_user();
    world.platform.fail_next_sends(&[SendFault::Refused]);
    stop_while_sending(&world, 2).await;
    let _host = world.start(Crash::never()).await;
    world.pass(MINUTE).await;
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
}
