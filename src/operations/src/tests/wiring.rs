//! Three levels of sharing, and what is said about them.

use domain::admission::{Ignored, Scope};
use domain::engage::Engage;
use domain::session_key::{ChatId, SessionMode};
use store::Wiring;

use super::*;
use crate::{prepare, rehearse};

fn told(world: &World, line: &str) -> String {
    prepare(&parse_line(line).unwrap(), &world.store, &Caller::Host).unwrap().text
}

fn wiring(world: &World, chat: i64, name: &str) -> Option<Wiring> {
    let all = world.store.wirings_of(ChatId(chat)).unwrap();
    all.into_iter().map(|it| it.wiring).find(|it| it.agent.as_str() == name)
}

#[test]
fn a_chat_gets_an_agent_of_its_own_that_shares_nothing() {
    let mut world = World::new();
    let text = told(&world, "chats connect newcomers --own");
    assert!(text.contains("new agent `newcomers`") && text.contains("Shared: nothing"), "{text}");
    let output = world.fine("chats connect newcomers --own");
    assert_eq!(
        (&output.json["agent"], &output.json["new_agent"]),
        (&"newcomers".into(), &true.into())
    );
    assert!(world.store.agent(&agent("newcomers")).unwrap().is_some());
    let usual = Wiring::usual(ChatId(4), agent("newcomers"), true);
    assert_eq!(wiring(&world, 4, "newcomers"), Some(usual));

    // A name that somebody had would bring what they remember.
    world.fine("agents add cleo");
    world.fine("agents remove cleo");
    for name in ["ben", "cleo"] {
        let why = world.refused(&format!("chats connect 4 --own {name}"), &Caller::Host);
        assert!(why.contains("is or was another agent"), "{why}");
    }
    world.fine("chats connect 4 --own zoe");
    assert!(wiring(&world, 4, "zoe").is_some());
}

#[test]
fn sharing_an_agent_names_the_chats_that_it_is_shared_with() {
    let mut world = World::new();
    let text = told(&world, "chats connect newcomers andy");
    for part in
        ["workspace and memory of `andy`", "Our Family", "telegram:7", "conversation of its own"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("The Club"), "{text}");
    world.fine("chats connect 4 andy");
    let got = wiring(&world, 4, "andy").unwrap();
    assert_eq!((got.session_mode, got.ignored), (SessionMode::PerThread, Ignored::Accumulate));
    world.fine("chats connect 4 andy --own-conversation");
    assert_eq!(wiring(&world, 4, "andy").unwrap().session_mode, SessionMode::Shared);
}

#[test]
fn sharing_a_conversation_says_that_everybody_learns_everything() {
    let mut world = World::new();
    let text = told(&world, "chats connect 4 andy --same-conversation");
    assert!(text.contains("Shared: workspace and memory of `andy` with"), "{text}");
    world.fine("chats connect 4 andy --same-conversation");
    let text = told(&world, "chats connect 3 andy --same-conversation");
    for part in [
        "conversation itself with \"Newcomers\"",
        "Everybody there",
        "memory of `andy` with",
        "ben",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    world.fine("chats connect 3 andy --same-conversation");
    assert_eq!(wiring(&world, 3, "andy").unwrap().session_mode, SessionMode::AgentShared);
}

#[test]
fn options_are_kept_until_others_are_said() {
    let mut world = World::new();
    let line = "chats connect 4 andy --pattern '^!' --scope all --context drop --priority -3";
    world.fine(line);
    world.fine("chats connect 4 andy --own-conversation");
    let want = Wiring {
        engage: Engage::Pattern("^!".into()),
        scope: Scope::All,
        ignored: Ignored::Drop,
        session_mode: SessionMode::Shared,
        priority: -3,
        ..Wiring::usual(ChatId(4), agent("andy"), true)
    };
    assert_eq!(wiring(&world, 4, "andy"), Some(want));
    for (word, engage) in [
        ("always", Engage::Pattern(".".into())),
        ("mention", Engage::Mention),
        ("sticky", Engage::MentionSticky),
    ] {
        world.fine(&format!("chats connect 4 andy --engage {word}"));
        assert_eq!(wiring(&world, 4, "andy").unwrap().engage, engage);
    }
    assert_eq!(wiring(&world, 2, "andy"), Some(Wiring::usual(ChatId(2), agent("andy"), false)));
}

#[test]
fn what_cannot_be_wired_is_refused_with_the_reason() {
    let mut world = World::new();
    let mut why = |line: &str| world.refused(line, &Caller::Host);
    assert!(why("chats connect 4 andy --pattern '('").contains("regex"));
    assert!(why("chats connect 4 andy --engage pattern").contains("--pattern RE"));
    assert!(why("chats connect 4 andy --engage mention --pattern x").contains("--engage pattern"));
    assert!(why("chats connect 4 eve").contains("there is andy, ben"));
    assert!(why("chats disconnect 4 andy").contains("is not connected"));
    assert!(parse_line("chats connect 4 andy --own").is_err());
    assert!(parse_line("chats connect 4 andy --same-conversation --per-thread").is_err());
    assert_eq!(wiring(&world, 4, "andy"), None);
}

#[test]
fn what_was_changed_is_in_the_history_and_what_failed_is_not() {
    let mut world = World::new();
    let lines = |world: &World| -> Vec<String> {
        let all = world.store.events(false, 100).unwrap();
        all.iter().map(|it| it.detail["line"].as_str().unwrap().to_owned()).collect()
    };
    let before = lines(&world);
    rehearsed(&mut world, "chats connect 4 andy");
    world.fine("chats list");
    world.refused("chats connect 9 andy", &Caller::Host);
    world.refused("agents add andy", &Caller::Host);
    assert_eq!(lines(&world), before);
    world.fine("chats connect 4 andy");
    world.fine("chats set 4 --policy strict");
    assert_eq!(
        lines(&world)[before.len()..],
        ["chats connect 4 andy", "chats set 4 --policy=strict"]
    );
    let last = world.store.events(false, 1).unwrap().remove(0);
    assert_eq!((last.by.as_str(), last.at), ("host", NOW));
}

fn rehearsed(world: &mut World, line: &str) -> String {
    let operation = parse_line(line).unwrap();
    rehearse(&operation, &mut world.store, &Caller::Host, NOW).unwrap().text
}

#[test]
fn a_dry_run_changes_nothing_and_refuses_what_cannot_be_done() {
    let mut world = World::new();
    let text = rehearsed(&mut world, "chats connect 4 --own zoe");
    assert!(text.contains("new agent `zoe`"), "{text}");
    let text = rehearsed(&mut world, "tasks add 'in 1 hour' x --chat 3");
    assert!(text.starts_with("t1 is scheduled"), "{text}");
    assert!(world.store.tasks(None).unwrap().is_empty());
    let text = rehearsed(&mut world, "agents set andy --trigger '  '");
    assert_eq!(text, "The agent `andy` is set so already.");
    let nowhere = parse_line("chats connect telegram:42").unwrap();
    let refusal = rehearse(&nowhere, &mut world.store, &Caller::Host, NOW).unwrap_err();
    assert_eq!(refusal.to_string(), "there is no chat `telegram:42`");
    let twice = parse_line("agents add andy").unwrap();
    let refusal = rehearse(&twice, &mut world.store, &Caller::Host, NOW).unwrap_err();
    assert_eq!(refusal.to_string(), "there is an agent `andy` already");
    assert_eq!(world.store.agent(&agent("zoe")).unwrap(), None);
    assert_eq!(wiring(&world, 4, "zoe"), None);
}

#[test]
fn the_last_agent_of_a_terminal_chat_stays_since_the_next_message_would_bring_one_back() {
    let mut world = World::new();
    let at = Address { channel: "cli".into(), account: "local".into(), ..at("terminal") };
    world.store.ensure_chat(&at, &ChatInfo::default(), None, NOW).unwrap();
    world.fine("chats connect cli:terminal andy");
    for line in ["chats disconnect cli:terminal", "chats disconnect cli:terminal andy"] {
        let why = world.refused(line, &Caller::Host);
        assert!(why.contains("always has an agent") && why.contains("--deny"), "{why}");
    }
    world.fine("chats connect cli:terminal ben");
    world.fine("chats disconnect cli:terminal andy");
    assert!(wiring(&world, 5, "andy").is_none() && wiring(&world, 5, "ben").is_some());
}
