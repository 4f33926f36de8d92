//! A message that cannot be answered now is told so once and answered later, or has its end
//! told at its deadline.

use std::time::Duration;

use domain::message::Outcome;
use domain::{AgentName, SessionId};
use harness::crash::Crash;
use harness::engine::StartFault;
use harness::host::{TestHost, World};
use harness::simulation::{Plan, run};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const S1: SessionId = SessionId(1);
const ANSWERED: Option<Outcome> = Some(Outcome::Answered);
const FAILED: Option<Outcome> = Some(Outcome::Failed);
const AGAIN: &str = "the model answers again";

async fn start(world: &World) -> TestHost {
    world.start(Crash::never()).await
}

/// What a chat sees, joined, after `time`.
async fn heard(world: &World, chat: &str, time: Duration) -> String {
    world.pass(time).await;
    world.platform.texts(chat).join("\n")
}

fn outcomes(world: &World) -> Vec<Option<Outcome>> {
    world.outcomes(S1).into_iter().map(|it| it.1).collect()
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_told_once_and_the_work_goes_on_at_its_time_across_a_restart() {
    let world = World::new();
    let host = start(&world).await;
    world.platform.post("a", "m1", "limit 7200");
    let text = heard(&world, "a", 30 * SECOND).await;
    assert!(text.contains("limit of the model's account is reached"), "{text}");
    assert!(text.contains("in 2 h") && text.contains("UTC"), "{text}");
    world.pass(20 * MINUTE).await;
    assert!(!world.engine.is_running(S1), "a wait costs no container");
    host.kill().await;
    let _host = start(&world).await;
    let text = heard(&world, "a", 95 * MINUTE).await;
    assert!(!text.contains(AGAIN), "not before its time: {text}");
    let text = heard(&world, "a", 6 * MINUTE).await;
    assert!(text.contains(AGAIN), "{text}");
    assert_eq!(text.matches("limit of the model").count(), 1, "{text}");
    assert_eq!(outcomes(&world), [ANSWERED]);
    assert_eq!(world.engine.log().iter().filter(|it| it.starts_with("start")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_wait_keeps_its_order_and_is_told_once() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "limit 3600");
    world.platform.post("a", "m2", "second");
    world.pass(10 * MINUTE).await;
    for (id, text) in [("m3", "third"), ("m4", "fourth")] {
        world.platform.post("a", id, text);
    }
    let text = heard(&world, "a", 40 * MINUTE).await;
    assert_eq!(text.matches("is reached").count(), 2, "once for what came later: {text}");
    assert!(!text.contains("you said"), "{text}");
    let text = heard(&world, "a", 15 * MINUTE).await;
    let places: Vec<_> =
        [AGAIN, "second", "third", "fourth"].iter().map(|it| text.find(it)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{places:?} {text}");
    assert_eq!(outcomes(&world), [ANSWERED; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_is_tried_again_until_somebody_fills_it() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "fail billing 5");
    let text = heard(&world, "a", 50 * MINUTE).await;
    assert!(text.contains("no credit left") && !text.contains(AGAIN), "{text}");
    let text = heard(&world, "a", 10 * MINUTE).await;
    assert!(text.contains(AGAIN), "{text}");
    assert_eq!(text.matches("no credit left").count(), 1, "not for each try: {text}");
    assert_eq!(outcomes(&world), [ANSWERED]);
}

#[tokio::test(start_paused = true)]
async fn an_overload_is_waited_out_with_longer_and_longer_pauses() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "fail overloaded 2");
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("overloaded") && !text.contains(AGAIN), "{text}");
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains(AGAIN), "{text}");
    assert_eq!(world.engine.log(), ["start s1"], "a short wait keeps the container");
}

#[tokio::test(start_paused = true)]
async fn what_never_passes_ends_at_the_deadline_with_the_reason() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "fail network 1000");
    let text = heard(&world, "a", 24 * HOUR).await;
    assert_eq!(outcomes(&world), [None], "{text}");
    let text = heard(&world, "a", 2 * HOUR).await;
    assert!(text.contains("within 24 hours") && text.contains("cannot be reached"), "{text}");
    assert_eq!(outcomes(&world), [FAILED]);
    world.platform.post("a", "m2", "hello");
    let text = heard(&world, "a", MINUTE).await;
    assert!(text.contains("you said \"hello\""), "the next one is not held up: {text}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stays_out_ends_in_words() {
    let mut world = World::new();
    world.policy.session.deadline = 5 * MINUTE;
    world.policy.session.last_chance = MINUTE;
    let _host = start(&world).await;
    world.engine.set_reachable(false);
    world.platform.post("a", "m1", "hello");
    let text = heard(&world, "a", 7 * MINUTE).await;
    assert!(text.contains("I gave up"), "{text}");
    assert_eq!(outcomes(&world), [FAILED]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_a_year_fails_nothing_that_can_be_done() {
    let year = 365 * 24 * 3_600_000;
    for jump in [year, -year] {
        let world = World::new();
        let _host = start(&world).await;
        world.platform.post("a", "m1", "wait 60 please");
        world.platform.post("b", "m2", "limit 3600");
        world.pass(20 * SECOND).await;
        world.clock.jump(jump);
        world.pass(10 * MINUTE).await;
        assert!(world.all_outcomes().iter().all(|it| it.1 == ANSWERED), "{jump}");
        assert_eq!(world.engine.log().iter().filter(|it| it.contains("s1")).count(), 1, "{jump}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_open_keeps_its_message_alive() {
    let mut world = World::new();
    world.policy.session.deadline = MINUTE;
    world.policy.session.last_chance = MINUTE;
    let _host = start(&world).await;
    world.platform.post("a", "m1", "wait 90 please");
    world.platform.post("b", "m2", "ask tea? yes | no");
    let text = heard(&world, "b", 4 * MINUTE).await;
    assert!(!text.contains("gave up on"), "{text}");
    assert_eq!(world.all_outcomes()[0].1, ANSWERED, "the last chance is enough");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_never_done_is_stopped_at_the_deadline() {
    let mut world = World::new();
    world.policy.session.deadline = MINUTE;
    world.policy.session.last_chance = MINUTE;
    let _host = start(&world).await;
    world.platform.post("a", "m1", "wait 600 please");
    let text = heard(&world, "a", 5 * MINUTE).await;
    assert!(text.contains("gave up on") && !text.contains("I waited"), "{text}");
    assert_eq!(outcomes(&world), [FAILED]);
    assert!(heard(&world, "a", 20 * MINUTE).await == text, "and nothing comes after");
}

#[tokio::test(start_paused = true)]
async fn memory_that_was_not_enough_is_named_with_what_helps() {
    let world = World::new();
    let _host = start(&world).await;
    world.engine.fail_next_starts(&[StartFault::OutOfMemory; 3]);
    world.platform.post("a", "m1", "wait 60 please");
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("ran out of memory (2048 MiB)"), "{text}");
    assert!(text.contains("--memory 4096"), "{text}");
    assert_eq!(text.matches("ran out of memory").count(), 2, "at first and at the end: {text}");
    assert_eq!(outcomes(&world), [FAILED]);
}

/// Folders without end stand for many bytes.
#[tokio::test(start_paused = true)]
async fn an_agent_that_fills_the_disk_is_stopped_and_told_what_helps() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "hello");
    let _ = heard(&world, "a", MINUTE).await;
    let andy = AgentName::parse("andy").unwrap();
    let deep = (0..200).fold(world.layout().workspace(&andy), |at, _| at.join("d"));
    std::fs::create_dir_all(&deep).unwrap();
    world.platform.post("a", "m2", "wait 300 please");
    let text = heard(&world, "a", 5 * MINUTE).await;
    assert!(text.contains("more on the disk than it may (10 GiB)"), "{text}");
    assert!(text.contains("--disk 20"), "{text}");
    assert!(!text.contains("I waited"), "{text}");
    assert_eq!(outcomes(&world), [ANSWERED, FAILED]);
    std::fs::remove_dir_all(world.layout().workspace(&andy).join("d")).unwrap();
    // After several failures it is left alone for ten minutes.
    world.pass(15 * MINUTE).await;
    world.platform.post("a", "m3", "hello again");
    let text = heard(&world, "a", MINUTE).await;
    assert!(text.contains("hello again"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_stuck_is_named() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "run Bash 99999");
    let text = heard(&world, "a", 29 * MINUTE).await;
    assert!(!text.contains("Bash"), "{text}");
    let text = heard(&world, "a", 5 * MINUTE).await;
    assert!(text.contains("no sign of life while it ran `Bash`"), "{text}");
    let text = heard(&world, "a", 2 * HOUR).await;
    assert_eq!(text.matches("`Bash`").count(), 2, "at first and at the end: {text}");
    assert_eq!(outcomes(&world), [FAILED]);
}

/// Two chats, each with a message that waits, one of them with another one behind it.
fn waiting_plan() -> Plan {
    let mut plan = Plan::simple();
    plan.posts[1].text = "limit 20".into();
    plan.posts[2].text = "fail overloaded 1".into();
    plan
}

#[test]
fn a_wait_keeps_the_laws_wherever_the_host_stops() {
    let points = run(&waiting_plan()).host_points;
    for point in 0..=points {
        let report = run(&Plan { host_crashes: vec![point], ..waiting_plan() });
        assert!(report.violations.is_empty(), "{point}: {:?}", report.violations);
    }
}

#[test]
fn a_wait_keeps_the_laws_wherever_the_runner_stops() {
    let points = run(&waiting_plan()).runner_points;
    for runner_crash in 1..=points {
        let report = run(&Plan { runner_crash, ..waiting_plan() });
        assert!(report.violations.is_empty(), "{runner_crash}: {:?}", report.violations);
    }
}
