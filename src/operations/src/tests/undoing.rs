//! What an operation says about undoing it undoes it, and what an operation is written as reads back.

use super::*;
use crate::{operation::Operation, prepare};

/// Everything that can be listed.
fn all(world: &mut World) -> Vec<serde_json::Value> {
    let families = ["chats", "agents", "users", "roles", "members", "destinations"];
    let mut lists: Vec<_> =
        families.iter().map(|it| world.fine(&format!("{it} list")).json).collect();
    lists.extend((1..=4).map(|it| world.fine(&format!("chats show {it}")).json));
    lists.push(world.fine("users show p2").json);
    lists
}

#[test]
fn what_a_hint_says_undoes_it() {
    let mut world = World::new();
    world.fine("wire 4 ben --pattern \"it's\" --per-thread --context drop --priority 2");
    world.fine("users add telegram:20 --name Dora");
    world.fine("destinations add andy 4 --name s");
    for line in [
        "wire 4 andy",
        "wire 4 ben --same-conversation --engage sticky --context keep",
        "unwire 4 ben",
        "chats set 1 --policy public --deny",
        "users add telegram:11",
        "users rename bob Robert",
        "users link bob discord:5",
        "roles grant bob admin --agent andy",
        "roles grant bob owner",
        "members add dora andy",
        "destinations add ben 4 --name mine",
        "agents add zoe",
        "users timezone bob berlin",
        "users quiet bob 22-7",
    ] {
        let before = all(&mut world);
        let hint = world.fine(line).hint.unwrap_or_else(|| panic!("{line} has no hint"));
        assert_ne!(all(&mut world), before, "{line} changes something");
        let (_, rest) = hint.split_once("undo with `").unwrap_or_else(|| panic!("{line}: {hint}"));
        let undo = rest.split('`').next().unwrap();
        world.fine(undo);
        assert_eq!(all(&mut world), before, "{line}, then {undo}");
    }
    for (line, undo) in [
        ("members remove bob andy", "members add p2 andy"),
        ("destinations remove andy s", "destinations add andy 4 --name s"),
        ("chats set 1 --undeny", "chats set 1 --deny"),
        ("roles revoke bob admin --agent andy", "roles grant p2 admin --agent andy"),
    ] {
        world.fine("roles grant bob admin --agent andy");
        let hint = world.fine(line).hint.unwrap();
        assert!(hint.contains(undo), "{line}: {hint}");
    }
}

#[test]
fn an_operation_reads_back_as_it_is_written() {
    for line in [
        "chats list --json",
        "chats show 'Our Family'",
        "chats set telegram:-5 --policy strict --undeny",
        "wire 'it'\\''s' --own",
        "wire 3 --own zoe --yes",
        "wire -- --odd andy",
        "wire 3 andy --pattern='--(x|y) \"z\"' --scope known --context keep --priority -7",
        "wire 3 andy --same-conversation --engage sticky --dry-run --json",
        "wire 3 andy --per-thread --engage always",
        "wire 3 andy --own-conversation --engage pattern --pattern .",
        "unwire 3",
        "unwire 3 andy --json",
        "agents add zoe --model '' --provider auto --cpus 1.5 --trigger 'hey you'",
        "agents set zoe --image i --memory 512 --pids 64 --admin-scope all --provider demo",
        "users add telegram:5 --name 'D. O.'",
        "users rename p1 ''",
        "users link p1 teams:29:a",
        "agents heartbeat andy",
        "agents heartbeat andy off",
        "agents heartbeat andy every 30m --hours 8:00-22:00 --prompt 'look at it' --chat 3",
        "users timezone p1",
        "users timezone p1 -",
        "users timezone p1 'New York'",
        "users quiet p1 22:00-7:00",
        "roles grant p1 owner",
        "roles revoke p1 admin --agent andy",
        "members list --agent andy",
        "members remove p1",
        "destinations add andy 3 --name x",
        "destinations remove andy x",
        "sessions show s3",
        "approvals answer 4 allow",
        "approvals answer 4 connect:andy --yes",
        "dropped clear",
        "dropped clear 3",
    ] {
        let operation = parse_line(line).unwrap_or_else(|why| panic!("{line}: {why}"));
        let written = operation.to_string();
        assert_eq!(parse_line(&written).as_ref(), Ok(&operation), "{line} became {written}");
    }
}

#[test]
fn what_somebody_agreed_to_stays_what_was_meant() {
    let mut world = World::new();
    let prepared = |world: &World, line: &str| {
        let operation: Operation = parse_line(line).unwrap();
        prepare(&operation, &world.store, &Caller::Host).unwrap()
    };
    let wire = prepared(&world, "wire newcomers andy");
    assert!(wire.text.contains("Newcomers"), "{}", wire.text);
    assert_eq!(wire.line, "wire -- 4 andy");
    let own = prepared(&world, "wire newcomers --own");
    assert_eq!(own.line, "wire --own=newcomers -- 4");
    let member = prepared(&world, "members add bob ben");
    assert_eq!(member.line, "members add -- p2 ben");
    assert!(member.text.contains("telegram:8"), "{}", member.text);
    assert_eq!(prepared(&world, "unwire telegram:7").line, "unwire -- 2 andy");

    // Meanwhile others took the names.
    let other = ChatInfo { title: "Newcomers".into(), is_group: true };
    world.store.ensure_chat(&at("-99"), &other, None, NOW).unwrap();
    world.fine("users rename cy Bob");
    world.fine(&wire.line);
    world.fine(&member.line);
    assert!(world.fine("chats show 4").json["agents"].to_string().contains("andy"));
    assert_eq!(world.fine("users show p2").json["member_of"].as_array().unwrap().len(), 2);
}
