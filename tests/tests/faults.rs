//! What goes wrong outside, and what the people in the chat see of it.

use std::time::Duration;

use channel::Verdict;
use domain::SessionId;
use domain::message::Outcome;
use harness::crash::Crash;
use harness::engine::StartFault;
use harness::host::{TestHost, World};
use harness::platform::SendFault;
use store::CentralStore;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const S1: SessionId = SessionId(1);

async fn start(world: &World) -> TestHost {
    world.start(Crash::never()).await
}

/// What a chat sees, joined, after `time`.
async fn heard(world: &World, chat: &str, time: Duration) -> String {
    world.pass(time).await;
    world.platform.texts(chat).join("\n")
}

#[tokio::test(start_paused = true)]
async fn while_the_engine_is_down_messages_wait_and_the_chat_is_told_once() {
    let world = World::new();
    let _host = start(&world).await;
    world.engine.set_reachable(false);
    world.platform.post("a", "m1", "hello");
    let text = heard(&world, "a", 10 * MINUTE).await;
    assert_eq!(text.matches("can't start on it").count(), 1, "{text}");
    world.engine.set_reachable(true);
    let text = heard(&world, "a", MINUTE).await;
    assert!(text.contains("you said \"hello\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_and_comes_back_costs_a_running_session_nothing() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "hello");
    world.pass(5 * SECOND).await;
    world.engine.set_reachable(false);
    world.pass(5 * MINUTE).await;
    world.platform.post("a", "m2", "still there?");
    let text = heard(&world, "a", MINUTE).await;
    assert!(text.contains("still there?"), "the container never stopped: {text}");
    world.engine.set_reachable(true);
    world.pass(5 * MINUTE).await;
    assert_eq!(world.engine.log(), ["start s1"]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_is_tried_again_and_then_told_with_what_to_do() {
    let world = World::new();
    let _host = start(&world).await;
    world.engine.fail_next_starts(&[StartFault::ImageMissing; 5]);
    world.platform.post("a", "m1", "hello");
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("nanoclaw image build"), "{text}");
    assert_eq!(world.outcomes(S1), [("m1".into(), Some(Outcome::Failed))]);
    assert_eq!(world.engine.log().len(), 5);
    world.pass(10 * MINUTE).await;
    world.platform.post("a", "m2", "and now?");
    let text = heard(&world, "a", MINUTE).await;
    assert!(text.contains("and now?"), "parked for a while only: {text}");
}

#[tokio::test(start_paused = true)]
async fn who_mends_the_cause_does_not_wait_until_the_session_is_tried_again() {
    let world = World::new();
    let host = start(&world).await;
    world.engine.fail_next_starts(&[StartFault::ImageMissing; 5]);
    world.platform.post("a", "m1", "hello");
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("nanoclaw image build"), "{text}");
    // What `image build` and `agents set` do.
    let forgive = |it: &mut CentralStore| it.forgive_launches(&it.agents()?[0].name);
    host.host.central.write("agents", forgive).await.unwrap();
    world.platform.post("a", "m2", "and now?");
    let text = heard(&world, "a", 5 * SECOND).await;
    assert!(text.contains("you said \"and now?\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_exits_at_once_is_parked_and_its_last_words_stay_inside() {
    let world = World::new();
    let _host = start(&world).await;
    world.engine.fail_next_starts(&[StartFault::ExitsAtOnce; 5]);
    world.platform.post("a", "m1", "hello");
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("Its program exited") && !text.contains("last words"), "{text}");
    assert_eq!(world.engine.log().iter().filter(|it| it.starts_with("start")).count(), 5);
    world.platform.post("a", "m2", "again");
    let text = heard(&world, "a", SECOND).await;
    assert_eq!(text.matches("can't be started").count(), 2, "told at once while parked: {text}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_picks_nothing_up_is_replaced() {
    let world = World::new();
    let _host = start(&world).await;
    world.engine.fail_next_starts(&[StartFault::Deaf]);
    world.platform.post("a", "m1", "hello");
    let text = heard(&world, "a", 3 * MINUTE).await;
    assert!(text.contains("you said \"hello\""), "{text}");
    assert_eq!(world.engine.log(), ["start s1", "stop s1", "start s1"]);
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_call_that_panics_is_tried_again() {
    let world = World::new();
    let _host = start(&world).await;
    world.engine.fail_next_starts(&[StartFault::Panics]);
    world.platform.post("a", "m1", "hello");
    let text = heard(&world, "a", 3 * MINUTE).await;
    assert!(text.contains("you said \"hello\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_kills_its_container_is_set_aside_and_told() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "crash");
    world.platform.post("a", "m2", "hello");
    let text = heard(&world, "a", 5 * MINUTE).await;
    assert!(text.contains("container failed each time"), "{text}");
    assert!(text.contains("you said \"hello\""), "{text}");
    let (m1, m2) = (Some(Outcome::Failed), Some(Outcome::Answered));
    assert_eq!(world.outcomes(S1), [("m1".into(), m1), ("m2".into(), m2)]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_to_the_sender_and_nothing_is_acknowledged() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "hello");
    world.pass(10 * SECOND).await;
    let before = world.platform.verdicts().len();
    world.env.fill_disk(MINUTE);
    world.platform.post("a", "m2", "are you there?");
    world.pass(30 * SECOND).await;
    let verdicts = world.platform.verdicts().split_off(before);
    let is_told =
        |it: &Verdict| matches!(it, Verdict::Refused(why) if why.contains("disk is full"));
    assert!(!verdicts.is_empty() && verdicts.iter().all(|it| is_told(&it.1)), "{verdicts:?}");
    assert_eq!(world.outcomes(S1).len(), 1);
    // The platform keeps what was not acknowledged; nobody has to write it again.
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("are you there?"), "{text}");
    assert_eq!(world.outcomes(S1)[1], ("m2".into(), Some(Outcome::Answered)));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_for_a_moment_costs_time_only() {
    for op in ["a launch", "a reply", "the claim of a part", "the end of a part"] {
        let world = World::new();
        let host = start(&world).await;
        host.crash.disk_full_at(op);
        world.platform.post("a", "m1", "hello");
        let text = heard(&world, "a", 5 * MINUTE).await;
        assert!(text.contains("you said \"hello\""), "{op}: {text}");
        assert_eq!(world.outcomes(S1), [("m1".into(), Some(Outcome::Answered))], "{op}");
    }
}

/// A container that died, and one that is to start: neither is asked for again and again.
#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_for_minutes_is_waited_out_at_a_pace() {
    let world = World::new();
    let host = start(&world).await;
    world.platform.post("a", "m1", "wait 20 please");
    world.platform.post("b", "m2", "hello");
    world.pass(5 * SECOND).await;
    world.engine.kill(S1);
    let before = host.crash.passed();
    world.env.fill_disk(2 * MINUTE);
    world.pass(2 * MINUTE).await;
    let tries = host.crash.passed() - before;
    assert!(tries < 2_000, "{tries} writes and calls in two minutes");
    let text = heard(&world, "a", 5 * MINUTE).await;
    assert!(text.contains("I waited 20 seconds"), "{text}");
    assert_eq!(world.outcomes(S1), [("m1".into(), Some(Outcome::Answered))]);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_usable_folder_is_told_and_spares_the_rest() {
    let world = World::new();
    let host = start(&world).await;
    world.platform.post("a", "m1", "hello");
    world.pass(MINUTE).await;
    host.kill().await;
    let folder = world.layout().session(S1).inbound_dir();
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let _host = start(&world).await;
    world.platform.post("a", "m2", "are you well?");
    world.platform.post("b", "m3", "and you?");
    let text = heard(&world, "b", MINUTE).await;
    assert!(text.contains("and you?"), "{text}");
    let text = heard(&world, "a", 5 * MINUTE).await;
    assert!(text.contains("cannot"), "{text}");
}

/// A container that ruins its own database while it works: its chat is told, and the message is answered.
#[tokio::test(start_paused = true)]
async fn what_a_container_damages_is_set_aside_and_its_chat_is_told() {
    let world = World::new();
    let _host = start(&world).await;
    let paths = world.layout().session(S1);
    world.platform.post("a", "m1", "wait 20 please");
    world.pass(5 * SECOND).await;
    std::fs::write(paths.outbound(), [0x53; 8_192]).unwrap();
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("set that file aside"), "{text}");
    assert!(text.contains("I waited 20 seconds"), "{text}");
    assert_eq!(world.outcomes(S1), [("m1".into(), Some(Outcome::Answered))]);
    assert!(paths.quarantine().join("outbound.db").is_file());
}

/// A bad disk, and no container that could be blamed.
#[tokio::test(start_paused = true)]
async fn a_database_of_a_runner_that_is_found_damaged_stops_no_session() {
    let world = World::new();
    let host = start(&world).await;
    world.platform.post("a", "m1", "hello");
    world.pass(MINUTE).await;
    host.kill().await;
    world.engine.kill(S1);
    std::fs::write(world.layout().session(S1).outbound(), [0x53; 8_192]).unwrap();
    let _host = start(&world).await;
    world.platform.post("a", "m2", "are you well?");
    let text = heard(&world, "a", 2 * MINUTE).await;
    assert!(text.contains("are you well?"), "{text}");
    assert_eq!(world.outcomes(S1)[1], ("m2".into(), Some(Outcome::Answered)));
}

/// The mailbox from the host is a copy: one that is damaged, or of another version, is made again.
#[tokio::test(start_paused = true)]
async fn a_mailbox_of_the_host_that_cannot_be_used_is_made_again() {
    for content in [&b"garbage"[..], &[0x53; 8_192], b""] {
        let world = World::new();
        let _host = start(&world).await;
        world.platform.post("a", "m1", "wait 20 please");
        world.pass(5 * SECOND).await;
        let inbound = world.layout().session(S1).inbound();
        std::fs::remove_file(&inbound).unwrap();
        std::fs::write(&inbound, content).unwrap();
        world.platform.post("a", "m2", "are you well?");
        let text = heard(&world, "a", 2 * MINUTE).await;
        assert!(text.contains("I waited 20") && text.contains("are you well?"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_back_an_hour_delays_nothing() {
    let world = World::new();
    let _host = start(&world).await;
    world.engine.fail_next_starts(&[StartFault::ExitsAtOnce; 2]);
    world.platform.fail_next_sends(&[SendFault::Unreachable]);
    world.platform.post("a", "m1", "hello");
    world.pass(2 * SECOND).await;
    world.clock.jump(-3_600_000);
    let text = heard(&world, "a", MINUTE).await;
    assert!(text.contains("you said \"hello\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_forward_stops_no_container_at_work() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "wait 60 please");
    world.pass(10 * SECOND).await;
    world.clock.jump(3 * 3_600_000);
    world.pass(5 * MINUTE).await;
    assert_eq!(world.engine.log(), ["start s1"]);
    assert_eq!(world.outcomes(S1), [("m1".into(), Some(Outcome::Answered))]);
}

#[tokio::test(start_paused = true)]
async fn what_a_platform_refuses_for_good_is_not_sent_for_ever() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.fail_next_sends(&[SendFault::Refused]);
    world.platform.post("a", "m1", "hello");
    let told = heard(&world, "a", 10 * MINUTE).await;
    assert!(told.starts_with("I couldn't deliver my answer here: "), "{told}");
    assert!(told.contains("`nanoclaw outbox show s1.") && !told.contains('\n'), "{told}");
    world.platform.post("a", "m2", "again");
    assert!(heard(&world, "a", MINUTE).await.contains("again"), "the next one is not held up");
}

/// A platform that takes no text of ours at all: the owner hears of the answer, and of nothing else.
#[tokio::test(start_paused = true)]
async fn what_is_refused_about_a_refused_answer_is_not_told_again() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.fail_next_sends(&[SendFault::Refused; 2]);
    world.platform.post("a", "m1", "hello");
    assert_eq!(heard(&world, "a", 60 * MINUTE).await, "");
    let central = CentralStore::open(&world.layout().central()).unwrap();
    let unreported = central.unreported_dead_letters(10).unwrap().unwrap();
    assert_eq!(unreported.count, 1, "{unreported:?}");
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_out_for_a_night_gets_everything_in_the_morning() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.fail_next_sends(&[SendFault::Unreachable; 600]);
    world.platform.post("a", "m1", "hello");
    assert!(heard(&world, "a", 12 * 60 * MINUTE).await.contains("you said \"hello\""));
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_moves_keeps_its_conversation() {
    let world = World::new();
    let _host = start(&world).await;
    world.platform.post("a", "m1", "count");
    world.pass(10 * SECOND).await;
    world.platform.move_chat("a", "supergroup");
    world.platform.post("supergroup", "m2", "count");
    let text = heard(&world, "supergroup", 10 * SECOND).await;
    assert!(text.contains("number 2"), "{text}");
}
