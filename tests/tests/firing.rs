//! Tasks fire on time and once, say when they are late, and give up in words.

use std::time::Duration;

use actors::sweep::SweepMessage;
use domain::agent::{AgentGroup, DEFAULT_AGENT};
use domain::stop::Scope;
use domain::task::{FireState, Missed, TaskId, TaskState};
use domain::{AgentName, SessionId};
use engine::stopping;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use harness::platform::address;
use schedule::{Rule, Zone};
use store::{CentralStore, Task};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn andy() -> AgentName {
    AgentName::parse(DEFAULT_AGENT).unwrap()
}

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

async fn start(world: &World) -> TestHost {
    world.start(Crash::never()).await
}

/// Adds a task in chat `a`, as an operation does, and has the host look.
fn add(world: &World, host: &TestHost, rule: Rule, missed: Missed, prompt: &str) -> TaskId {
    let (mut central, now) = (central(world), world.now());
    central.add_agent(&AgentGroup::new(andy())).unwrap();
    central.wire(&address("a"), &andy(), now).unwrap();
    let chat = central.chat(&address("a")).unwrap().unwrap().id;
    let task = Task {
        agent: andy(),
        session: None,
        chat,
        thread: None,
        owner: None,
        owner_handle: None,
        created_by: "test".into(),
        prompt: prompt.into(),
        script: None,
        rule,
        zone: Zone::utc(),
        missed,
    };
    let id = central.add_task(&task, now).unwrap();
    host.host.peers.sweep.cast(SweepMessage::Now);
    id
}

fn once(world: &World, after: Duration) -> Rule {
    Rule::Once(world.now() + after)
}

fn every(world: &World, period: Duration) -> Rule {
    Rule::Every { period, from: world.now() }
}

async fn heard(world: &World, time: Duration) -> String {
    world.pass(time).await;
    world.platform.texts("a").join("\n")
}

fn states(world: &World, id: TaskId) -> Vec<FireState> {
    let mut fires = central(world).task_history(id, 1_000).unwrap();
    fires.reverse();
    fires.into_iter().map(|it| it.state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_reminder_comes_at_its_second_and_once() {
    let world = World::new();
    let host = start(&world).await;
    let id = add(&world, &host, once(&world, 95 * SECOND), Missed::Latest, "call mum");
    assert_eq!(heard(&world, 94 * SECOND).await, "");
    let text = heard(&world, 5 * SECOND).await;
    assert_eq!(text, "Reminder: call mum");
    let fire = central(&world).task_history(id, 1).unwrap().remove(0);
    assert_eq!((fire.state, fire.late_by < SECOND), (FireState::Ok, true));
    assert_eq!(fire.result.as_deref(), Some("Reminder: call mum"));
    assert_eq!(heard(&world, 3 * HOUR).await, text);
    assert_eq!(central(&world).task(id).unwrap().unwrap().state, TaskState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_comes_during_a_look_does_not_wait_for_the_next_tick() {
    let world = World::new();
    // Every write takes its time, so that a look does too.
    let host = world.start(Crash::with_jitter(0, 7)).await;
    world.pass(5 * SECOND).await;
    let (mut central, now) = (central(&world), world.now());
    central.add_agent(&AgentGroup::new(andy())).unwrap();
    for (number, chat) in ["a", "b"].into_iter().enumerate() {
        central.wire(&address(chat), &andy(), now).unwrap();
        let task = Task {
            agent: andy(),
            session: None,
            chat: central.chat(&address(chat)).unwrap().unwrap().id,
            thread: None,
            owner: None,
            owner_handle: None,
            created_by: "test".into(),
            // The end of a slot looks at all tasks; this one does not end.
            prompt: if chat == "a" { "wait 600".into() } else { "call mum".into() },
            script: None,
            rule: Rule::Once(
                now + 5 * SECOND + Duration::from_millis(30) * u32::try_from(number).unwrap(),
            ),
            zone: Zone::utc(),
            missed: Missed::Latest,
        };
        central.add_task(&task, now).unwrap();
    }
    host.host.peers.sweep.cast(SweepMessage::Now);
    world.pass(12 * SECOND).await;
    let text = world.platform.texts("b").join("\n");
    assert!(text.contains("Reminder: call mum"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_came_while_nobody_was_there_is_late_and_says_so() {
    let world = World::new();
    let host = start(&world).await;
    let id = add(&world, &host, every(&world, HOUR), Missed::Latest, "stretch");
    host.kill().await;
    world.pass(3 * HOUR + 10 * MINUTE).await;
    let _host = start(&world).await;
    let text = heard(&world, 30 * SECOND).await;
    let mark = "⏰ This ran late. It was due Wed 15 Nov 2023 01:13:20 UTC; 2 times before it were \
                missed.\nReminder: stretch";
    assert_eq!(text, mark);
    assert_eq!(states(&world, id), [FireState::Skipped, FireState::Ok]);
    let text = heard(&world, 50 * MINUTE).await;
    assert!(text.ends_with("\nReminder: stretch") && text.lines().count() == 3, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_sleep_and_a_clock_that_steps_back_fire_nothing_twice() {
    let world = World::new();
    let host = start(&world).await;
    let rule = "*/10 * * * *".parse().unwrap();
    let id = add(&world, &host, rule, Missed::All(24), "drink");
    world.clock.jump(62 * 60_000);
    world.pass(2 * MINUTE).await;
    assert_eq!(states(&world, id), [FireState::Ok; 6]);
    world.clock.jump(-30 * 60_000);
    world.pass(32 * MINUTE).await;
    assert_eq!(states(&world, id).len(), 6, "it waits until the clock is where it was");
    world.pass(2 * MINUTE).await;
    assert_eq!(states(&world, id).len(), 7);
    world.clock.jump(-24 * 3_600_000);
    world.pass(24 * HOUR + 10 * MINUTE).await;
    let text = heard(&world, MINUTE).await;
    let fires = central(&world).task_history(id, 1_000).unwrap();
    let well = fires.iter().filter(|it| it.state == FireState::Ok).count();
    assert_eq!(text.matches("Reminder: drink").count(), well);
    assert!(140 < well, "a day that comes again is fired again, {well}");
}

#[tokio::test(start_paused = true)]
async fn who_wants_it_in_time_or_not_at_all_hears_nothing_of_what_passed() {
    let world = World::new();
    let host = start(&world).await;
    let id = add(&world, &host, every(&world, HOUR), Missed::Skip(5 * MINUTE), "stand up");
    host.kill().await;
    world.pass(2 * HOUR + 30 * MINUTE).await;
    let _host = start(&world).await;
    assert_eq!(heard(&world, 20 * MINUTE).await, "");
    assert_eq!(heard(&world, 11 * MINUTE).await, "Reminder: stand up");
    assert_eq!(states(&world, id), [FireState::Skipped, FireState::Ok]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_again_and_again_gives_up_with_one_word() {
    let world = World::new();
    let host = start(&world).await;
    let id = add(&world, &host, every(&world, 30 * MINUTE), Missed::Latest, "crash");
    let text = heard(&world, 4 * HOUR).await;
    assert_eq!(text, "", "the history is enough as long as it comes again");
    let text = heard(&world, 12 * HOUR).await;
    assert!(text.starts_with("The task t1 (`crash`) failed 5 times in a row"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let row = central(&world).task(id).unwrap().unwrap();
    assert_eq!(row.state, TaskState::Failing);
    assert!(!row.reason.is_empty());
    let failed = states(&world, id).iter().filter(|it| **it == FireState::Failed).count();
    assert_eq!(failed, 5);
    world.platform.post("a", "m1", "hello");
    assert!(heard(&world, 15 * MINUTE).await.contains("hello"), "the chat goes on");
}

#[tokio::test(start_paused = true)]
async fn the_only_time_of_a_task_that_fails_is_reported() {
    let world = World::new();
    let host = start(&world).await;
    add(&world, &host, once(&world, MINUTE), Missed::Latest, "crash");
    let text = heard(&world, 30 * MINUTE).await;
    assert!(text.starts_with("The task t1 (`crash`), due Tue 14 Nov 2023 22:14:20 UTC, failed:"));
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_task_waits_for_a_stopped_agent_and_runs_late() {
    let world = World::new();
    let host = start(&world).await;
    let scope = Scope::Agent(andy());
    let id = add(&world, &host, every(&world, HOUR), Missed::Latest, "stretch");
    stopping::stop(&host.host, &scope, "Ann", "").await;
    assert_eq!(heard(&world, 3 * HOUR + 30 * MINUTE).await, "");
    assert_eq!(states(&world, id), []);
    stopping::resume(&host.host, &[scope], "Ann").await.unwrap();
    let text = heard(&world, 10 * SECOND).await;
    assert!(text.contains("ran late") && text.contains("2 times before it were missed"), "{text}");
    assert_eq!(text.matches("Reminder").count(), 1, "{text}");
    assert_eq!(states(&world, id), [FireState::Skipped, FireState::Ok]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_cut_by_a_stop_is_set_aside_and_no_failure() {
    let world = World::new();
    let host = start(&world).await;
    let id = add(&world, &host, every(&world, HOUR), Missed::Latest, "wait 60");
    world.pass(HOUR + 5 * SECOND).await;
    stopping::stop(&host.host, &Scope::All, "Ann", "").await;
    world.pass(MINUTE).await;
    let fire = central(&world).task_history(id, 1).unwrap().remove(0);
    assert_eq!((fire.state, fire.result.as_deref()), (FireState::Failed, Some("it was stopped")));
    stopping::resume(&host.host, &[Scope::All], "Ann").await.unwrap();
    let text = heard(&world, 2 * HOUR).await;
    assert_eq!(text.matches("I waited").count(), 2, "{text}");
}

/// Three slots of a task may be open; a fourth waits for one of them.
#[tokio::test(start_paused = true)]
async fn a_stop_in_the_chat_lets_a_slot_go_that_waited_for_another() {
    let world = World::new();
    let host = start(&world).await;
    let id = add(&world, &host, every(&world, 2 * MINUTE), Missed::Latest, "wait 600");
    // Between two ticks, which look at the tasks anyway.
    world.pass(8 * MINUTE + 20 * SECOND).await;
    assert_eq!(states(&world, id), [FireState::Running; 3]);
    world.platform.post("a", "stop", "/stop");
    world.pass(10 * SECOND).await;
    let failed = [FireState::Failed; 3];
    let states = states(&world, id);
    assert!(states.starts_with(&failed) && states.len() == 4, "{states:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_written_to_who_is_to_be_left_alone_and_nobody_removed_works() {
    let world = World::new();
    let host = start(&world).await;
    let denied = add(&world, &host, once(&world, MINUTE), Missed::Latest, "one");
    let chat = central(&world).task(denied).unwrap().unwrap().task.chat;
    central(&world).set_denied(chat, Some(world.now())).unwrap();
    world.pass(2 * MINUTE).await;
    assert_eq!(states(&world, denied), [FireState::Failed]);
    central(&world).set_denied(chat, None).unwrap();
    let removed = add(&world, &host, every(&world, MINUTE), Missed::Latest, "two");
    central(&world).remove_agent(&andy(), world.now()).unwrap();
    world.pass(5 * MINUTE).await;
    let row = central(&world).task(removed).unwrap().unwrap();
    assert_eq!((row.state, row.reason.as_str()), (TaskState::Cancelled, "its agent was removed"));
    assert_eq!(states(&world, removed), [FireState::Failed]);
    assert_eq!(world.platform.texts("a").join("\n"), "");
}

#[tokio::test(start_paused = true)]
async fn a_task_and_a_person_do_not_mix() {
    let world = World::new();
    let host = start(&world).await;
    world.platform.post("a", "m1", "wait 10 please");
    add(&world, &host, once(&world, 3 * SECOND), Missed::Latest, "call mum");
    world.pass(4 * SECOND).await;
    world.platform.post("a", "m2", "and you?");
    world.pass(30 * SECOND).await;
    let sent = world.platform.sent();
    let replies: Vec<(&str, bool)> = sent
        .iter()
        .map(|it| (it.reply_to.as_str(), it.content.text() == "Reminder: call mum"))
        .collect();
    assert_eq!(replies, [("m1", false), ("", true), ("m2", false)], "{sent:?}");
    assert_eq!(world.sessions(), [SessionId(1)]);
    assert!(world.all_outcomes().iter().all(|it| it.1.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_conversation_is_gone_is_given_up_after_two_days() {
    let world = World::new();
    let host = start(&world).await;
    let id = add(&world, &host, once(&world, MINUTE), Missed::Latest, "call mum");
    world.platform.post("a", "m1", "hello");
    world.pass(5 * SECOND).await;
    host.kill().await;
    world.pass(2 * MINUTE).await;
    let (mut central, now) = (central(&world), world.now());
    let due = central.due_tasks(now, 10).unwrap().remove(0);
    let task = &due.0.task;
    let plan = schedule::due(&task.rule, &task.zone, task.missed, due.0.accounted_until, now);
    let key = central.fire(&[store::Decided { row: due.0, plan, why: None }], now).unwrap()[0];
    // Its session has no message of it.
    assert!(central.fire_handed_over(key, SessionId(1)).unwrap());
    let _host = start(&world).await;
    world.pass(47 * HOUR).await;
    assert_eq!(states(&world, id), [FireState::Running]);
    world.pass(2 * HOUR).await;
    assert_eq!(states(&world, id), [FireState::Failed]);
}
