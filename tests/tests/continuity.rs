//! Connections that fall silent, break and come back, and what people are told of it.

use std::time::Duration;

use actors::channels::ChannelsMessage;
use async_trait::async_trait;
use channel::{Account, Adapter, ChannelError, Connection, Registration};
use domain::message::{Address, ChatInfo};
use domain::people::{Handle, Role};
use engine::protocol::ChannelStatus;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use harness::platform::{FakePlatform, NAME, OWNER_ONLY, PLAIN, TestMessage, address};
use store::{AccountRow, CentralStore};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const TOLD: &str = "I was not connected from ";

async fn start(world: &World) -> TestHost {
    world.start(Crash::never()).await
}

fn heard(world: &World, chat: &str) -> String {
    world.platform.texts(chat).join("\n")
}

async fn status(host: &TestHost, account: &str) -> ChannelStatus {
    let listed = host
        .host
        .peers
        .channels
        .call_within(Duration::from_secs(30), ChannelsMessage::List)
        .await
        .unwrap();
    let ours = listed.iter().find(|it| it.key.name == account).unwrap();
    ours.status(SECOND).await
}

/// A host that has answered in two chats.
async fn settled_in(world: &World) -> TestHost {
    let host = start(world).await;
    for chat in ["a", "b"] {
        world.platform.post(chat, &format!("first in {chat}"), "hello");
    }
    world.pass(10 * SECOND).await;
    host
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_shown_and_then_replaced() {
    let world = World::new();
    let host = settled_in(&world).await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.platform.connections_made(), 1, "one that gives signs of life stays");
    let well = status(&host, "local").await;
    assert!(well.connected && !well.quiet, "{well:?}");
    world.platform.go_silent();
    world.platform.post("a", "m2", "are you there?");
    world.pass(70 * SECOND).await;
    let silent = status(&host, "local").await;
    assert!(silent.connected && silent.quiet && Some(31) < silent.silent_seconds, "{silent:?}");
    assert_eq!(world.platform.connections_made(), 1);
    world.pass(40 * SECOND).await;
    assert_eq!(world.platform.connections_made(), 2);
    let text = heard(&world, "a");
    assert!(text.contains("are you there?") && !text.contains(TOLD), "{text}");
}

#[tokio::test(start_paused = true)]
async fn after_eight_hours_asleep_it_connects_at_once_and_tells_the_span() {
    let world = World::new();
    world.platform.forget_gaps();
    let _host = settled_in(&world).await;
    world.pass(2 * MINUTE).await;
    // The timers stand still, the wall clock goes on, and the other side has forgotten us.
    world.platform.go_silent();
    world.clock.jump(8 * 3_600_000);
    world.platform.post("a", "m2", "good morning");
    world.pass(10 * SECOND).await;
    assert_eq!(world.platform.connections_made(), 2);
    for chat in ["a", "b"] {
        let text = heard(&world, chat);
        assert_eq!(text.matches(TOLD).count(), 1, "{text}");
    }
    assert!(heard(&world, "a").contains("good morning"));
    // The epoch of the clock is 22:13.
    assert!(heard(&world, "b").contains("from 2023-11-14 22:1"), "{}", heard(&world, "b"));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_credential_is_told_elsewhere_once_and_a_new_one_is_taken_at_once() {
    let world = World::on(FakePlatform::locked(OWNER_ONLY));
    let (mut central, now) = (CentralStore::open(&world.layout().central()).unwrap(), world.now());
    for name in ["local", "other"] {
        central.put_account(&AccountRow::new(NAME, name, now)).unwrap();
    }
    let ann = central.add_person(&Handle::new(NAME, "ann"), "Ann", now).unwrap();
    central.grant(ann, &Role::Owner).unwrap();
    let there = Address { account: "other".into(), ..address("dm-ann") };
    central.ensure_chat(&there, &ChatInfo::default(), Some("ann"), now).unwrap();
    let host = start(&world).await;
    world.pass(2 * MINUTE).await;
    let made = world.platform.connections_made();
    world.platform.revoke("local", true);
    world.pass(40 * MINUTE).await;
    let text = heard(&world, "dm-ann");
    assert_eq!(text.matches("I can't connect to fake/local").count(), 1, "{text}");
    assert!(!status(&host, "local").await.connected && status(&host, "other").await.connected);
    host.kill().await;
    let host = start(&world).await;
    world.pass(MINUTE).await;
    let text = heard(&world, "dm-ann");
    assert_eq!(text.matches("I can't connect").count(), 1, "not again after a restart: {text}");
    world.platform.revoke("local", false);
    world.pass(5 * SECOND).await;
    assert_eq!(world.platform.connections_made(), made + 1, "of the other account");
    host.host.peers.channels.cast(ChannelsMessage::Reload);
    world.pass(SECOND).await;
    assert_eq!(world.platform.connections_made(), made + 2);
    assert!(status(&host, "local").await.connected);
}

/// Lives through an hour without a connection, then is stopped at a point and started again.
/// Returns whether the point was reached.
async fn away_for_an_hour(point: &str) -> bool {
    let world = World::new();
    world.platform.forget_gaps();
    let host = settled_in(&world).await;
    world.platform.set_away(true);
    world.platform.post("a", "lost", "nobody will see this");
    world.pass(HOUR).await;
    host.kill().await;
    world.platform.set_away(false);
    let crash = Crash::at_name(point, 1);
    let host = world.start(crash.clone()).await;
    let struck = tokio::select! {
        biased;
        () = crash.struck() => true,
        () = world.pass(3 * MINUTE) => false,
    };
    host.kill().await;
    for _ in 0..2 {
        let host = start(&world).await;
        world.pass(30 * SECOND).await;
        host.kill().await;
    }
    for chat in ["a", "b"] {
        let sent = world.platform.sent();
        let told: Vec<_> = sent
            .iter()
            .filter(|it| it.to.chat == chat && it.content.text().starts_with(TOLD))
            .collect();
        assert!(!told.is_empty(), "{point}: nothing was told in {chat}");
        assert!(told.iter().all(|it| it.key == told[0].key), "{point}: {told:#?}");
        assert!(told.iter().filter(|it| !it.repeat).count() <= 1, "{point}: {told:#?}");
    }
    struck
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_may_have_lost_something_is_told_once_wherever_the_host_is_stopped() {
    for op in ["a gap", "the claim of a part", "deliver", "the end of a part", "a sign of life"] {
        for side in ["before", "after"] {
            let point = format!("{side} {op}");
            assert!(away_for_an_hour(&point).await, "{point} was never reached");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_where_the_cursor_covers_the_gap() {
    let world = World::new();
    let host = settled_in(&world).await;
    world.platform.set_away(true);
    world.platform.post("a", "m2", "see you later");
    world.pass(HOUR).await;
    world.platform.set_away(false);
    world.pass(2 * MINUTE).await;
    host.kill().await;
    let _host = start(&world).await;
    world.pass(MINUTE).await;
    let text = heard(&world, "a");
    assert!(text.contains("see you later") && !text.contains(TOLD), "{text}");
    assert!(!heard(&world, "b").contains(TOLD));
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_no_gap() {
    let world = World::new();
    world.platform.forget_gaps();
    let host = settled_in(&world).await;
    host.kill().await;
    world.pass(30 * SECOND).await;
    let _host = start(&world).await;
    world.pass(2 * MINUTE).await;
    assert!(!heard(&world, "a").contains(TOLD), "{}", heard(&world, "a"));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_arrives_late_is_marked_for_the_agent() {
    let world = World::new();
    let _host = start(&world).await;
    let sent = domain::time::Timestamp(world.now().0 - 3 * 3_600_000);
    world.platform.write(TestMessage::new("a", "m1", "context").sent_at(sent));
    world.platform.write(TestMessage::new("b", "m2", "context").sent_at(world.now()));
    world.pass(10 * SECOND).await;
    let late = "your message arrived 3 h after it was sent";
    assert!(heard(&world, "a").contains(late), "{}", heard(&world, "a"));
    assert!(!heard(&world, "b").contains("after it was sent"), "{}", heard(&world, "b"));
}

/// The stored sign of life is up to a minute old; the last one of a line that ends is stored then.
#[tokio::test(start_paused = true)]
async fn a_gap_begins_with_the_last_sign_of_life() {
    let world = World::new();
    world.platform.forget_gaps();
    let _host = settled_in(&world).await;
    world.pass(108 * SECOND).await;
    world.platform.set_away(true);
    world.pass(70 * SECOND).await;
    world.platform.set_away(false);
    world.pass(2 * MINUTE).await;
    assert!(1 < world.platform.connections_made());
    assert!(!heard(&world, "a").contains(TOLD), "{}", heard(&world, "a"));
}

/// Else each batch would cost a second commit before the platform hears "received".
#[tokio::test(start_paused = true)]
async fn the_cursor_moves_in_the_commit_of_its_messages() {
    let world = World::new();
    let crash = Crash::at_name("before a cursor", 1);
    let _host = world.start(crash.clone()).await;
    world.platform.post("a", "m1", "hello");
    world.pass(10 * SECOND).await;
    assert!(!crash.has_struck());
    assert!(heard(&world, "a").contains("hello"));
}

#[derive(Debug)]
struct Stuck;

#[async_trait]
impl Adapter for Stuck {
    async fn connect(&self, _account: &Account) -> Result<Connection, ChannelError> {
        std::future::pending().await
    }
}

static STUCK: Registration =
    Registration { name: "stuck", needs: &[], caps: PLAIN, adapter: &Stuck };

#[tokio::test(start_paused = true)]
async fn an_adapter_that_never_connects_is_given_up_and_tried_again() {
    let mut world = World::new();
    world.others = vec![&STUCK];
    let host = start(&world).await;
    world.pass(125 * SECOND).await;
    let listed = host.host.peers.channels.call_within(MINUTE, ChannelsMessage::List).await;
    let listed = listed.unwrap();
    let stuck = listed.iter().find(|it| it.key.channel == "stuck").unwrap().status(SECOND).await;
    assert!(!stuck.connected, "{stuck:?}");
    assert!(stuck.why.clone().unwrap_or_default().contains("within 120 s"), "{stuck:?}");
    assert!(status(&host, "local").await.connected, "the others are not held up");
    host.shut_down().await;
}
