//! The sender of a message that goes nowhere hears so, if it engaged an agent, once, also after a
//! crash.

use std::time::Duration;

use channel::Verdict;
use domain::AgentName;
use domain::message::{Address, ChatInfo};
use domain::outgoing::Caps;
use domain::people::{Handle, Role};
use harness::crash::Crash;
use harness::host::World;
use harness::platform::PUBLIC;
use harness::platform::{FakePlatform, NAME, TestMessage, address};
use store::reading::PartFilter;
use store::{CentralStore, Store, Wiring};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

/// Andy answers in a group when he is called; Ann owns the host and Bob is not known.
fn home(world: &World) {
    let info = ChatInfo { title: "Family".into(), is_group: true };
    let mut central = central(world);
    let chat = central.ensure_chat(&address("g"), &info, None, world.now()).unwrap().id;
    let andy = AgentName::parse("andy").unwrap();
    central.set_wiring(&Wiring::usual(chat, andy, true)).unwrap();
    let ann = central.add_person(&Handle::new(NAME, "ann"), "Ann", world.now()).unwrap();
    central.grant(ann, &Role::Owner).unwrap();
}

fn say(chat: &str, id: &str, text: &str) -> TestMessage {
    TestMessage::new(chat, id, text).in_group("Family")
}

/// A poll, a checklist and the like come without a text.
#[tokio::test(start_paused = true)]
async fn only_who_engages_an_agent_hears_that_a_message_is_empty() {
    let world = World::on(FakePlatform::public());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(say("elsewhere", "m1", "").by("bob", "Bob"));
    world.platform.write(say("g", "m2", "").by("bob", "Bob"));
    world.platform.write(say("g", "m3", "").by("bob", "Bob").mention());
    world.platform.write(TestMessage::new("dm", "m4", "").by("bob", "Bob"));
    world.platform.write(say("g", "m5", ""));
    world.pass(MINUTE).await;
    assert!(world.platform.sent().is_empty(), "{:?}", world.platform.sent());
    for id in ["m6", "m7", "m8"] {
        world.platform.write(say("g", id, " ").mention());
        world.pass(5 * SECOND).await;
    }
    let texts = world.platform.texts("g");
    assert_eq!(texts, ["the message is empty; write something"], "once a minute");
    world.pass(MINUTE).await;
    world.platform.write(say("g", "m9", " ").mention());
    world.pass(5 * SECOND).await;
    assert_eq!(world.platform.texts("g").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_after_a_refusal_still_tells_it_and_once() {
    for at in 1..=14 {
        let world = World::on(FakePlatform::public());
        let host = world.start(Crash::never()).await;
        home(&world);
        host.kill().await;
        let host = world.start(Crash::at(at)).await;
        world.platform.write(say("g", "m1", " ").mention());
        world.pass(20 * SECOND).await;
        host.kill().await;
        let _host = world.start(Crash::never()).await;
        world.pass(MINUTE).await;
        let texts = world.platform.texts("g");
        let told = texts.iter().filter(|it| it.contains("is empty")).count();
        assert!((1..=2).contains(&told), "crash at {at}: {texts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_writer_of_a_context_message_does_not_hear_that_a_session_is_damaged() {
    let world = World::on(FakePlatform::public());
    let host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(say("g", "m1", "hello").mention());
    world.pass(MINUTE).await;
    host.kill().await;
    let session = world.sessions()[0];
    let folder = world.layout().session(session).inbound_dir();
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let host = world.start(Crash::never()).await;
    let before = world.platform.texts("g").len();
    assert!(world.engine.is_running(session), "an earlier host left it");
    world.platform.write(say("g", "m2", "just between us"));
    world.pass(MINUTE).await;
    assert!(!world.engine.is_running(session), "nobody looks after it any more");
    assert_eq!(host.host.container_slots.taken(), 0, "and nobody waits for its slot");
    assert_eq!(world.platform.texts("g").len(), before, "{:?}", world.platform.texts("g"));
    world.platform.write(say("g", "m3", "are you well?").mention());
    world.pass(MINUTE).await;
    let texts = world.platform.texts("g");
    assert!(texts.len() == before + 1 && texts[before].contains("out of service"), "{texts:?}");
    // Mended, it is looked at again when its time is over, and not before.
    std::fs::remove_file(&folder).unwrap();
    world.platform.write(say("g", "m4", "and now?").mention());
    world.pass(MINUTE).await;
    let texts = world.platform.texts("g");
    assert!(!texts.concat().contains("and now?"), "{texts:?}");
    world.pass(host.host.policy.session.park_for).await;
    let texts = world.platform.texts("g");
    assert!(texts.concat().contains("and now?"), "{texts:?}");
}

/// As many messages as may wait in a session, do: copies of its first one, for the provider.
fn fill_queue(world: &World) {
    let fill = "WITH RECURSIVE n (seq) AS
                    (SELECT 1000 UNION ALL SELECT seq + 2 FROM n WHERE seq < 10998)
                INSERT INTO message (session, seq, channel, account, chat, platform_id, sender_id,
                    received_at, not_before, told, wait, body)
                SELECT m.session, n.seq, m.channel, m.account, m.chat, 'x' || n.seq, m.sender_id,
                    ?1, ?1, 1, json_object('class', 'limit', 'since', ?1, 'until', ?1 + 3600000,
                        'count', 1, 'known', json('true')), m.body
                FROM n, message m WHERE m.session = 1 AND m.seq = 2";
    assert_eq!(central(world).connection().execute(fill, [world.now().0]).unwrap(), 5_000);
}

#[tokio::test(start_paused = true)]
async fn who_writes_to_a_full_queue_is_told_once_where_it_is_read() {
    let world = World::on(FakePlatform::public());
    let _host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(say("g", "m1", "hello").mention());
    world.pass(MINUTE).await;
    let before = world.platform.texts("g").len();
    fill_queue(&world);
    for id in ["m2", "m3"] {
        world.platform.write(say("g", id, "and now?").mention());
    }
    world.pass(5 * SECOND).await;
    let texts = world.platform.texts("g");
    assert!(texts.len() == before + 1, "{texts:?}");
    assert!(texts[before].contains("5000 messages wait"), "{texts:?}");
    assert_refused(&world, &["m2", "m3"]);
}

/// Who posted there was told that it is taken.
#[tokio::test(start_paused = true)]
async fn owners_hear_once_of_what_is_lost_where_its_sender_cannot_be_told() {
    let world = World::on(FakePlatform::public());
    let host = world.start(Crash::never()).await;
    home(&world);
    world.platform.write(say("g", "m1", "hello").mention());
    world.pass(MINUTE).await;
    fill_queue(&world);
    let elsewhere = Address { account: "other".into(), ..address("ann") };
    central(&world).ensure_chat(&elsewhere, &Default::default(), Some("ann"), world.now()).unwrap();
    let caps = host.host.caps_of(&address("g"));
    let (account, mute) = (address("g").account, Caps { mute: true, ..caps });
    host.host.caps.connected(NAME, &account, mute);
    for id in ["m2", "m3"] {
        world.platform.write(say("g", id, "and now?").mention());
    }
    world.pass(5 * SECOND).await;
    assert_refused(&world, &["m2", "m3"]);
    let sql = "SELECT count(*), min(chat), min(text) FROM part WHERE account = 'other'";
    let central = central(&world);
    let read = central.connection().query_row(sql, [], |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    });
    let said = read.unwrap();
    assert!(said.0 == 1 && said.1 == "ann" && said.2.contains(":g` are lost"), "{said:?}");
    assert_eq!(central.dropped().unwrap()[0].count, 2);
}

/// A webhook answers with it as well.
#[tokio::test(start_paused = true)]
async fn where_a_sender_waits_for_the_verdict_it_says_that_the_queue_is_full() {
    let world = World::new();
    let _host = world.start(Crash::never()).await;
    world.platform.post("a", "m1", "hello");
    world.pass(MINUTE).await;
    let before = world.platform.texts("a");
    fill_queue(&world);
    world.platform.post("a", "m2", "and now?");
    world.pass(5 * SECOND).await;
    assert_eq!(world.platform.texts("a"), before, "nothing beside the verdict");
    assert_refused(&world, &["m2"]);
}

fn assert_refused(world: &World, ids: &[&str]) {
    let refused = Verdict::Refused(domain::texts::notices::queue_full());
    let verdicts = world.platform.verdicts();
    for id in ids {
        let verdict = verdicts.iter().find(|it| it.0 == *id).map(|it| &it.1);
        assert_eq!(verdict, Some(&refused), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_hears_that_a_command_could_not_be_stored() {
    let world = World::on(FakePlatform::public());
    let host = world.start(Crash::never()).await;
    home(&world);
    host.crash.disk_full_at("a message");
    world.platform.write(say("g", "m1", "/status"));
    world.pass(20 * SECOND).await;
    let texts = world.platform.texts("g");
    assert!(texts.concat().contains("the disk is full"), "{texts:?}");
}

/// Nobody can be asked either: the host has no owner.
#[tokio::test(start_paused = true)]
async fn nothing_is_said_to_a_chat_that_cannot_be_told_anything() {
    let world = World::on(FakePlatform::with_caps(Caps { mute: true, ..PUBLIC }));
    let _host = world.start(Crash::never()).await;
    for n in 0..40 {
        let (chat, who) = (format!("hook{n}"), format!("program{n}"));
        let event = TestMessage::new(&chat, &format!("e{n}"), "the build failed");
        world.platform.write(event.in_group("Builds").by(&who, &who).mention());
    }
    world.pass(2 * 60 * MINUTE).await;
    let central = central(&world);
    assert!(!central.unsettled().unwrap().is_empty(), "it is asked, once somebody can be");
    assert_eq!(central.parts(PartFilter::All).unwrap(), []);
    assert!(central.unasked().unwrap().is_some(), "more than are asked about");
}
