//! A whole host behind its door: what a sender was told to be taken is accepted after any stop, once.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use channel::door::Door;
use channel::spool::Spool;
use domain::AgentName;
use domain::admission::{Policy, Scope};
use domain::engage::Engage;
use domain::message::{Address, ChatInfo};
use engine::spool::AccountSpool;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use store::{AccountRow, CentralStore, Wiring};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::rig::{SECRET, sign};

const BODY: &str = "{\"title\":\"disk full\"}";

fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

/// Andy hears what is posted to `webhook:ci`.
async fn world() -> World {
    let mut world = World::new();
    world.engine.slow_down(Duration::ZERO);
    world.others = vec![channel::registration(webhook::NAME).unwrap()];
    world.credential = SECRET.into();
    fs::create_dir_all(world.layout().run()).unwrap();
    // What set-up leaves behind.
    world.start(Crash::never()).await.kill().await;
    let (mut central, now) = (central(&world), world.now());
    let (channel, name) = (webhook::NAME.to_owned(), "main".to_owned());
    let row = AccountRow::new(&channel, &name, now);
    central.put_account(&row).unwrap();
    let (channel, account) = (row.channel, row.name);
    let at = Address { channel, account, chat: "ci".into(), thread: None };
    let info = ChatInfo { is_group: true, ..ChatInfo::default() };
    let chat = central.ensure_chat(&at, &info, None, now).unwrap().id;
    central.set_policy(chat, Policy::Public).unwrap();
    let wiring = Wiring::usual(chat, AgentName::parse("andy").unwrap(), true);
    let engage = Engage::Pattern(".".into());
    central.set_wiring(&Wiring { engage, scope: Scope::All, ..wiring }).unwrap();
    world
}

async fn door(host: &TestHost, world: &World) -> Door {
    let door = host.host.door.of(webhook::NAME, "main");
    while door.address().await.is_none() {
        world.pass(Duration::from_millis(100)).await;
    }
    door
}

async fn post(door: &Door) -> u16 {
    let (mut sender, stream) = duplex(64 * 1024);
    let head = format!(
        "POST /in/webhook/main/ci HTTP/1.1\r\nHost: x\r\nX-GitHub-Delivery: d-1\r\n\
         X-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n{BODY}",
        sign(SECRET, BODY.as_bytes()),
        BODY.len()
    );
    let talk = async {
        sender.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        sender.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    };
    let (told, ()) = tokio::join!(talk, door.serve(stream, [127, 0, 0, 1].into()));
    told
}

/// How often the agent was given the event, and what it was told.
fn given(world: &World) -> Vec<String> {
    let central = central(world);
    let of = |it: store::SessionRow| central.rows(it.id).outcomes().unwrap();
    let all = central.sessions().unwrap().into_iter().flat_map(of);
    all.map(|it| it.0).filter(|it| it == "d-1").collect()
}

/// Posts an event to a host that stops at a point, and says whether it was reached, and what the sender
/// was told.
async fn stopped_at(point: &str) -> (bool, u16) {
    let world = world().await;
    let crash = Crash::at_name(point, 1);
    let host = world.start(crash.clone()).await;
    let told = post(&door(&host, &world).await).await;
    world.pass(Duration::from_secs(20)).await;
    host.kill().await;
    let host = world.start(Crash::never()).await;
    let door = door(&host, &world).await;
    world.pass(Duration::from_secs(20)).await;
    if told == 202 {
        assert_eq!(given(&world).len(), 1, "{point}: it was acknowledged");
    }
    // Its sender comes again, which did not hear, or does not believe it.
    assert_eq!(post(&door).await, 202, "{point}");
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(given(&world).len(), 1, "{point}");
    (crash.has_struck(), told)
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_is_accepted_once_wherever_the_host_is_stopped() {
    for (point, want) in [
        ("before spool a request", 503),
        ("after spool a request", 503),
        ("before a message", 202),
        ("after a message", 202),
        ("before forget what was accepted", 202),
        ("after forget what was accepted", 202),
    ] {
        let (was_reached, told) = stopped_at(point).await;
        assert!(was_reached, "{point} was never reached");
        assert_eq!(told, want, "{point}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_to_the_sender_and_the_template_is_that_of_the_chat() {
    let world = world().await;
    let host = world.start(Crash::never()).await;
    let door = door(&host, &world).await;
    host.crash.disk_full_at("spool a request");
    assert_eq!(post(&door).await, 503);
    assert_eq!(given(&world), [""; 0]);
    host.kill().await;
    let host = world.start(Crash::never()).await;
    let door = self::door(&host, &world).await;
    let store = central(&world);
    let chat = store.chats().unwrap().into_iter().find(|it| it.address.chat == "ci").unwrap().id;
    assert!(store.set_template(chat, Some("Alarm: {title}!")).unwrap());
    let spool = AccountSpool {
        central: host.host.central.clone(),
        clock: Arc::clone(&host.host.clock),
        channel: webhook::NAME,
        account: "main".into(),
    };
    assert_eq!(spool.template("ci").await.unwrap().as_deref(), Some("Alarm: {title}!"));
    assert_eq!(spool.template("other").await.unwrap(), None);
    assert_eq!(post(&door).await, 202);
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(given(&world).len(), 1);
}
