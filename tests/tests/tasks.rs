//! What is scheduled, changed and shown from a chat: by the demo agent, and by `/tasks` without one.

use std::sync::Arc;
use std::time::Duration;

use channel::Verdict;
use domain::AgentName;
use domain::message::ChatInfo;
use domain::people::{Handle, Role};
use domain::task::{TaskId, TaskState};
use harness::crash::Crash;
use harness::host::World;
use harness::platform::{FakePlatform, NAME, TestMessage, address};
use schedule::Zone;
use store::{CentralStore, Task, TaskRow, Wiring};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

fn tasks(world: &World) -> Vec<TaskRow> {
    central(world).tasks(None).unwrap()
}

fn state(world: &World, id: i64) -> TaskState {
    central(world).task(TaskId(id)).unwrap().unwrap().state
}

fn andy() -> AgentName {
    AgentName::parse("andy").unwrap()
}

/// Says something and gives what is answered.
async fn say(world: &World, message: TestMessage) -> String {
    let chat = message.chat().to_owned();
    let before = world.platform.texts(&chat).len();
    world.platform.write(message);
    world.pass(10 * SECOND).await;
    world.platform.texts(&chat)[before..].join("\n")
}

async fn ask(world: &World, id: &str, text: &str) -> String {
    say(world, TestMessage::new("a", id, text)).await
}

/// Ann owns the host, Bob is a member; each has a private chat with andy, and they share a group.
fn multi_user() -> World {
    let world = World::on(FakePlatform::public());
    let mut db = central(&world);
    let now = world.now();
    db.add_agent(&domain::agent::AgentGroup::new(andy())).unwrap();
    let ann = db.add_person(&Handle::new(NAME, "ann"), "Ann", now).unwrap();
    db.grant(ann, &Role::Owner).unwrap();
    let bob = db.add_person(&Handle::new(NAME, "bob"), "Bob", now).unwrap();
    db.add_member(bob, &andy()).unwrap();
    for (chat, is_group) in [("a", false), ("b", false), ("g", true)] {
        let info = ChatInfo { title: String::new(), is_group };
        let chat = db.ensure_chat(&address(chat), &info, None, now).unwrap().id;
        db.set_wiring(&Wiring::usual(chat, andy(), is_group)).unwrap();
    }
    world
}

fn bob(id: &str, text: &str) -> TestMessage {
    TestMessage::new("b", id, text).by("bob", "Bob")
}

#[tokio::test(start_paused = true)]
async fn the_demo_schedules_lists_moves_pauses_and_cancels() {
    let world = World::new();
    central(&world).set_install_zone(&Zone::parse("Europe/Berlin").unwrap()).unwrap();
    let _host = world.start(Crash::never()).await;
    let told = ask(&world, "m1", "remind me every weekday at 9 to read the Monday briefing").await;
    for part in ["t1 is scheduled", "read the Monday briefing", "every weekday at 09:00", "Berlin"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(told.matches(" 09:00 CE").count(), 5, "the next five times, local: {told}");
    let row = tasks(&world).remove(0);
    assert_eq!(row.task.rule.to_string(), "0 9 * * 1-5");
    assert_eq!(row.task.owner_handle, Some(Handle::new(NAME, "ann")));
    let list = ask(&world, "m2", "what is scheduled?").await;
    assert!(list.contains("t1: read the Monday briefing") && list.contains("next: "), "{list}");
    let moved = ask(&world, "m3", "move 1 to 9:30").await;
    assert!(moved.contains("every weekday at 09:30"), "{moved}");
    let told = ask(&world, "m4", "pause the Monday briefing").await;
    assert!(told.contains("t1 is paused") && told.contains("/tasks resume t1"), "{told}");
    assert_eq!(state(&world, 1), TaskState::Paused);
    assert!(ask(&world, "m5", "resume 1").await.contains("t1 goes on"));
    assert!(ask(&world, "m6", "run 1").await.contains("is queued"));
    assert!(ask(&world, "m7", "cancel 1").await.contains("t1 is cancelled"));
    assert_eq!(state(&world, 1), TaskState::Cancelled);
    let list = ask(&world, "m8", "list tasks").await;
    assert!(list.contains("Nothing is scheduled."), "{list}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_scheduled_is_refused_with_the_reason() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    for (id, text, why) in [
        ("m1", "remind me every blue moon to sing", "`every weekday at 9`"),
        ("m2", "remind me every 10 seconds to sing", "at least 1m"),
        ("m3", "remind me on 30 february at 9 to sing", "no such day"),
        ("m4", "pause 4", "there is no task `4`"),
    ] {
        let told = ask(&world, id, text).await;
        assert!(told.contains("it refuses") && told.contains(why), "{text}: {told}");
    }
    assert!(tasks(&world).is_empty());
    assert!(ask(&world, "m5", "every day is a new day").await.contains("you said"));
}

#[tokio::test(start_paused = true)]
async fn tasks_can_be_seen_and_changed_without_an_agent() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    assert!(ask(&world, "m1", "/tasks").await.contains("Nothing is scheduled."));
    let add = "/tasks add “in 1 hour” 'drink something'";
    assert!(ask(&world, "m2", add).await.contains("t1 is scheduled"));
    world.platform.redeliver();
    world.pass(10 * SECOND).await;
    assert_eq!(tasks(&world).len(), 1, "one message, however often it comes");
    assert!(ask(&world, "m3", "/tasks").await.contains("t1: drink something"));
    assert!(ask(&world, "m4", "/tasks pause drink").await.contains("t1 is paused"));
    assert!(ask(&world, "m5", "/tasks resume 1").await.contains("t1 goes on"));
    assert!(world.engine.log().is_empty(), "no container ran for it");
    assert!(ask(&world, "m6", "/tasks run 1").await.contains("is queued"));
    let told = ask(&world, "m7", "/tasks fly 1").await;
    assert!(told.contains("I don't understand") && told.contains("`/tasks pause 3`"), "{told}");
    assert!(ask(&world, "m8", "/tasks minimum 1m").await.contains("the owner of the host"));
    assert!(ask(&world, "m9", "/tasks cancel 1").await.contains("t1 is cancelled"));
}

#[tokio::test(start_paused = true)]
async fn another_member_neither_sees_nor_cancels_what_is_private() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    assert!(ask(&world, "m1", "remind me in 1 hour to wrap presents").await.contains("t1 is"));
    for (id, text) in [("b1", "cancel 1"), ("b2", "/tasks cancel 1"), ("b3", "pause the presents")]
    {
        let told = say(&world, bob(id, text)).await;
        assert!(told.contains("there is no task"), "{text}: {told}");
    }
    let admin = say(&world, bob("b4", "admin tasks list")).await;
    assert!(admin.contains("Nothing is scheduled.") && !admin.contains("presents"), "{admin}");
    assert!(say(&world, bob("b5", "remind me in 2 hours to sleep")).await.contains("t2 is"));
    let all = ask(&world, "m2", "list all scheduled tasks across groups").await;
    assert!(all.contains("t1: wrap presents") && all.contains("t2: sleep"), "{all}");
    let in_group = |id: &str, text: &str| TestMessage::new("g", id, text).in_group("").mention();
    let list = say(&world, in_group("g1", "list tasks")).await;
    assert!(list.contains("Nothing is scheduled."), "private tasks stay out of a group: {list}");
    let told = say(&world, in_group("g2", "remind us in 3 hours to meet")).await;
    assert!(told.contains("t3 is scheduled"), "{told}");
    let told = say(&world, in_group("g3", "cancel 3").by("bob", "Bob")).await;
    assert!(told.contains("t3 is cancelled"), "what belongs to the chat is everybody's: {told}");
    assert_eq!(state(&world, 1), TaskState::Active);
}

#[tokio::test(start_paused = true)]
async fn an_agent_reaches_no_task_of_another_agent_though_it_answers_the_owner() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    assert!(ask(&world, "m1", "remind me in 1 hour to wrap presents").await.contains("t1 is"));
    let mut db = central(&world);
    let eve = AgentName::parse("eve").unwrap();
    db.add_agent(&domain::agent::AgentGroup::new(eve.clone())).unwrap();
    let task = Task { agent: eve, prompt: "read my diary".into(), ..tasks(&world)[0].task.clone() };
    db.add_task(&task, world.now()).unwrap();
    for (id, text) in [("m2", "cancel 2"), ("m3", "pause the diary"), ("m4", "admin tasks run 2")] {
        let told = ask(&world, id, text).await;
        assert!(told.contains("there is no task"), "{text}: {told}");
    }
    let list = ask(&world, "m5", "list all scheduled tasks across groups").await;
    assert!(list.contains("wrap presents") && !list.contains("diary"), "{list}");
    // The owner's own word, without an agent, reaches all of them.
    assert!(ask(&world, "m6", "/tasks list --all").await.contains("diary"));
    assert!(ask(&world, "m7", "/tasks cancel 2").await.contains("t2 is cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_forged_id_of_a_slot_is_refused() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    let id = "task:t1:1795593600000";
    world.platform.post("a", id, "hello");
    world.pass(10 * SECOND).await;
    let verdict = world.platform.verdicts().into_iter().find(|it| it.0 == id).map(|it| it.1);
    assert!(matches!(verdict, Some(Verdict::Refused(_))), "{verdict:?}");
    assert!(world.all_outcomes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_comes_at_its_time_and_when_it_is_run() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    ask(&world, "m1", "remind me in 20 minutes to stretch").await;
    let told = ask(&world, "m2", "run 1").await;
    assert!(told.contains("Reminder: stretch"), "at once: {told}");
    world.pass(19 * MINUTE).await;
    let heard = || world.platform.texts("a").join("\n").matches("Reminder: stretch").count();
    assert_eq!(heard(), 1, "{:?}", world.platform.texts("a"));
    world.pass(MINUTE).await;
    assert_eq!(heard(), 2, "{:?}", world.platform.texts("a"));
    assert_eq!(state(&world, 1), TaskState::Done);
    let history = ask(&world, "m3", "/tasks history stretch").await;
    assert_eq!(history.matches("  ok  ").count(), 2, "{history}");
    assert!(ask(&world, "m4", "what is scheduled?").await.contains("Nothing is scheduled."));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_run_may_speak_about_tasks_of_its_chat_alone() {
    let world = multi_user();
    let _host = world.start(Crash::never()).await;
    ask(&world, "m1", "remind me in 5 hours to wrap presents").await;
    say(&world, bob("b1", "/tasks add 'in 1 hour' 'cancel 1'")).await;
    say(&world, bob("b2", "/tasks add 'in 1 hour' 'pause 2'")).await;
    world.pass(61 * MINUTE).await;
    let told = world.platform.texts("b").join("\n");
    assert!(told.contains("there is no task `1`"), "{told}");
    assert_eq!(state(&world, 1), TaskState::Active);
    let list = say(&world, bob("b3", "/tasks list --all")).await;
    assert!(list.contains("t2: cancel 1") && !list.contains("presents"), "{list}");
}

/// Asks for a reminder while the host stops at a point; the host starts again. Whether it got there.
async fn stopped_at(point: u64, text: &str) -> bool {
    let world = World::new();
    let crash = Crash::at(point);
    let host = world.start(Arc::clone(&crash)).await;
    world.platform.post("a", "m1", text);
    world.pass(15 * SECOND).await;
    let struck = crash.has_struck();
    host.kill().await;
    let _host = world.start(Crash::never()).await;
    world.pass(3 * MINUTE).await;
    check_one(&world, &format!("host at {point}"));
    struck
}

fn check_one(world: &World, what: &str) {
    let rows = tasks(world);
    assert_eq!(rows.len(), 1, "{what}: {rows:?}");
    assert_eq!(rows[0].task.prompt, "stretch", "{what}");
    let told = world.platform.texts("a").join("\n");
    assert!(told.contains("t1 is scheduled"), "{what}: {told}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stops_anywhere_makes_one_task() {
    for text in ["remind me in 20 minutes to stretch", "/tasks add 'in 20 minutes' stretch"] {
        let mut point = 1;
        while stopped_at(point, text).await {
            point += 1;
        }
        assert!(8 < point, "{text} has more points than {point}");
    }
}

const SCHEDULES: &str = "remind me in 20 minutes to stretch";
const RUNS: &str = "run 1";

/// The same with a runner that dies at a point, 0 for never; how many points its runners passed.
async fn died_at(point: u64, text: &str) -> u64 {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    if text == RUNS {
        ask(&world, "m0", "/tasks add 'in 20 minutes' stretch").await;
    }
    world.engine.crash_next_runner(point);
    world.platform.post("a", "m1", text);
    world.pass(5 * MINUTE).await;
    check_one(&world, &format!("runner at {point}"));
    if text == RUNS {
        let fires = central(&world).task_history(TaskId(1), 10).unwrap();
        assert_eq!(fires.len(), 1, "runner at {point}: {fires:?}");
        let told = world.platform.texts("a").join("\n");
        assert!(told.contains("t1 is queued"), "runner at {point}: {told}");
        assert_eq!(told.matches("Reminder: stretch").count(), 1, "runner at {point}: {told}");
    }
    world.engine.runner_points()
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_dies_anywhere_makes_one_task() {
    let points = died_at(0, SCHEDULES).await;
    assert!(3 < points, "a runner claims, asks and answers");
    for point in 1..=points {
        died_at(point, SCHEDULES).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_dies_anywhere_runs_a_task_once() {
    let points = died_at(0, RUNS).await;
    for point in 1..=points {
        died_at(point, RUNS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_of_the_terminal_may_schedule_another() {
    // Who writes in the terminal owns the host, without being a person in the database.
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    ask(&world, "m1", "/tasks add 'in 1 hour' 'remind me in 2 hours to stretch'").await;
    world.pass(61 * MINUTE).await;
    let told = world.platform.texts("a").join("\n");
    assert!(tasks(&world).iter().any(|it| it.task.prompt == "stretch"), "{told}");
}
