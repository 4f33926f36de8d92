//! What agents may see and ask for.

use super::*;
use crate::{check, prepare};

#[test]
fn an_agent_without_reach_may_not_even_look() {
    let mut world = World::new();
    for line in ["chats list", "agents list", "chats connect 1 andy", "approvals list"] {
        let why = world.refused(line, &andy(AdminScope::None));
        assert!(why.contains("--admin-scope own"), "{line}: {why}");
    }
}

#[test]
fn an_agent_sees_what_concerns_itself() {
    let mut world = World::new();
    let own = andy(AdminScope::Own);
    let mut json = |line: &str| world.run(line, &own).unwrap().json;
    let names = |value: &serde_json::Value, key: &str| -> Vec<String> {
        value.as_array().unwrap().iter().map(|it| it[key].to_string()).collect()
    };
    assert_eq!(names(&json("chats list"), "id"), ["1", "2"]);
    assert_eq!(json("chats list")[0]["agents"], serde_json::json!(["andy"]));
    assert_eq!(names(&json("agents list"), "name"), ["\"andy\""]);
    assert_eq!(names(&json("users list"), "name"), ["\"Ann\"", "\"Bob\""]);
    assert_eq!(names(&json("roles list"), "role"), ["\"owner\""]);
    assert_eq!(names(&json("members list")["members"], "name"), ["\"Bob\""]);
    assert_eq!(names(&json("destinations list"), "agent"), ["\"andy\"", "\"andy\""]);
    assert_eq!(names(&json("dropped list"), "chat"), ["\"-1\""]);
}

#[test]
fn an_agent_does_not_see_handles_on_platforms_that_it_is_not_on() {
    let mut world = World::new();
    world.run("users link ann matrix:ann", &Caller::Host).unwrap();
    for line in ["users list", "users show ann"] {
        let seen = world.run(line, &andy(AdminScope::Own)).unwrap();
        assert!(seen.text.contains("telegram:") && !seen.text.contains("matrix"), "{}", seen.text);
        assert!(!seen.json.to_string().contains("matrix"));
        assert!(world.run(line, &Caller::Host).unwrap().text.contains("matrix:ann"));
    }
}

#[test]
fn what_is_foreign_looks_like_what_is_not_there() {
    let mut world = World::new();
    let ben = world.store.create_session(&at("-2"), &agent("ben"), NOW).unwrap();
    let mine = world.store.create_session(&at("7"), &agent("andy"), NOW).unwrap();
    let own = andy(AdminScope::Own);
    let mut same = |foreign: &str, missing: &str, (a, b): (&str, &str)| {
        let (one, two) = (world.refused(foreign, &own), world.refused(missing, &own));
        assert_eq!(one.replace(a, b), two);
    };
    let (id, none) = (ben.to_string(), "s99");
    same(&format!("sessions show {id}"), "sessions show s99", (&id, none));
    same("chats show 3", "chats show 99", ("`3`", "`99`"));
    same("chats show 'the club'", "chats show nowhere", ("the club", "nowhere"));
    same("users show cy", "users show dora", ("`cy`", "`dora`"));
    same("agents show ben", "agents show eve", ("`ben`", "`eve`"));
    same("chats connect 1 ben", "chats connect 1 eve", ("`ben`", "`eve`"));
    same("members list --agent ben", "members list --agent eve", ("`ben`", "`eve`"));
    same("chats connect 3 andy", "chats connect 99 andy", ("`3`", "`99`"));
    assert!(world.run(&format!("sessions show {mine}"), &own).is_ok());
}

#[test]
fn an_agent_may_ask_for_changes_of_itself_alone() {
    let mut world = World::new();
    let own = andy(AdminScope::Own);
    for line in [
        "chats connect 2 --engage mention",
        "chats connect 1 andy --same-conversation",
        "chats connect 1 --own zoe",
        "chats disconnect 1",
        "chats set 2 --policy strict",
        "agents set andy --model m",
        "roles add bob admin --agent andy",
        "members add telegram:66",
        "members remove bob",
        "destinations remove andy our-family",
        "dropped clear 1",
    ] {
        let operation = parse_line(line).unwrap();
        assert!(operation.is_change(), "{line}");
        assert!(check(&operation, &world.store, &own).is_ok(), "{line}");
        assert!(prepare(&operation, &world.store, &own).is_ok(), "{line}");
    }
    for line in [
        "chats set 1 --policy public",
        "agents set andy --admin-scope all",
        "agents add zoe",
        "agents remove ben",
        "users add telegram:66",
        "users link bob telegram:66",
        "roles add bob owner",
        "roles add bob admin",
        "roles add bob admin --agent ben",
        "roles remove ann owner",
        "members add bob ben",
        "destinations add ben 1",
        "destinations add andy 3",
        "dropped clear",
        "chats connect 4 --own zoe",
        "approvals answer 1 allow",
    ] {
        let before = world.fine("chats list").json;
        let why = world.refused(line, &own);
        assert!(!why.is_empty() && world.fine("chats list").json == before, "{line}: {why}");
    }
}

#[test]
fn an_agent_that_may_see_everything_still_answers_nothing() {
    let mut world = World::new();
    let all = andy(AdminScope::All);
    assert_eq!(world.run("chats list", &all).unwrap().json.as_array().unwrap().len(), 4);
    assert!(world.run("chats connect 4 ben", &all).is_ok());
    assert!(world.run("members add bob ben", &all).is_ok());
    let who = world.fine("members list --agent ben").json;
    assert_eq!(who["members"][0]["name"], "Bob");
    let last = world.store.events(false, 1).unwrap().remove(0);
    assert_eq!(
        (last.by.as_str(), &last.detail["line"]),
        ("agent:andy", &"members add bob ben".into())
    );
    assert!(world.refused("approvals answer 1 allow", &all).contains("no agent answers"));
}

#[test]
fn who_decides_depends_on_what_is_touched() {
    let world = World::new();
    let concerns = |line: &str, caller: &Caller| {
        prepare(&parse_line(line).unwrap(), &world.store, caller).unwrap().concerns
    };
    let (own, all) = (andy(AdminScope::Own), andy(AdminScope::All));
    assert_eq!(concerns("chats disconnect 1", &own), Some(agent("andy")));
    assert_eq!(concerns("chats connect 1 --own zoe", &own), None, "another agent for the host");
    assert_eq!(concerns("chats disconnect 1 andy", &all), None);
}

#[test]
fn every_operation_is_told_in_words() {
    let world = World::new();
    for (line, part) in [
        ("chats set 1 --policy public --undeny", "let in (public); it is listened to"),
        ("chats disconnect 1 ben", "no longer answers"),
        ("agents add zoe --memory 4096", "what it remembers.\nmemory 2048 MiB → 4096 MiB"),
        ("agents set andy --model m --admin-scope all", "model default → m\nadmin scope own → all"),
        ("agents remove ben", "files and memory stay"),
        ("users link bob discord:5", "gets all their rights"),
        ("users remove bob", "Bob (p2) [telegram:8] is forgotten"),
        ("roles add bob owner", "decide about everything"),
        ("roles add telegram:66 admin", "whom nobody here knows yet"),
        ("roles remove bob admin --agent andy", "no longer an admin of the agent `andy`"),
        ("members remove bob andy", "no longer talk"),
        ("destinations add ben 4", "can turn up there"),
        ("dropped clear 1", "Our Family"),
    ] {
        let told = prepare(&parse_line(line).unwrap(), &world.store, &Caller::Host).unwrap().text;
        assert!(told.contains(part), "{line}: {told}");
    }
}
