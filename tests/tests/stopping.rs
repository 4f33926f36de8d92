//! Stops: that they stop, hold, say what they came to, and can be undone; and that a crash in the
//! middle of one ends where it would have ended.

use std::sync::Arc;
use std::time::Duration;

use domain::message::Outcome;
use domain::stop::Scope;
use domain::{AgentName, Incarnation, SessionId};
use engine::protocol::Stopped;
use engine::stopping;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use harness::platform::SendFault;
use store::CentralStore;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const S1: SessionId = SessionId(1);

fn andy() -> Scope {
    Scope::Agent(AgentName::parse("andy").unwrap())
}

async fn stop(host: &TestHost, scope: &Scope) -> Stopped {
    stopping::stop(&host.host, scope, "Ann", "").await
}

async fn resume(host: &TestHost, scope: Scope) {
    stopping::resume(&host.host, &[scope], "Ann").await.unwrap();
}

async fn texts(world: &World, chat: &str, time: Duration) -> String {
    world.pass(time).await;
    world.platform.texts(chat).join("\n")
}

fn starts(world: &World) -> usize {
    world.engine.log().iter().filter(|it| it.starts_with("start")).count()
}

#[tokio::test(start_paused = true)]
async fn of_a_half_sent_answer_the_rest_never_leaves_and_what_left_is_said() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    let busy = SendFault::ThrottledFor(30 * SECOND);
    world.platform.fail_next_sends(&[SendFault::BadFormat, busy]);
    world.platform.post("a", "m1", &"words ".repeat(1_800));
    world.pass(5 * SECOND).await;
    assert_eq!(world.platform.sent().len(), 1, "the first of three parts");
    let report = stop(&host, &andy()).await;
    assert_eq!(report.trouble, [""; 0]);
    let stop_report = report.stop_report();
    assert_eq!(
        (stop_report.sent_here, stop_report.voided, stop_report.uncertain),
        (1, 2, 0),
        "{report:?}"
    );
    world.pass(5 * MINUTE).await;
    resume(&host, andy()).await;
    world.pass(5 * MINUTE).await;
    let sent = world.platform.sent();
    assert_eq!(sent.len(), 2, "the first part and the report: {sent:?}");
    let told = sent[1].content.text();
    assert!(told.contains("2 pending answers cancelled and 1 answer already sent here."), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_all_turns_at_once_and_counts_against_nobody() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    for chat in ["a", "b", "c"] {
        world.platform.post(chat, &format!("m{chat}"), "wait 600");
    }
    world.pass(5 * SECOND).await;
    let before = world.now();
    let report = stop(&host, &Scope::All).await;
    assert!(world.now().since(before) < SECOND);
    assert_eq!((report.killed, report.stop_report().aside), (3, 3), "{report:?}");
    assert!(world.sessions().iter().all(|it| !world.engine.is_running(*it)));
    for chat in ["a", "b", "c"] {
        let text = texts(&world, chat, 5 * MINUTE).await;
        assert_eq!(text.matches("I was stopped by Ann. 1 message cancelled.").count(), 1, "{text}");
    }
    assert!(world.all_outcomes().iter().all(|it| it.1 == Some(Outcome::Declined)));
    world.platform.post("b", "m8", "and now?");
    assert!(texts(&world, "b", 5 * SECOND).await.contains("`nanoclaw agents resume --all`"));
    assert_eq!(starts(&world), 3, "nothing starts");
    resume(&host, Scope::All).await;
    world.platform.post("a", "m9", "hello");
    assert!(texts(&world, "a", 2 * SECOND).await.contains("you said \"hello\""), "no back-off");
}

#[tokio::test(start_paused = true)]
async fn no_chat_waits_for_a_container_that_does_not_die() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    for chat in ["a", "b"] {
        world.platform.post(chat, &format!("m{chat}"), "wait 600");
    }
    world.pass(5 * SECOND).await;
    world.engine.hang(S1);
    let told = async {
        world.pass(2 * SECOND).await;
        ["a", "b"].map(|chat| world.platform.texts(chat).join("\n"))
    };
    let (report, texts) = tokio::join!(stop(&host, &Scope::All), told);
    assert!(texts.iter().all(|it| it.contains("I was stopped by Ann.")), "{texts:?}");
    assert_eq!((report.killed, report.trouble.len()), (1, 1), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_the_link_of_a_session_that_looks_at_nothing() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "wait 600");
    world.pass(5 * SECOND).await;
    host.crash.hang_at("a post");
    world.platform.post("a", "m2", "are you there?");
    world.pass(SECOND).await;
    assert!(host.crash.hangs(), "its mailbox waits for the disk");
    let link = world.layout().session(S1).link(Incarnation(1));
    let mut stream = world.engine.open_notify_stream(link).await;
    let mut said = Vec::new();
    assert!(timeout(SECOND, stream.read_to_end(&mut said)).await.is_err(), "it is open");
    stop(&host, &andy()).await;
    assert!(timeout(SECOND, stream.read_to_end(&mut said)).await.is_ok(), "it is cut");
}

#[tokio::test(start_paused = true)]
async fn a_stop_outlives_the_host_and_what_comes_meanwhile_is_answered_after_it() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    stop(&host, &andy()).await;
    world.platform.post("a", "m1", "one");
    let text = texts(&world, "a", 10 * SECOND).await;
    assert!(
        text.contains("I'm stopped by Ann,") && text.contains("nanoclaw agents resume andy"),
        "{text}"
    );
    host.kill().await;
    let host = world.start(Crash::never()).await;
    world.platform.post("a", "m2", "two");
    world.platform.post("a", "s1", "/status");
    let text = texts(&world, "a", 10 * MINUTE).await;
    assert_eq!(text.matches("I'm stopped").count(), 1, "told once: {text}");
    assert!(text.contains("2 messages waiting"), "the host still answers: {text}");
    assert_eq!(starts(&world), 0);
    resume(&host, andy()).await;
    let text = texts(&world, "a", 10 * SECOND).await;
    assert!(text.contains("\"one\"") && text.contains("\"two\""), "{text}");
    assert!(world.all_outcomes().iter().all(|it| it.1 == Some(Outcome::Answered)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_holds_on_a_full_disk_and_is_written_down_once_there_is_room() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    for chat in ["a", "b"] {
        world.platform.post(chat, &format!("m{chat}"), "wait 600");
    }
    world.pass(5 * SECOND).await;
    world.env.fill_disk(2 * MINUTE);
    let report = stop(&host, &Scope::All).await;
    assert_eq!(report.killed, 2);
    assert!(report.trouble.concat().contains("the stop holds"), "{report:?}");
    for _ in 0..100 {
        world.pass(SECOND).await;
        assert!(world.sessions().iter().all(|it| !world.engine.is_running(*it)));
    }
    assert_eq!(starts(&world), 2, "nothing starts");
    world.pass(MINUTE).await;
    host.kill().await;
    let host = world.start(Crash::never()).await;
    world.pass(5 * MINUTE).await;
    assert_eq!(starts(&world), 2, "written down meanwhile, it outlives the host");
    resume(&host, Scope::All).await;
    world.platform.post("c", "m9", "hello");
    let text = texts(&world, "c", 10 * SECOND).await;
    assert!(text.contains("you said \"hello\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_only_in_memory_can_be_resumed_and_does_not_come_back() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    host.crash.disk_full_at("a stop order");
    let report = stop(&host, &andy()).await;
    assert_eq!(report.trouble.len(), 1, "{report:?}");
    resume(&host, andy()).await;
    world.platform.post("a", "m1", "hello");
    assert!(texts(&world, "a", 2 * MINUTE).await.contains("you said \"hello\""));
    assert!(host.host.stops.stops().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_command_line_wrote_down_alone_is_found_by_the_next_sweep() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "wait 600");
    world.pass(5 * SECOND).await;
    let mut central = CentralStore::open(&world.layout().central()).unwrap();
    central.stop(&Scope::All, "Ann", "", world.now()).unwrap();
    world.pass(2 * MINUTE).await;
    assert!(!world.engine.is_running(S1));
    assert!(texts(&world, "a", SECOND).await.contains("I was stopped by Ann."));
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_only_in_memory_keeps_back_what_is_not_sent() {
    let world = World::new();
    let host = world.start(Crash::never()).await;
    world.platform.fail_next_sends(&[SendFault::ThrottledFor(3 * SECOND)]);
    world.platform.post("a", "m1", "hello");
    world.pass(2 * SECOND).await;
    host.crash.disk_full_at("a stop order");
    stop(&host, &andy()).await;
    let text = texts(&world, "a", 4 * SECOND).await;
    assert_eq!(text, "", "it may be sent again, and is not");
    let text = texts(&world, "a", MINUTE).await;
    assert!(text.contains("1 pending answer cancelled"), "written down meanwhile: {text}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_keeps_back_a_part_whose_claim_is_being_written() {
    let claims = |it: &String| it.ends_with(" before the claim of a part");
    // Where the claim takes so long that it is seen under way.
    for seed in 0.. {
        let world = World::new();
        let host = world.start(Crash::with_jitter(0, seed)).await;
        world.platform.post("a", "m1", "hello");
        for _ in 0..5_000 {
            if host.crash.trace().last().is_some_and(claims) {
                stop(&host, &andy()).await;
                let text = texts(&world, "a", MINUTE).await;
                let is_stopped = text.contains("I was stopped by Ann");
                assert!(is_stopped && !text.contains("you said"), "seed {seed}: {text}");
                return;
            }
            world.pass(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_while_it_waited_for_a_place_is_not_worked_on() {
    let mut world = World::new();
    world.containers_max = 1;
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "wait 30");
    world.pass(5 * SECOND).await;
    for (id, text) in [("m2", "hello"), ("m3", "/stop"), ("m4", "count")] {
        world.platform.post("b", id, text);
        world.pass(2 * SECOND).await;
    }
    let text = texts(&world, "b", MINUTE).await;
    assert!(text.contains("1 message cancelled.") && text.contains("message number 1."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_chat_ends_its_turn_at_once_and_holds_nothing() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "wait 600");
    world.pass(5 * SECOND).await;
    world.platform.post("a", "m2", "/stop");
    let text = texts(&world, "a", SECOND).await;
    assert!(text.contains("Stopped. 1 message cancelled."), "{text}");
    assert!(!world.engine.is_running(S1));
    world.platform.post("a", "m3", "go on");
    assert!(texts(&world, "a", 2 * SECOND).await.contains("you said \"go on\""), "no back-off");
    assert_eq!(world.outcomes(S1)[0].1, Some(Outcome::Declined));
}

#[tokio::test(start_paused = true)]
async fn an_owner_panics_and_resumes_in_a_chat() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "wait 600");
    world.pass(5 * SECOND).await;
    world.platform.post("b", "m2", "/panic");
    let text = texts(&world, "b", SECOND).await;
    assert!(text.contains("Every agent on this host is stopped. 1 message cancelled."), "{text}");
    assert!(!world.engine.is_running(S1));
    world.platform.post("b", "m3", "hello");
    world.pass(MINUTE).await;
    world.platform.post("b", "m4", "/resume");
    let text = texts(&world, "b", 10 * SECOND).await;
    assert!(text.contains("I'm back. 1 message is waiting."), "{text}");
    assert!(text.contains("you said \"hello\""), "{text}");
}

/// Two chats at work and one that waits; an order to stop that is cut short at `point`; the host
/// starts again, and who got no answer says it again.
async fn cut_short(point: &str, nth: u64) -> bool {
    let world = World::new();
    let crash = Crash::at_name(point, nth);
    let host = world.start(Arc::clone(&crash)).await;
    for chat in ["a", "b"] {
        world.platform.post(chat, &format!("m{chat}"), "wait 600");
    }
    world.pass(5 * SECOND).await;
    assert!(!crash.has_struck(), "{point}");
    tokio::select! {
        biased;
        () = crash.struck() => {}
        () = async { stop(&host, &andy()).await; world.pass(MINUTE).await } => {}
    }
    let struck = crash.has_struck();
    host.kill().await;
    let host = world.start(Crash::never()).await;
    if host.host.stops.stops().is_empty() {
        stop(&host, &andy()).await;
    }
    world.platform.post("a", "m3", "later");
    world.pass(3 * MINUTE).await;
    assert!(world.sessions().iter().all(|it| !world.engine.is_running(*it)), "{point}: runs");
    for chat in ["a", "b"] {
        // One that was on its way when the host died comes again, and says so.
        let sent = world.platform.sent();
        let fresh = sent.iter().filter(|it| it.to.chat == chat && !it.repeat);
        let text: Vec<&str> = fresh.map(|it| it.content.text()).collect();
        let told = text.iter().filter(|it| it.starts_with("I was stopped by Ann.")).count();
        assert_eq!(told, 1, "{point}: {text:?}");
    }
    resume(&host, andy()).await;
    let text = texts(&world, "a", 10 * SECOND).await;
    assert!(text.contains("you said \"later\""), "{point}: {text}");
    let outcomes = world.all_outcomes();
    let declined = outcomes.iter().filter(|it| it.1 == Some(Outcome::Declined)).count();
    assert_eq!(declined, 2, "{point}: {outcomes:?}");
    struck
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_a_crash_cuts_short_ends_where_it_would_have_ended() {
    for op in ["a stop order", "freeze", "kill", "the stop of a session", "the end of a launch"] {
        for side in ["before", "after"] {
            let point = format!("{side} {op}");
            assert!(cut_short(&point, 1).await, "{point} was never reached");
            cut_short(&point, 2).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_its_platform_repeats_is_not_carried_out_again() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "hello");
    world.pass(5 * SECOND).await;
    world.platform.post("b", "m2", "/panic");
    world.pass(5 * SECOND).await;
    world.platform.post("b", "m3", "/resume");
    world.pass(5 * SECOND).await;
    world.platform.redeliver();
    world.pass(MINUTE).await;
    world.platform.post("a", "m4", "still there?");
    let text = texts(&world, "a", 5 * SECOND).await;
    assert!(text.contains("you said \"still there?\""), "{text}");
    let orders = world.platform.texts("b").len();
    assert_eq!(orders, 2, "one answer to each order");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_its_platform_repeats_leaves_what_began_since_alone() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "wait 600");
    world.pass(5 * SECOND).await;
    world.platform.post("a", "m2", "/stop");
    world.pass(5 * SECOND).await;
    world.platform.post("a", "m3", "wait 60");
    world.pass(10 * SECOND).await;
    let before = starts(&world);
    world.platform.redeliver();
    let text = texts(&world, "a", 2 * MINUTE).await;
    assert_eq!(starts(&world), before, "nothing was interrupted");
    assert_eq!(text.matches("topped").count(), 1, "one answer to the order: {text}");
    assert!(world.all_outcomes().iter().all(|it| it.1.is_some()), "all came to an end");
}

#[tokio::test(start_paused = true)]
async fn the_status_tells_what_is_in_work_from_what_waits() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "wait 60");
    world.pass(5 * SECOND).await;
    world.platform.post("a", "s1", "/status");
    let text = texts(&world, "a", 2 * SECOND).await;
    let busy = "container running; 1 message in progress, 0 messages waiting";
    assert!(text.contains(busy), "{text}");
    world.pass(MINUTE).await;
    world.platform.post("a", "s2", "/status");
    let text = texts(&world, "a", 2 * SECOND).await;
    let idle = "container running; 0 messages in progress, 0 messages waiting";
    assert!(text.contains(idle), "{text}");
}
