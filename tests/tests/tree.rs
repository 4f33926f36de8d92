//! The supervision tree: who dies alone, who is found again, who gives up.

use std::time::Duration;

use actors::session::SessionMessage;
use actors::sessions::SessionsMessage;
use actors::tree::Role;
use domain::SessionId;
use domain::session::Limits;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use ractor::{ActorStatus, call};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const S1: SessionId = SessionId(1);

async fn start(world: &World) -> TestHost {
    world.start(Crash::never()).await
}

async fn answered(world: &World, id: &str, text: &str) -> bool {
    world.platform.post("a", id, text);
    world.pass(MINUTE).await;
    world.platform.sent().iter().any(|it| it.reply_to == id && it.last)
}

#[tokio::test(start_paused = true)]
async fn every_child_of_the_root_may_die_and_its_siblings_do_not_notice() {
    let world = World::new();
    let host = start(&world).await;
    assert!(answered(&world, "m0", "hello").await);
    for role in [Role::Router, Role::Channels, Role::Sweep, Role::Sessions] {
        let mut before = Vec::new();
        for other in Role::ALL {
            before.push((other, host.child(other).map(|it| it.get_id())));
        }
        host.child(role).unwrap().kill();
        world.pass(SECOND).await;
        for (other, id) in before {
            let now = host.child(other).map(|it| it.get_id());
            assert_eq!(now == id, other != role || id.is_none(), "{role:?} died; {other:?}");
        }
        assert!(
            answered(&world, &format!("m-{}", role.as_str()), "still there?").await,
            "{role:?}"
        );
    }
    assert_eq!(world.engine.log(), ["start s1"], "the container is found again, not restarted");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_panics_is_restarted_and_its_siblings_do_not_notice() {
    let world = World::new();
    let host = start(&world).await;
    world.platform.post("a", "m1", "hello");
    world.platform.post("b", "m2", "hello");
    world.pass(MINUTE).await;
    let sessions = host.host.peers.sessions.get().unwrap();
    let listed = call!(sessions, SessionsMessage::List).unwrap();
    let (victim, sibling) = (&listed[0], &listed[1]);
    victim.actor.as_ref().unwrap().kill();
    world.pass(SECOND).await;
    let after = call!(sessions, SessionsMessage::List).unwrap();
    let find = |id| after.iter().find(|it| it.row.id == id).and_then(|it| it.actor.as_ref());
    assert_eq!(find(sibling.row.id).unwrap().get_id(), sibling.actor.as_ref().unwrap().get_id());
    assert!(answered(&world, "m3", "again").await);
}

#[tokio::test(start_paused = true)]
async fn a_root_that_spends_its_budget_ends_and_was_not_asked_to() {
    let mut world = World::new();
    world.policy.restarts_max = 2;
    let host = start(&world).await;
    for _ in 0..3 {
        if let Some(cell) = host.child(Role::Sweep) {
            cell.kill();
        }
        world.pass(SECOND).await;
        if host.root.get_status() == ActorStatus::Stopped {
            break;
        }
    }
    assert_eq!(host.root.get_status(), ActorStatus::Stopped);
    assert!(!host.host.peers.is_stopping(), "so the process exits with an error");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_leaves_containers_running_and_the_next_host_finds_them() {
    let world = World::new();
    let host = start(&world).await;
    world.platform.post("a", "m1", "wait 30 please");
    world.pass(5 * SECOND).await;
    host.shut_down().await;
    assert!(host.host.peers.is_stopping());
    assert!(world.engine.is_running(S1));
    let _next = start(&world).await;
    world.pass(MINUTE).await;
    assert_eq!(world.engine.log(), ["start s1"]);
    assert_eq!(world.platform.texts("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_of_nobody_is_removed() {
    let world = World::new();
    let host = start(&world).await;
    assert!(answered(&world, "m1", "hello").await);
    host.kill().await;
    for file in ["central.db", "central.db-wal", "central.db-shm"] {
        std::fs::remove_file(world.layout().home().join(file)).unwrap();
    }
    // Else it would say again what this host has not read, and bring the session back.
    world.platform.set_away(true);
    let _next = start(&world).await;
    world.pass(MINUTE).await;
    assert!(!world.engine.is_running(S1));
}

#[tokio::test(start_paused = true)]
async fn an_idle_container_is_stopped_and_its_session_sleeps_until_it_is_needed() {
    let world = World::new();
    let host = start(&world).await;
    assert!(answered(&world, "m1", "hello").await);
    world.pass(20 * MINUTE).await;
    assert_eq!(world.engine.log(), ["start s1", "stop s1"]);
    let sessions = host.host.peers.sessions.get().unwrap();
    assert!(call!(sessions, SessionsMessage::List).unwrap().is_empty(), "no actor is left");
    assert!(answered(&world, "m2", "count").await);
    assert!(world.platform.texts("a")[1].contains('2'), "its state is kept");
}

#[tokio::test(start_paused = true)]
async fn more_chats_than_places_are_served_in_turn() {
    let mut world = World::new();
    world.containers_max = 2;
    let _host = start(&world).await;
    for n in 0..10 {
        world.platform.post(&format!("chat{n}"), &format!("m{n}"), "hello");
    }
    world.pass(5 * MINUTE).await;
    for n in 0..10 {
        assert_eq!(world.platform.texts(&format!("chat{n}")).len(), 1, "chat {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_idle_container_makes_room_at_once_for_one_that_is_needed() {
    let mut world = World::new();
    world.containers_max = 3;
    let _host = start(&world).await;
    for chat in ["a", "b", "c"] {
        world.platform.post(chat, &format!("m-{chat}"), "hello");
    }
    // Not in step with the sweep, which would find it too.
    world.pass(MINUTE / 4).await;
    world.platform.post("d", "m-d", "hello");
    world.pass(5 * SECOND).await;
    assert_eq!(world.platform.texts("d").len(), 1, "{:?}", world.engine.log());
    let stops = world.engine.log().iter().filter(|it| it.starts_with("stop")).count();
    assert_eq!(stops, 1, "{:?}", world.engine.log());
}

#[tokio::test(start_paused = true)]
async fn a_changed_setting_reaches_a_container_when_it_is_free() {
    let world = World::new();
    let host = start(&world).await;
    assert!(answered(&world, "m1", "hello").await);
    let change = |central: &mut store::CentralStore| central.set_setting("image", "newer");
    host.host.central.write("a setting", change).await.unwrap();
    world.pass(2 * MINUTE).await;
    assert!(answered(&world, "m2", "hello").await);
    assert_eq!(world.engine.log(), ["start s1", "stop s1", "start s1"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_turn_that_gives_signs_of_life_is_left_alone() {
    let mut world = World::new();
    world.policy.session = Limits { silence_max: 10 * SECOND, ..Limits::default() };
    let _host = start(&world).await;
    // Far longer than silence may last, but the demo gives a sign each second.
    assert!(answered(&world, "m1", "wait 40 please").await);
    assert_eq!(world.engine.log(), ["start s1"]);
}

#[tokio::test(start_paused = true)]
async fn the_status_says_whether_the_runner_listens() {
    for notifications in [true, false] {
        let world = World::with_notifications(notifications);
        let host = start(&world).await;
        world.platform.post("a", "m1", "wait 600");
        world.pass(MINUTE).await;
        assert!(world.engine.is_running(S1));
        let listed = host
            .host
            .peers
            .sessions
            .call_within(Duration::from_secs(30), SessionsMessage::List)
            .await
            .unwrap();
        let status = call!(listed[0].actor.as_ref().unwrap(), SessionMessage::Status).unwrap();
        assert_eq!(status.linked, notifications, "{status:?}");
    }
}
