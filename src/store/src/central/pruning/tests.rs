//! What the central database forgets.

use std::time::Duration;

use domain::AgentName;
use domain::admission::Policy;
use domain::agent::AgentGroup;
use domain::delivery::by_hand::HostKey;
use domain::delivery::{PartKey, Verdict};
use domain::message::{Address, ChatInfo};
use domain::people::Handle;
use domain::retention::{Retention, due_before};
use domain::time::Timestamp;

use super::*;
use crate::Wiring;
use crate::outbox::{Draft, NewPart, PartKind};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn central() -> (tempfile::TempDir, CentralStore) {
    let dir = tempfile::tempdir().unwrap();
    let central = CentralStore::open(&dir.path().join("central.db")).unwrap();
    (dir, central)
}

fn said(central: &mut CentralStore, key: &str, sent: bool) {
    let part = NewPart {
        key: PartKey(key.into()),
        to: Address { channel: "cli".into(), chat: key.into(), ..Address::default() },
        reply_to: String::new(),
        kind: PartKind::Notice,
        content: Draft::Text("x".into()),
    };
    central.say(&part, NOW).unwrap();
    if sent {
        let key = HostKey { session: None, part: part.key };
        central.claim_parts(std::slice::from_ref(&key), NOW).unwrap();
        let verdict = Verdict::Sent { platform_id: "p".into() };
        central.conclude_parts(&[(key, verdict)], NOW).unwrap();
    }
}

#[test]
fn what_was_said_a_month_ago_goes_unless_a_card_shows_it_or_it_waits() {
    let (_dir, mut central) = central();
    for key in ["old", "shown"] {
        said(&mut central, key, true);
    }
    said(&mut central, "waits", false);
    central
        .conn
        .execute_batch(
            "INSERT INTO question (id, kind, text, options, asked_at, expires_at)
                 VALUES (1, 'chat', '', '[]', 0, 0);
             INSERT INTO question_card VALUES (1, 0, NULL, 'cli', '', '', NULL, 'shown', 0);",
        )
        .unwrap();
    let mut prune = |days: u32| {
        central.prune(Retention::default().cutoffs(Timestamp((NOW + DAY * days).0 + 1))).unwrap()
    };
    assert_eq!((prune(29), prune(30), prune(30)), (0, 1, 0));
    let has = |central: &CentralStore, key: &str| central.has_said(&PartKey(key.into())).unwrap();
    assert!(has(&central, "shown") && has(&central, "waits") && !has(&central, "old"));
    let settle =
        format!("UPDATE question SET state = 'expired', settled_at = {} WHERE id = 1", NOW.0);
    central.conn.execute(&settle, []).unwrap();
    let cutoffs = Retention::default().cutoffs(NOW + DAY * 31);
    assert_eq!(central.prune(cutoffs).unwrap(), 2, "the card's part and the question");
}

#[test]
fn chats_of_unknown_users_go_after_a_month_and_others_stay() {
    let (_dir, mut central) = central();
    let ann = Handle::new("cli", "ann");
    central.add_person(&ann, "Ann", NOW).unwrap();
    let agent = AgentGroup::new(AgentName::parse("andy").unwrap());
    central.add_agent(&agent).unwrap();
    let mut chat = |name: &str, peer: Option<&str>| {
        let at = Address { channel: "cli".into(), chat: name.into(), ..Address::default() };
        central.ensure_chat(&at, &ChatInfo::default(), peer, NOW).unwrap().id
    };
    let ids = [
        chat("eve", Some("eve")),
        chat("ann", Some("ann")),
        chat("denied", None),
        chat("public", None),
        chat("wired", None),
    ];
    central.set_denied(ids[2], Some(NOW)).unwrap();
    central.set_policy(ids[3], Policy::Public).unwrap();
    central.set_wiring(&Wiring::usual(ids[4], agent.name, true)).unwrap();
    let mut prune =
        |days: u32| central.prune(Retention::default().cutoffs(NOW + DAY * days)).unwrap();
    assert_eq!((prune(30), prune(31), prune(400)), (0, 1, 0));
    let left: Vec<_> = central.chats().unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(left, ids[1..]);
}

#[test]
fn counters_go_after_a_year() {
    let (_dir, mut central) = central();
    central
        .conn
        .execute_batch(&format!(
            "INSERT INTO dropped VALUES ('c','a','x','s','n','r',1,{0},{0});
             INSERT INTO event (at, kind) VALUES ({0}, 'refused');
             INSERT INTO pairing (code, wires, created_at, expires_at) VALUES ('1', 0, {0}, {0});",
            NOW.0
        ))
        .unwrap();
    let mut prune =
        |days: u32| central.prune(Retention::default().cutoffs(NOW + DAY * days)).unwrap();
    assert_eq!((prune(30), prune(31), prune(365), prune(366)), (0, 1, 0, 2));
}

#[test]
fn sessions_take_turns_and_those_awake_come_first() {
    let (_dir, mut central) = central();
    let agent = AgentGroup::new(AgentName::parse("andy").unwrap());
    central.add_agent(&agent).unwrap();
    let mut made = Vec::new();
    for chat in ["a", "b"] {
        let chat = Address { channel: "cli".into(), chat: chat.into(), ..Address::default() };
        central.wire(&chat, &agent.name, NOW).unwrap();
        made.push(central.create_session(&chat, &agent.name, NOW).unwrap());
    }
    let wake = "UPDATE session SET awake = 1 WHERE id = ?1";
    central.conn.execute(wake, [made[1].0]).unwrap();
    let due = |central: &CentralStore, days: u32| {
        let (awake, asleep) = due_before(Timestamp((NOW + DAY * days).0 + 1));
        central.due_for_pruning(awake, asleep).unwrap().map(|it| it.id)
    };
    assert_eq!(due(&central, 0), None, "a new session has nothing old");
    assert_eq!(due(&central, 1), Some(made[1]));
    central.set_pruned(made[1], NOW + DAY * 8).unwrap();
    assert_eq!(due(&central, 6), None);
    assert_eq!(due(&central, 7), Some(made[0]));
}

#[test]
fn tasks_that_are_over_slots_stops_and_orders_go_after_a_year_and_what_counts_stays() {
    let (_dir, mut central) = central();
    let task = |id: u32, state: &str| {
        let next = if state == "active" { "1" } else { "NULL" };
        format!(
            "INSERT INTO task (id, agent_group, messaging_group, created_by, prompt, rule, zone,
                 missed, state, created_at, changed_at, accounted_until, next_at)
             VALUES ({id}, 'andy', 1, '', '', '', '', '', '{state}', {0}, {0}, {0}, {next});",
            NOW.0
        )
    };
    let slot = |task: u32, slot: u32, state: &str, at: Timestamp| {
        let ended = if state == "ok" { at.0.to_string() } else { "NULL".into() };
        format!(
            "INSERT INTO fire (task, slot, fired_at, state, ended_at)
             VALUES ({task}, {slot}, {}, '{state}', {ended});",
            at.0
        )
    };
    let year = NOW + DAY * 365;
    let rows = [
        task(1, "cancelled"),
        task(2, "done"),
        task(3, "active"),
        task(4, "done"),
        slot(2, 1, "running", NOW),
        slot(3, 1, "ok", NOW),
        slot(3, 2, "ok", NOW),
        slot(4, 1, "ok", year),
        format!(
            "INSERT INTO stop (by, at, last) VALUES ('x', {0}, 0);
             INSERT INTO stop (agent_group, by, at, last, resumed_at)
                 VALUES ('andy', 'x', {0}, 0, {0});
             INSERT INTO processed_command VALUES ('c', 'a', 'x', 'm', {0});",
            NOW.0
        ),
    ];
    let agent = AgentGroup::new(AgentName::parse("andy").unwrap());
    central.add_agent(&agent).unwrap();
    let chat = Address { channel: "cli".into(), chat: "a".into(), ..Address::default() };
    central.wire(&chat, &agent.name, NOW).unwrap();
    central.conn.execute_batch(&rows.concat()).unwrap();
    let mut prune =
        |days: u32| central.prune(Retention::default().cutoffs(NOW + DAY * days)).unwrap();
    // Task 1, the older slot of task 3, the stop that was resumed, the order.
    assert_eq!((prune(364), prune(366), prune(366)), (0, 4, 0));
    assert_eq!(prune(731), 1, "task 4, whose slot is a year old by now");
    let count = |sql: &str| central.conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT sum(id) FROM task"), 5);
    assert_eq!(count("SELECT count(*) FROM stop"), 1);
}
