//! One session that is wedged, whose container or platform hangs, or that floods its link, disturbs
//! nobody else.

use std::time::Duration;

use actors::sweep::SweepMessage;
use domain::admission::Policy;
use domain::agent::AgentGroup;
use domain::message::{Author, ChatInfo};
use domain::people::{Handle, Role};
use domain::stop::Scope;
use domain::task::Missed;
use domain::{AgentName, Incarnation, SessionId};
use engine::stopping;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use harness::platform::{FakePlatform, NAME, SendFault, TestMessage, address};
use schedule::{Rule, Zone};
use store::{CentralStore, Store, Task, Wiring};
use tokio::io::AsyncWriteExt;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const S1: SessionId = SessionId(1);

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

/// Ann owns the host and is in four groups: andy's `a`, `b` and `g`, ben's `c`. In `g` newcomers have to
/// be allowed.
fn populate(world: &World) {
    let (mut central, now) = (central(world), world.now());
    central.add_agent(&AgentGroup::new(agent("ben"))).unwrap();
    for (chat, name) in [("a", "andy"), ("b", "andy"), ("g", "andy"), ("c", "ben")] {
        let info = ChatInfo { title: chat.into(), is_group: true };
        let row = central.ensure_chat(&address(chat), &info, None, now).unwrap();
        central.set_policy(row.id, Policy::Ask).unwrap();
        central.set_wiring(&Wiring::usual(row.id, agent(name), true)).unwrap();
    }
    let ann = central.add_person(&Handle::new(NAME, "ann"), "Ann", now).unwrap();
    central.grant(ann, &Role::Owner).unwrap();
}

fn say(world: &World, chat: &str, id: &str, text: &str) {
    let message = TestMessage::new(chat, id, text).by("ann", "Ann").in_group(chat).mention();
    world.platform.write(message);
}

/// Presses the button with this label on the last card in a chat.
fn press(world: &World, chat: &str, label: &str) {
    let shown = world.platform.shown();
    let card = shown.iter().rev().find(|it| it.to.chat == chat && !it.buttons.is_empty()).unwrap();
    let button = card.buttons.iter().find(|it| it.label == label).unwrap();
    world.platform.click(&card.id, &button.data, Author::new("ann", "Ann"));
}

fn texts(world: &World, chat: &str) -> String {
    world.platform.texts(chat).join("\n")
}

/// Adds a reminder in chat `c`.
fn remind(world: &World, host: &TestHost, after: Duration, chat: &str, name: &str) {
    let (mut central, now) = (central(world), world.now());
    let task = Task {
        agent: agent(name),
        session: None,
        chat: central.chat(&address(chat)).unwrap().unwrap().id,
        thread: None,
        owner: None,
        owner_handle: None,
        created_by: "test".into(),
        prompt: "call mum".into(),
        script: None,
        rule: Rule::Once(now + after),
        zone: Zone::utc(),
        missed: Missed::Latest,
    };
    central.add_task(&task, now).unwrap();
    host.host.peers.sweep.cast(SweepMessage::Now);
}

/// A session of chat `a` that has a question open, and from now on answers nobody.
async fn wedge(world: &World, host: &TestHost) {
    say(world, "a", "m1", "ask so? yes | no");
    world.pass(5 * SECOND).await;
    assert!(texts(world, "a").contains("so?"), "{}", texts(world, "a"));
    world.engine.hang(S1);
    host.crash.hang_at("a status line");
    say(world, "a", "m2", "are you there?");
    world.pass(20 * SECOND).await;
    assert!(host.crash.hangs());
}

#[tokio::test(start_paused = true)]
async fn a_wedged_session_delays_no_other_chat_approval_or_reminder() {
    let world = World::on(FakePlatform::public());
    let host = world.start(Crash::never()).await;
    populate(&world);
    wedge(&world, &host).await;
    // Its question is answered, and its own reminder comes: both wait for it, and nobody else does.
    press(&world, "a", "yes");
    remind(&world, &host, SECOND, "a", "andy");
    remind(&world, &host, 30 * SECOND, "c", "ben");
    let bob = TestMessage::new("g", "m3", "let me in").by("bob", "Bob").in_group("g").mention();
    world.platform.write(bob);
    say(&world, "b", "m4", "hello");
    world.pass(25 * SECOND).await;
    assert!(texts(&world, "b").contains("you said \"hello\""), "{}", texts(&world, "b"));
    for label in ["Allow…", "Yes, allow"] {
        press(&world, "dm-ann", label);
        world.pass(10 * SECOND).await;
    }
    assert!(texts(&world, "g").contains("let me in"), "{}", texts(&world, "g"));
    assert!(texts(&world, "c").contains("Reminder: call mum"), "{}", texts(&world, "c"));
}

#[tokio::test(start_paused = true)]
async fn a_wedged_session_delays_no_stop_and_no_panic() {
    let world = World::on(FakePlatform::public());
    let host = world.start(Crash::never()).await;
    populate(&world);
    say(&world, "b", "m0", "wait 600");
    world.pass(5 * SECOND).await;
    wedge_second(&world, &host).await;
    let before = world.now();
    let report = stopping::stop(&host.host, &Scope::Agent(agent("ben")), "Ann", "").await;
    assert_eq!(report.trouble, [""; 0]);
    say(&world, "c", "m5", "/panic");
    world.pass(40 * SECOND).await;
    assert!(host.host.stops.stops().all.is_some(), "{}", texts(&world, "c"));
    assert!(!world.engine.is_running(S1), "the other container is gone");
    assert!(world.now().since(before) < MINUTE);
}

/// As [`wedge`], of the second session.
async fn wedge_second(world: &World, host: &TestHost) {
    say(world, "a", "m1", "wait 600");
    world.pass(5 * SECOND).await;
    world.engine.hang(SessionId(2));
    host.crash.hang_at("a status line");
    say(world, "a", "m2", "are you there?");
    world.pass(20 * SECOND).await;
    assert!(host.crash.hangs());
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_never_answers_about_one_approver_delays_no_other_question() {
    let world = World::on(FakePlatform::public());
    let _host = world.start(Crash::never()).await;
    populate(&world);
    world.platform.hang_direct("ann");
    for (chat, by) in [("g", "bob"), ("b", "eve")] {
        let message = TestMessage::new(chat, by, "let me in").by(by, by).in_group(chat).mention();
        world.platform.write(message);
    }
    say(&world, "a", "m1", "ask so? yes | no");
    // Less than the platform is given for its answer.
    world.pass(4 * SECOND).await;
    assert!(texts(&world, "a").contains("so?"), "{}", texts(&world, "a"));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_hangs_delays_no_other_chat() {
    let world = World::on(FakePlatform::public());
    let _host = world.start(Crash::never()).await;
    populate(&world);
    world.platform.fail_next_sends(&[SendFault::Hangs]);
    say(&world, "a", "m1", "hello");
    world.pass(2 * SECOND).await;
    say(&world, "b", "m2", "hello");
    world.pass(2 * SECOND).await;
    assert!(texts(&world, "b").contains("you said \"hello\""), "{}", texts(&world, "b"));
}

/// The most that this process has needed of memory, in KiB. Only with one test per process.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_wake_ups_costs_no_memory_and_no_answer() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "hello");
    world.pass(5 * SECOND).await;
    let link = world.layout().session(S1).link(Incarnation(1));
    let mut notify_stream = world.engine.open_notify_stream(link).await;
    let before = peak();
    let flood = async {
        let lines = "look\n".repeat(1_000);
        for _ in 0..3_000 {
            notify_stream.write_all(lines.as_bytes()).await.unwrap();
        }
    };
    let others = async {
        world.platform.post("a", "m2", "and now?");
        world.platform.post("b", "m3", "hello");
        world.pass(5 * SECOND).await;
        assert!(texts(&world, "a").contains("you said \"and now?\""), "{}", texts(&world, "a"));
        assert!(texts(&world, "b").contains("you said \"hello\""), "{}", texts(&world, "b"));
    };
    tokio::join!(others, flood);
    let grown = peak() - before;
    assert!(grown < 40 * 1024, "{grown} KiB");
    world.platform.post("a", "m4", "still there?");
    world.pass(5 * SECOND).await;
    assert!(texts(&world, "a").contains("still there?"));
}

/// More requests than an agent can have open, as if each had been answered before the next one came.
#[tokio::test(start_paused = true)]
async fn an_agent_that_asks_without_end_waits_between_its_requests() {
    let world = World::on(FakePlatform::public());
    let _host = world.start(Crash::never()).await;
    populate(&world);
    say(&world, "a", "m1", "hello");
    world.pass(5 * SECOND).await;
    let asked =
        "WITH RECURSIVE n (seq) AS (SELECT 1001 UNION SELECT seq + 2 FROM n WHERE seq < 1119)
                 INSERT INTO request (session, seq, cause, form, text, asked_at)
                 SELECT 1, seq, 2, 'admin', 'chats list', 0 FROM n";
    assert_eq!(central(&world).connection().execute(asked, []).unwrap(), 60);
    let answered = || {
        let sql = "SELECT count(*) FROM request WHERE state = 'answered'";
        central(&world).connection().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    say(&world, "a", "m2", "hello");
    world.pass(2 * SECOND).await;
    assert!((20..=30).contains(&answered()), "{}", answered());
    assert_eq!(
        world.platform.texts("a").len(),
        2,
        "its answers wait for nothing: {}",
        texts(&world, "a")
    );
    world.pass(10 * SECOND).await;
    assert_eq!(answered(), 60);
}
