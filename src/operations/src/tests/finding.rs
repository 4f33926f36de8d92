//! Chats, people and agents by what people call them.

use super::*;

#[test]
fn a_chat_is_found_by_number_address_or_title() {
    let mut world = World::new();
    for name in ["3", "c3", "telegram:-2", "telegram/main:-2", "'the club'"] {
        assert_eq!(world.fine(&format!("chats show {name}")).json["id"], 3, "{name}");
    }
    let why = world.refused("chats show nowhere", &Caller::Host);
    assert!(why.contains("no chat `nowhere`") && why.contains("Our Family"), "{why}");
}

#[test]
fn what_is_not_unique_is_asked_back() {
    let mut world = World::new();
    let twin = Address { account: "second".into(), ..at("-2") };
    let info = ChatInfo { title: "The Club".into(), is_group: true };
    world.store.ensure_chat(&twin, &info, None, NOW).unwrap();
    for name in ["telegram:-2", "'The Club'"] {
        let why = world.refused(&format!("chats show {name}"), &Caller::Host);
        assert!(why.contains("several") && why.contains("telegram/second:-2"), "{why}");
    }
    assert_eq!(world.fine("chats show telegram/second:-2").json["id"], 5);
    world.store.add_person(&Handle::new("discord", "1"), "Ann", NOW).unwrap();
    let why = world.refused("users show ann", &Caller::Host);
    assert!(why.contains("p1") && why.contains("p4"), "{why}");
    assert_eq!(world.fine("users show discord:1").json["id"], "p4");
    let why = world.refused("chats connect 4", &Caller::Host);
    assert!(why.contains("no agent given") && why.contains("andy, ben"), "{why}");
    let why = world.refused("chats disconnect 1", &Caller::Host);
    assert!(why.contains("several agents") && why.contains("andy, ben"), "{why}");
}

#[test]
fn a_person_is_found_by_number_handle_or_name() {
    let mut world = World::new();
    for name in ["p2", "2", "telegram:8", "BOB"] {
        assert_eq!(world.fine(&format!("users show {name}")).json["name"], "Bob", "{name}");
    }
    assert!(world.refused("users show dora", &Caller::Host).contains("nobody called `dora`"));
    assert_eq!(world.fine("users show Telegram:8").json["name"], "Bob");
    let why = world.refused("users add Telegram:8", &Caller::Host);
    assert!(why.starts_with("telegram:8 is Bob (p2) already"), "{why}");
    let name = "x".repeat(101);
    for line in ["add 'telegram:4 2'", "set bob --name 'a\nb'", &format!("set bob --name {name}")] {
        let why = parse_line(&format!("users {line}")).unwrap_err();
        assert!(why.contains("without white space") || why.contains("choose one line"), "{why}");
    }
    assert!(world.refused("members add 'telegram:4 2' andy", &Caller::Host).contains("nobody"));
    // A handle that is nobody's yet becomes somebody when they are let in.
    world.fine("members add telegram:10 andy");
    assert_eq!(world.fine("users show telegram:10").json["member_of"][0], "andy");
    assert!(world.refused("members add dora andy", &Caller::Host).contains("dora"));
}

#[test]
fn a_name_that_looks_like_a_handle_stands_for_nobody() {
    let mut world = World::new();
    world.store.add_person(&Handle::new("discord", "666"), "telegram:555", NOW).unwrap();
    world.fine("roles add telegram:555 owner");
    let stranger = world.fine("users show discord:666").json["id"].clone();
    assert_ne!(world.fine("users show telegram:555").json["id"], stranger);
    assert!(!world.fine("roles list").json.to_string().contains(stranger.as_str().unwrap()));
}

#[test]
fn people_and_roles_are_listed_and_the_last_owner_stays() {
    let mut world = World::new();
    let people = world.fine("users list");
    assert!(people.text.contains("telegram:7") && people.text.contains("owner"), "{}", people.text);
    assert_eq!(people.json.as_array().unwrap().len(), 3);
    for line in ["roles remove ann owner", "users remove ann"] {
        assert!(world.refused(line, &Caller::Host).contains("last owner"), "{line}");
    }
    let why = world.refused("roles add bob owner --agent andy", &Caller::Host);
    assert!(why.contains("make them its admin"), "{why}");
    assert!(world.refused("roles add bob admin --agent eve", &Caller::Host).contains("`eve`"));
    assert!(world.fine("roles list").json[0]["role"] == "owner");
    world.fine("roles add bob admin");
    let roles = world.fine("roles list");
    assert!(
        roles.text.contains("all agents") && roles.json[1]["agent"].is_null(),
        "{}",
        roles.text
    );
    let bob = world.fine("users show bob");
    assert!(bob.text.contains("as the install") && bob.json["zone"].is_null(), "{}", bob.text);
    world.fine("roles remove bob admin");
    let why = world.refused("users link bob telegram:9", &Caller::Host);
    assert!(why.contains("Cy") && why.contains("users remove p3"), "{why}");
    assert!(world.refused("users unlink telegram:9", &Caller::Host).contains("all that Cy"));
    world.fine("users link cy discord:9");
    let why = world.refused("users link bob telegram:9", &Caller::Host);
    assert!(why.contains("users unlink telegram:9"), "{why}");
    assert!(world.refused("users set bob --name ''", &Caller::Host).contains("empty name"));
}

#[test]
fn members_and_those_who_were_refused_are_listed() {
    let mut world = World::new();
    let eve = Handle::new("telegram", "66");
    world.store.deny(&eve, "Eve", &agent("andy")).unwrap();
    let all = world.fine("members list");
    assert_eq!(all.json["members"].as_array().unwrap().len(), 2);
    assert_eq!(all.json["refused"][0]["handle"], "telegram:66");
    let in_one = |row: &str| row.contains("Eve") && row.contains("telegram:66");
    assert!(all.text.lines().any(in_one), "{}", all.text);
    world.fine("members add telegram:66 andy");
    let of = world.fine("members list --agent andy").json;
    assert_eq!(
        (of["members"].as_array().unwrap().len(), &of["refused"]),
        (2, &serde_json::json!([]))
    );
}

#[test]
fn the_name_of_a_chat_says_its_account_unless_that_is_the_usual_one() {
    let mut world = World::new();
    let group = ChatInfo { title: String::new(), is_group: true };
    let address = |world: &mut World| world.fine("chats show 5").json["address"].clone();
    for account in ["ci", "main"] {
        let (channel, account) = ("webhook".into(), account.into());
        let at = Address { channel, account, chat: "home".into(), thread: None };
        world.store.ensure_chat(&at, &group, None, NOW).unwrap();
        assert_eq!(address(&mut world), "webhook/ci:home", "whatever comes later");
    }
    assert_eq!(world.fine("chats show webhook/main:home").json["id"], 6);
    assert!(world.refused("chats show webhook:home", &Caller::Host).contains("webhook/main:home"));
}
