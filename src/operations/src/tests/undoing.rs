//! What an operation says about undoing it undoes it, and what an operation is written as reads back.

use domain::people::PersonId;

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
    world.fine("chats connect 4 ben --pattern \"it's\" --per-thread --context drop --priority 2");
    world.fine("users add telegram:20 --name Dora");
    world.fine("users add telegram:21");
    world.fine("destinations add andy 4 --name s");
    for line in [
        "chats connect 4 andy",
        "chats connect 4 ben --same-conversation --engage sticky --context keep",
        "chats disconnect 4 ben",
        "chats set 1 --policy public --deny",
        "users add telegram:11",
        "users set bob --name Robert",
        "users set bob --name -",
        "users set telegram:21 --name Eve",
        "users link bob discord:5",
        "roles add bob admin --agent andy",
        "roles add bob owner",
        "members add dora andy",
        "destinations add ben 4 --name mine",
        "agents add zoe",
        "users set bob --timezone berlin --quiet 22-7",
        "agents set andy --provider demo --model m --image i --memory 512 --cpus 1.5 --pids 99",
        "agents set andy --disk 3 --trigger robot --admin-scope none --transcribe 'hear {file}'",
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
        ("roles remove bob admin --agent andy", "roles add p2 admin --agent andy"),
    ] {
        world.fine("roles add bob admin --agent andy");
        let hint = world.fine(line).hint.unwrap();
        assert!(hint.contains(undo), "{line}: {hint}");
    }
}

#[test]
fn a_name_that_a_platform_chose_is_one_word_of_the_hint() {
    let mut world = World::new();
    for (name, word) in [
        ("O'Brien", r"'--name=O'\''Brien'"),
        ("'; touch x; echo '", r"'--name='\''; touch x; echo '\'''"),
        ("--json", "--name=--json"),
        ("", "--name=-"),
    ] {
        world.store.rename_person(PersonId(2), name).unwrap();
        let hint = world.fine("users set p2 --name Bob").hint.unwrap();
        assert_eq!(hint, format!("undo with `nanoclaw users set p2 {word}`"));
        world.fine(hint.split('`').nth(1).unwrap());
        assert_eq!(world.fine("users show p2").json["name"], name);
    }
}

#[test]
fn an_operation_reads_back_as_it_is_written() {
    for line in [
        "chats list --json",
        "chats show 'Our Family'",
        "chats set telegram:-5 --policy strict --undeny",
        "chats connect 'it'\\''s' --own",
        "chats connect 3 --own zoe",
        "chats connect -- --odd andy",
        "chats connect 3 andy --pattern='--(x|y) \"z\"' --scope known --context keep --priority -7",
        "chats connect 3 andy --same-conversation --engage sticky --json",
        "chats connect 3 andy --per-thread --engage always",
        "chats connect 3 andy --own-conversation --engage pattern --pattern .",
        "chats disconnect 3",
        "chats disconnect 3 andy --json",
        "agents add zoe --model '' --provider auto --cpus 1.5 --trigger 'hey you'",
        "agents set zoe --image i --memory 512 --pids 64 --admin-scope all --provider demo",
        "users add telegram:5 --name 'D. O.'",
        "users set p1 --name ''",
        "users link p1 teams:29:a",
        "agents heartbeat andy",
        "agents heartbeat andy off",
        "agents heartbeat andy every 30m --hours 8:00-22:00 --prompt 'look at it' --chat 3",
        "users set p1 --timezone -",
        "users set p1 --timezone 'New York' --quiet 22:00-7:00",
        "agents stop andy",
        "agents resume --all",
        "roles add p1 owner",
        "roles remove p1 admin --agent andy",
        "members list --agent andy",
        "members remove p1",
        "destinations add andy 3 --name x",
        "destinations remove andy x",
        "sessions show s3",
        "approvals answer 4 allow",
        "approvals answer 4 connect:andy",
        "dropped clear",
        "dropped clear 3",
        "tasks list --all --agent andy --json",
        "tasks pause the monday briefing",
        "tasks history 3 --limit 4",
        "tasks add 'every day at 9' \"it's\" --chat 1 --thread t --zone Europe/Berlin --session s1",
        "tasks add 'in 1 hour' x --missed 'all 3' --script 'a\nb'",
        "tasks set 3 --when 9:30 --prompt p --zone utc --missed latest --script ''",
        "tasks preview '0 9 * * *' --from 2026-12-24T09:00:00Z --count 3",
        "tasks minimum 90s",
    ] {
        let operation = parse_line(line).unwrap_or_else(|why| panic!("{line}: {why}"));
        let written = operation.to_string();
        assert_eq!(parse_line(&written).as_ref(), Ok(&operation), "{line} became {written}");
        let stored = operation.to_json().to_string();
        let read = Operation::from_json(&stored).unwrap_or_else(|err| panic!("{stored}: {err}"));
        assert_eq!(read, operation, "{line} became {stored}");
    }
}

#[test]
fn what_somebody_agreed_to_stays_what_was_meant() {
    let mut world = World::new();
    let prepared = |world: &World, line: &str| {
        let operation: Operation = parse_line(line).unwrap();
        prepare(&operation, &world.store, &Caller::Host).unwrap()
    };
    let wire = prepared(&world, "chats connect newcomers andy");
    assert!(wire.text.contains("Newcomers"), "{}", wire.text);
    assert_eq!(wire.operation.to_string(), "chats connect c4 andy");
    let own = prepared(&world, "chats connect newcomers --own");
    assert_eq!(own.operation.to_string(), "chats connect c4 --own=newcomers");
    let member = prepared(&world, "members add bob ben");
    assert_eq!(member.operation.to_string(), "members add p2 ben");
    assert!(member.text.contains("telegram:8"), "{}", member.text);
    let unwire = prepared(&world, "chats disconnect telegram:7");
    assert_eq!(unwire.operation.to_string(), "chats disconnect c2 andy");

    // Meanwhile others took the names.
    let other = ChatInfo { title: "Newcomers".into(), is_group: true };
    world.store.ensure_chat(&at("-99"), &other, None, NOW).unwrap();
    world.fine("users set cy --name Bob");
    for prepared in [&wire, &member] {
        let stored = prepared.operation.to_json().to_string();
        let operation = Operation::from_json(&stored).unwrap();
        perform(&operation, &mut world.store, &Caller::Host, NOW).unwrap();
    }
    assert!(world.fine("chats show 4").json["agents"].to_string().contains("andy"));
    assert_eq!(world.fine("users show p2").json["member_of"].as_array().unwrap().len(), 2);
}

#[test]
fn a_number_is_never_taken_for_a_name() {
    let mut world = World::new();
    let other = ChatInfo { title: "c9".into(), is_group: true };
    world.store.ensure_chat(&at("-99"), &other, None, NOW).unwrap();
    world.fine("users set cy --name p2");
    world.fine("users remove p2");
    for (line, why) in
        [("members add p2 andy", "called `p2`"), ("chats connect c9 andy", "no chat `c9`")]
    {
        let refusal = world.refused(line, &Caller::Host);
        assert!(refusal.contains(why), "{line}: {refusal}");
    }
}

#[test]
fn what_is_stored_is_one_operation_and_nothing_besides() {
    let refused = |json: &str| Operation::from_json(json).unwrap_err().to_string();
    let json = parse_line("members add p2 andy").unwrap().to_json();
    let add = serde_json::json!({ "user": "p2", "agent": "andy" });
    assert_eq!(json["members"], serde_json::json!({ "json": false, "operation": { "add": add } }));
    let stored = json.to_string();
    for json in [
        stored.replace("andy", "../andy"),
        stored.replace("\"user\"", "\"yes\":true,\"user\""),
        stored.replace("\"json\"", "\"by\":\"host\",\"json\""),
        stored.replace("\"user\"", "\"user\":\"p1\",\"user\""),
        format!("{stored}{stored}"),
        r#"{"users":{"json":false,"operation":{"unlink":{"handle":"p2"}}}}"#.to_owned(),
        "members add p2 andy".to_owned(),
        String::new(),
    ] {
        let why = refused(&json);
        assert!(why.starts_with("the stored change cannot be read: "), "{json}: {why}");
    }
    assert!(Operation::line_of("{}").starts_with("the stored change cannot be read"));
    assert_eq!(Operation::line_of(&stored), "members add p2 andy");
}

#[test]
fn commands_and_options_are_taken_by_their_former_names_and_by_guesses() {
    for (former, name) in [
        ("wire 3 andy --json", "chats connect 3 andy --json"),
        ("unwire 3", "chats disconnect 3"),
        ("stop-agent andy", "agents stop andy"),
        ("resume --all", "agents resume --all"),
        ("roles grant p1 owner", "roles add p1 owner"),
        ("role rm p1 owner", "roles remove p1 owner"),
        ("people ls", "users list"),
        ("task cancel 3", "tasks remove 3"),
        ("tasks edit 3 --when 9", "tasks set 3 --when 9"),
        ("users rename p1 'D. O.'", "users set p1 --name 'D. O.'"),
        ("users timezone --json p1 -", "users set --json p1 --timezone -"),
        ("users quiet p1", "users show p1"),
        ("chats connect 3 andy --overheard drop", "chats connect 3 andy --context drop"),
        ("agents set andy --reach all", "agents set andy --admin-scope all"),
    ] {
        assert_eq!(parse_line(former).unwrap(), parse_line(name).unwrap());
    }
    let help = ["chats connect --help", "agents set --help"]
        .map(|it| parse_line(it).unwrap_err())
        .concat();
    assert!(!help.contains("--overheard") && !help.contains("--reach"), "{help}");
}
