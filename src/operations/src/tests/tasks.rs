//! Tasks: what is answered, what is refused, what undoes it, and whose they are.

use domain::SessionId;
use domain::people::{Access, PersonId};
use domain::session_key::ChatId;
use domain::task::rights::Who;
use domain::task::{FireKey, TaskId};

use super::*;
use crate::Asker;

const ADD: &str = "tasks add 'every weekday at 9' 'say the Monday briefing' --agent andy --chat 1";

/// Somebody who writes to andy; Ann is 7, Bob is 8.
fn who(id: &str, person: Option<i64>, access: Access, is_direct: bool) -> Who {
    let handle = Handle::new("telegram", id);
    Who::Person { person: person.map(PersonId), handle, access, is_direct }
}

fn ann_in_private() -> Caller {
    asks(2, who("7", Some(1), Access::Owner, true), "s1.1")
}

fn bob_in(chat: i64, key: &str) -> Caller {
    asks(chat, who("8", Some(2), Access::Member, chat != 1), key)
}

fn asks(chat: i64, who: Who, key: &str) -> Caller {
    Caller::Chat(Asker {
        agent: agent("andy"),
        session: SessionId(1),
        chat: ChatId(chat),
        thread: None,
        is_attended: who != Who::Agent,
        who,
        key: key.into(),
        at: NOW,
    })
}

impl World {
    #[track_caller]
    fn fine_for(&mut self, line: &str, caller: &Caller) -> Output {
        self.run(line, caller).unwrap_or_else(|err| panic!("{line}: {err} {err:?}"))
    }

    fn ids(&mut self, line: &str, caller: &Caller) -> Vec<String> {
        let json = self.fine_for(line, caller).json;
        json.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn what_is_scheduled_is_told_from_what_is_stored() {
    let mut world = World::new();
    world.fine(&format!("{ADD} --zone asia/kathmandu --missed 'all 3' --script 'exit 0'"));
    let row = world.store.task(TaskId(1)).unwrap().unwrap();
    assert_eq!(row.task.prompt, "say the Monday briefing");
    assert_eq!((row.task.chat, row.task.created_by.as_str()), (ChatId(1), "host"));
    let shown = world.fine("tasks show 1");
    for part in ["Asia/Kathmandu", "every weekday at 09:00", "all 3", "exit 0", "Our Family"] {
        assert!(shown.text.contains(part), "{part}: {}", shown.text);
    }
    assert_eq!(shown.json["next"].as_array().unwrap().len(), 5);
    assert_eq!(shown.json["next_local"][0], "Thu 1 Jan 1970 09:00 +0530");
    let list = world.fine("tasks list --agent andy").text;
    assert!(list.contains("t1: say the Monday briefing") && list.contains("next: Thu"), "{list}");
    assert!(world.fine("tasks list --agent ben").text.contains("Nothing is scheduled."));
}

#[test]
fn the_owner_of_a_task_is_called_by_name() {
    let mut world = World::new();
    world.fine_for("tasks add 'in 1 hour' x", &ann_in_private());
    let shown = world.fine("tasks show 1");
    assert!(shown.text.contains("Ann (p1)") && shown.json["owner"] == "p1", "{}", shown.text);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let mut world = World::new();
    world.fine("agents set andy --provider claude");
    for (line, why) in [
        ("tasks add 'every blue moon' x --agent andy --chat 1", "`every weekday at 9`"),
        ("tasks add 'every 2 minutes' x --agent andy --chat 1", "tasks minimum 2m"),
        ("tasks add 'every 5 seconds' x --agent andy --chat 1", "tasks minimum 10s"),
        ("tasks add 'at 1969-12-24T09:00:00Z' x --agent andy --chat 1", "has passed"),
        ("tasks add '0 0 30 2 *' x --agent andy --chat 1", "no such day"),
        ("tasks add 'every day at 9' ' ' --agent andy --chat 1", "what is to be done"),
        ("tasks add 'every day at 9' x --agent andy --chat nowhere", "no chat `nowhere`"),
        (
            "tasks add 'every day at 9' x --agent andy",
            "no chat given for the answers of andy; name one with `--chat`",
        ),
        ("tasks add 'every day at 9' x --chat 1", "no agent given"),
        ("tasks add 'every day at 9' x --agent andy --chat 3", "may not write to \"The Club\""),
        ("tasks add 'every day at 9' x --agent andy --chat 1 --session s9", "no session `s9`"),
        ("tasks add 'every day at 9' x --chat 99", "no chat `99`"),
        ("tasks pause 9", "there is no task `9`"),
        ("tasks pause 3 t4", "name one at a time: t3"),
        ("tasks preview 9999-12-31T23:59", "too far away"),
        ("tasks preview 'at 1969-12-24T09:00:00Z'", "has passed"),
        ("tasks preview '0 0 30 2 *'", "no such day"),
        ("tasks preview 'every day at 9' --from 'every day at 9'", "is no one time"),
        ("tasks minimum 1s", "at least 10s"),
    ] {
        let said = world.refused(line, &Caller::Host);
        assert!(said.contains(why), "{line}: {said}");
    }
    let zone = parse_line("tasks add 'in 1h' x --zone Europe/Berlim").unwrap_err();
    assert!(zone.contains("Europe/Berlin"), "{zone}");
    assert!(world.store.tasks(None).unwrap().is_empty());
}

#[test]
fn a_task_that_cannot_be_read_hides_no_other_and_can_be_cancelled() {
    let mut world = World::new();
    for text in ["wash up", "call mum"] {
        world.fine(&format!("tasks add 'every day at 9:00' '{text}' --chat 1 --agent andy"));
    }
    let spoil = "UPDATE task SET zone = 'Mars/Olympus' WHERE id = 1";
    store::Store::connection(&world.store).execute(spoil, []).unwrap();
    let list = world.fine("tasks list");
    assert!(list.text.contains("t1: [unreadable]") && list.text.contains("call mum"), "{list:?}");
    assert_eq!(list.json[1]["state"], "unreadable");
    assert!(!world.fine("tasks list --agent ben").text.contains("t1"));
    let bobs = world.fine_for("tasks list", &bob_in(1, "k"));
    assert!(!bobs.text.contains("t1"), "{bobs:?}");
    assert!(world.fine("tasks remove mum").text.starts_with("t2 is cancelled"));
    assert!(world.fine("tasks remove t1").text.starts_with("t1 is cancelled"));
    assert_eq!(world.fine("tasks list").text, "Nothing is scheduled.");
}

#[test]
fn a_chat_with_one_agent_says_who_does_it() {
    let mut world = World::new();
    let alone = world.fine("tasks add 'in 1 hour' stretch --chat 3");
    assert_eq!(alone.json["agent"], "ben");
    for line in ["tasks add 'in 1 hour' stretch --chat 1", "tasks add 'in 1 hour' stretch"] {
        let why = world.refused(line, &Caller::Host);
        assert!(why.starts_with("no agent given; name one of andy, ben"), "{why}");
    }
}

#[test]
fn the_minimum_can_be_lowered_and_taken_back() {
    let mut world = World::new();
    world.fine("agents set andy --provider claude");
    let often = "tasks add 'every 2 minutes' x --agent andy --chat 1";
    let hint = world.fine("tasks minimum 2m").hint.unwrap();
    world.fine(often);
    assert!(hint.contains("nanoclaw tasks minimum default"), "{hint}");
    world.fine("tasks minimum default");
    assert!(world.refused(often, &Caller::Host).contains("at least 5m"));
    world.fine("agents set andy --provider demo");
    world.fine(often);
    assert!(world.refused("tasks minimum 2m", &ann_in_private()).contains("the owner of the host"));
}

#[test]
fn what_a_hint_about_a_task_says_undoes_it() {
    let mut world = World::new();
    world.fine(&format!("{ADD} --zone Europe/Berlin --script \"echo 'a b'\""));
    let state = |world: &mut World| {
        let mut all = world.fine("tasks list --all").json;
        all[0]["reason"] = "".into();
        all
    };
    for line in [
        "tasks pause 1",
        "tasks set 1 --when 9:30 --missed 'skip 5m'",
        "tasks set 1 --prompt \"it's new\" --zone utc --script ''",
    ] {
        let before = state(&mut world);
        let hint = world.fine(line).hint.unwrap();
        assert_ne!(state(&mut world), before, "{line}");
        let undo = hint.split_once("undo with `").unwrap().1.trim_end_matches('`');
        world.fine(undo);
        assert_eq!(state(&mut world), before, "{line}, then {undo}");
    }
    let before = world.store.task(TaskId(1)).unwrap().unwrap();
    let hint = world.fine("tasks remove 1").hint.unwrap();
    world.fine(hint.split_once("with `").unwrap().1.trim_end_matches('`'));
    let again = world.store.task(TaskId(2)).unwrap().unwrap();
    assert_eq!((again.task, again.state), (before.task, before.state));
}

#[test]
fn a_chat_may_be_named_as_its_agent_names_it() {
    let mut world = World::new();
    world.fine("destinations add andy 3 --name team");
    let why = world.refused("tasks add 'in 1 hour' x --chat team", &Caller::Host);
    assert!(why.starts_with("no agent given"), "{why}");
    world.fine("tasks add 'in 1 hour' x --agent andy --chat team");
    assert_eq!(world.store.task(TaskId(1)).unwrap().unwrap().task.chat, ChatId(3));
}

#[test]
fn saying_it_twice_changes_nothing_the_second_time() {
    let mut world = World::new();
    let ann = ann_in_private();
    let add = "tasks add 'in 20 minutes' 'stretch'";
    let first = world.fine_for(add, &ann);
    assert_eq!(world.fine_for(add, &ann), first);
    assert_eq!(world.ids("tasks list", &ann), ["t1"]);
    for line in ["tasks pause stretch", "tasks resume 1", "tasks run 1", "tasks remove stretch"] {
        let once = world.fine_for(line, &ann).text;
        if line != "tasks run 1" {
            assert_eq!(world.fine_for(line, &ann).text, once, "{line}");
        } else {
            world.fine_for(line, &ann);
        }
    }
    assert_eq!(world.store.task_history(TaskId(1), 9).unwrap().len(), 1, "it ran once");
    let why = world.refused("tasks resume 1", &ann);
    assert!(why.contains("it is cancelled"), "{why}");
}

#[test]
fn a_task_is_found_by_its_words() {
    let mut world = World::new();
    world.fine(ADD);
    world.fine("tasks add 'every day at 8' 'say the evening briefing' --agent andy --chat 1");
    assert!(world.fine("tasks pause the monday briefing").text.starts_with("t1 is paused"));
    let why = world.refused("tasks pause briefing", &Caller::Host);
    assert!(why.contains("t1 (say the Monday") && why.contains("t2 (say the evening"), "{why}");
    assert!(world.refused("tasks pause the", &Caller::Host).contains("no task `the`"));
    world.fine("tasks add 'every friday at 8' 'say the briefing' --agent andy --chat 1");
    assert!(world.fine("tasks pause the friday briefing").text.starts_with("t3 is paused"));
}

#[test]
fn a_member_changes_what_is_their_own_or_belongs_to_the_chat() {
    let mut world = World::new();
    let bob = bob_in(3, "s2.1");
    let ann = ann_in_private();
    world.fine_for("tasks add 'in 1 hour' 'private'", &ann);
    world.fine_for("tasks add 'in 1 hour' 'mine'", &bob);
    world.fine("tasks add 'in 1 hour' 'of the family' --agent andy --chat 1");
    world.fine("tasks add 'in 1 hour' 'of ben' --agent ben --chat 3");
    for line in ["show", "pause", "resume", "remove", "run", "history", "set --when 9:30"] {
        let (operation, rest) = line.split_once(' ').unwrap_or((line, ""));
        let own = |id: &str| format!("tasks {operation} {id} {rest}");
        let foreign = world.refused(&own("1"), &bob);
        assert_eq!(foreign.replace("`1`", "`9`"), world.refused(&own("9"), &bob), "{line}");
    }
    assert_eq!(world.ids("tasks list", &bob), ["t2"]);
    assert_eq!(world.ids("tasks list", &bob_in(1, "k")), ["t3"], "a group sees its own alone");
    assert_eq!(world.ids("tasks list", &ann), ["t1", "t2", "t3", "t4"], "across all agents");
    let in_group = asks(1, who("7", Some(1), Access::Owner, false), "k");
    assert_eq!(world.ids("tasks list", &in_group), ["t3"]);
    assert!(world.fine_for("tasks pause 2", &in_group).text.contains("is paused"));
    assert!(world.refused("tasks pause 4", &in_group).contains("no task"), "ben's");
    assert!(world.fine_for("tasks remove 2", &bob).text.contains("is cancelled"));
    let eve = asks(1, who("66", None, Access::Unknown, false), "k2");
    assert!(world.ids("tasks list", &eve).is_empty());
    assert!(world.refused("tasks add 'in 1 hour' x", &eve).contains("let in"));
}

#[test]
fn an_unattended_agent_reaches_its_chat_and_what_it_made() {
    let mut world = World::new();
    world.fine("destinations add andy 3 --name club");
    let andy = asks(2, Who::Agent, "s1.9");
    let told = world.fine_for("tasks add 'in 1 hour' 'tell the club' --chat Club", &andy);
    assert!(told.text.contains("andy answers in club"), "{}", told.text);
    let row = world.store.task(TaskId(1)).unwrap().unwrap();
    assert_eq!((row.task.chat, row.task.created_by.as_str()), (ChatId(3), "agent:andy"));
    let other = asks(2, Who::Agent, "s1.11");
    let why = world.refused("tasks add 'in 1 hour' x --chat 1", &other);
    assert!(why.contains("our-family") || why.contains("club"), "{why}");
    assert!(
        world.refused("tasks add 'in 1 hour' x --agent ben", &other).contains("no agent `ben`")
    );
    world.fine("tasks add 'in 1 hour' 'of the host' --agent andy --chat 3");
    assert!(world.refused("tasks remove 2", &other).contains("no task"));
    assert!(world.refused("chats list", &other).contains("the owner of the host"));
    world.fine_for("tasks run 1", &other);
    let later = Caller::Chat(Asker {
        at: Timestamp(30_000),
        ..match asks(2, Who::Agent, "s1.13") {
            Caller::Chat(asker) => asker,
            Caller::Host | Caller::Agent { .. } => unreachable!(),
        }
    });
    let operation = parse_line("tasks run 1").unwrap();
    let again = perform(&operation, &mut world.store, &later, Timestamp(30_000)).unwrap_err();
    assert!(again.to_string().contains("ran a moment ago"), "{again}");
}

#[test]
fn who_schedules_the_same_twice_is_told_so() {
    let mut world = World::new();
    let add = |what: &str| format!("tasks add 'every day at 9' '{what}'");
    let first = world.fine_for(&add("stretch"), &bob_in(2, "s1.1"));
    assert!(!first.text.contains("the same already"), "{}", first.text);
    let again = world.fine_for(&add("stretch"), &bob_in(2, "s1.1"));
    assert!(!again.text.contains("the same already") && again.json["id"] == "t1");
    let second = world.fine_for(&add("stretch"), &bob_in(2, "s1.2"));
    assert!(second.text.contains("t2 is scheduled"), "both may be wanted: {}", second.text);
    assert!(second.text.contains("t1 is the same already"), "{}", second.text);
    let ann = world.fine_for(&add("stretch"), &ann_in_private());
    let other = world.fine_for(&add("walk"), &bob_in(2, "s1.3"));
    world.fine("tasks remove 1");
    world.fine("tasks remove 2");
    let alone = world.fine_for(&add("stretch"), &bob_in(2, "s1.4"));
    for output in [ann, other, alone] {
        assert!(!output.text.contains("the same already"), "{}", output.text);
    }
}

#[test]
fn an_agent_has_so_many_tasks_and_no_more() {
    let mut world = World::new();
    for n in 0..100 {
        world.fine_for("tasks add 'in 1 hour' x", &bob_in(2, &format!("s1.{n}")));
    }
    let why = world.refused("tasks add 'in 1 hour' x", &bob_in(2, "s1.100"));
    assert!(why.contains("100 active tasks") && why.contains("/tasks list"), "{why}");
    world.fine("tasks pause 1");
    world.fine_for("tasks add 'in 1 hour' x", &bob_in(2, "s1.101"));
    assert!(world.refused("tasks resume 1", &Caller::Host).contains("100 active"));
}

/// The message of a slot, and what its turn cost.
fn cost(world: &World, key: FireKey, micros: i64) {
    let conn = rusqlite::Connection::open(world.dir.path().join("central.db")).unwrap();
    let (task, slot) = (key.task.0, key.slot.0);
    let seq = 2 + slot / 1_000;
    conn.execute_batch(&format!(
        "PRAGMA foreign_keys = off;
         INSERT INTO message (session, seq, channel, account, chat, platform_id, sender_id,
                              received_at, not_before, task, slot, body)
         VALUES (1, {seq} * 2, 'c', 'a', 'x', '{key}', 'c:u', 0, 0, {task}, {slot}, '{{}}');
         INSERT INTO event (at, kind, scope, item, detail)
         VALUES (0, 'cost', 1, {seq} * 2, '{{\"micros\":{micros}}}');"
    ))
    .unwrap();
}

#[test]
fn history_and_preview_tell_times_in_the_zone_of_the_task() {
    let mut world = World::new();
    world.fine(&format!("{ADD} --zone Europe/Berlin"));
    assert!(world.fine("tasks history 1").text.contains("did not come yet"));
    let before = world.fine("tasks show 1");
    assert!(!before.text.contains("cost") && before.json["cost_usd"].is_null(), "{}", before.text);
    world.fine("tasks run 1");
    let key = FireKey { task: TaskId(1), slot: NOW };
    world.store.record_result(key, true, "all\nwell", NOW).unwrap();
    cost(&world, key, 12_300);
    let told = world.fine("tasks history 1 --limit 3");
    assert!(told.text.contains("Thu 1 Jan 1970 01:00:01 CET"), "{}", told.text);
    assert!(told.text.contains("$0.01") && told.text.contains("all well"), "{}", told.text);
    assert_eq!(told.json[0]["cost_usd"], "0.012300");
    let list = world.fine("tasks list");
    assert!(list.text.contains("ok, $0.01: all well\n    cost so far: $0.01"), "{}", list.text);
    assert_eq!(list.json[0]["cost_usd"], "0.012300");
    let later = Timestamp(NOW.0 + 60_000);
    let again = world.store.fire_now(TaskId(1), later).unwrap().unwrap();
    world.store.record_result(again, true, "", later).unwrap();
    cost(&world, again, 20_000);
    let unknown = Timestamp(NOW.0 + 120_000);
    let again = world.store.fire_now(TaskId(1), unknown).unwrap().unwrap();
    world.store.record_result(again, true, "", unknown).unwrap();
    let shown = world.fine("tasks show 1");
    assert!(shown.text.contains("cost so far: $0.03"), "{}", shown.text);
    assert_eq!(shown.json["cost_usd"], "0.032300");
    assert!(shown.json["last"]["cost_usd"].is_null());
    let next = world.fine(
        "tasks preview '30 2 * * *' --zone Europe/Berlin --from '28 march 2027 at 0:00' --count 2",
    );
    let slots = ["Sun 28 Mar 2027 03:00 CEST", "Mon 29 Mar 2027 02:30 CEST"];
    assert_eq!(next.json["local"], serde_json::json!(slots));
}
