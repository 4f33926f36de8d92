//! An agent checks in every now and then.

use domain::agent::AdminScope;
use domain::task::TaskState;

use super::*;
use crate::prepare;

#[test]
fn a_heartbeat_is_one_task_that_is_changed_paused_and_resumed() {
    let mut world = World::new();
    let none = world.fine("agents heartbeat andy");
    assert_eq!((none.text.as_str(), none.hint), ("andy has no heartbeat", None));

    let set = world.fine("agents heartbeat andy every 30m --hours 8:00-22:00");
    assert_eq!(set.json["rule"], "0,30 8-21 * * *");
    assert!(set.text.starts_with("andy looks every 30m, 08:00-22:00 ("), "{}", set.text);
    assert_eq!(set.hint.as_deref(), Some("undo with `nanoclaw agents heartbeat andy off`"));
    let id = world.store.heartbeat_of(&agent("andy")).unwrap().unwrap();
    let row = world.store.task(id).unwrap().unwrap();
    assert_eq!(row.task.owner_handle, Some(Handle::new("telegram", "7")), "of its private chat");
    assert!(row.task.prompt.ends_with("answer exactly NOTHING."), "{}", row.task.prompt);
    assert!(world.store.heartbeats().unwrap().contains(&id));

    let changed = world.fine("agents heartbeat andy every 2h --prompt 'See to the tea.'");
    let undo =
        "undo with `nanoclaw agents heartbeat andy every 30m --hours 08:00-22:00 '--prompt=Look";
    let hint = changed.hint.unwrap();
    assert!(hint.starts_with(undo) && !hint.contains("NOTHING"), "{hint}");
    assert!(changed.json["prompt"].as_str().unwrap().starts_with("See to the tea."));
    let off = world.fine("agents heartbeat andy off");
    let undo = "undo with `nanoclaw agents heartbeat andy every 2h --hours 08:00-22:00`";
    assert_eq!(off.hint.as_deref(), Some(undo));
    assert_eq!(world.store.task(id).unwrap().unwrap().state, TaskState::Paused);
    let again = world.fine("agents heartbeat andy every 2h");
    assert_eq!(again.json["heartbeat"], id.to_string());
    assert!(again.json["prompt"].as_str().unwrap().starts_with("See to the tea."), "it is kept");

    // Another place is another task.
    let moved = world.fine("agents heartbeat andy every 2h --chat 1");
    assert_eq!(
        (&moved.json["rule"], &moved.json["prompt"]),
        (&again.json["rule"], &again.json["prompt"])
    );
    assert_ne!(moved.json["heartbeat"], id.to_string());
    assert_eq!(world.store.task(id).unwrap().unwrap().state, TaskState::Cancelled);
    assert_eq!(world.store.heartbeats().unwrap().len(), 1);
}

#[test]
fn what_is_not_said_stays_as_it_is() {
    let mut world = World::new();
    let has = |output: &Output, part: &str| {
        assert!(output.text.starts_with(&format!("andy looks {part} (")), "{}", output.text);
        assert!(output.json["prompt"].as_str().unwrap().starts_with("look at X"), "{output:?}");
    };
    // Until 21:00 would be the same rule.
    let set = world.fine("agents heartbeat andy every 2h --hours 8-22 --prompt 'look at X'");
    has(&set, "every 2h, 08:00-22:00");
    let operation = parse_line("agents heartbeat andy every 1h").unwrap();
    let told = prepare(&operation, &world.store, &Caller::Host).unwrap().text;
    assert!(told.contains("every 1h, 08:00-22:00") && told.contains("look at X"), "{told}");
    has(&world.fine("agents heartbeat andy every 1h"), "every 1h, 08:00-22:00");
    let always = world.fine("agents heartbeat andy every 1h --hours always");
    has(&always, "every 1h");
    let hint = always.hint.unwrap();
    world.fine(hint.split('`').nth(1).unwrap());
    has(&world.fine("agents heartbeat andy"), "every 1h, 08:00-22:00");
    world.fine("agents heartbeat andy every 1h --hours always");
    has(&world.fine("agents heartbeat andy every 30m"), "every 30m");
}

#[test]
fn a_hint_brings_back_what_was_looked_at_and_where() {
    let mut world = World::new();
    world.fine("agents heartbeat andy every 30m --prompt \"It's time.\"");
    let set = world.fine("agents heartbeat andy").json;
    for line in [
        "agents heartbeat andy every 2h --prompt 'See to the tea.'",
        "agents heartbeat andy every 2h --hours 8:00-22:00",
        "agents heartbeat andy every 2h --chat 1",
    ] {
        let hint = world.fine(line).hint.unwrap();
        world.fine(hint.split('`').nth(1).unwrap());
        let now = world.fine("agents heartbeat andy").json;
        assert_eq!(
            (&now["rule"], &now["prompt"]),
            (&set["rule"], &set["prompt"]),
            "{line}: {hint}"
        );
        let id = world.store.heartbeat_of(&agent("andy")).unwrap().unwrap();
        let row = world.store.task(id).unwrap().unwrap();
        assert_eq!(row.task.chat, domain::session_key::ChatId(2), "{line}: {hint}");
    }
}

#[test]
fn what_is_no_heartbeat_is_refused_with_what_would_be() {
    let mut world = World::new();
    for (line, why) in [
        ("agents heartbeat andy every 7m", "evenly"),
        ("agents heartbeat andy often", "every 30m"),
        ("agents heartbeat andy --prompt 'See to the tea.'", "say when too, like `every 30m`"),
        ("agents heartbeat andy --hours 8:00-22:00", "say when too"),
        ("agents heartbeat andy --chat 2", "say when too"),
        ("agents heartbeat andy every 30m --hours 8:30-22:00", "whole hours"),
        ("agents heartbeat andy every 30m --chat 4", "is not in"),
        ("agents heartbeat ben every 30m", "no private chat"),
        ("agents heartbeat andy every 30m --prompt ' '", "no prompt given"),
    ] {
        let text = world.refused(line, &Caller::Host);
        assert!(text.contains(why), "{line}: {text}");
    }
    assert!(parse_line("agents heartbeat andy every 30m --hours 8").is_err());
}

#[test]
fn an_agent_may_ask_for_its_own_and_people_see_what_it_would_do() {
    let mut world = World::new();
    let own = andy(AdminScope::Own);
    world.refused("agents heartbeat ben every 30m", &own);
    let operation = parse_line("agents heartbeat andy every 30m --chat telegram:7").unwrap();
    assert!(operation.is_change());
    let prepared = prepare(&operation, &world.store, &own).unwrap();
    let line = prepared.operation.to_string();
    assert_eq!(line, "agents heartbeat andy every 30m --chat=c2");
    assert!(prepared.text.contains("checks whether"), "{}", prepared.text);
    assert!(!parse_line("agents heartbeat andy").unwrap().is_change());
}
