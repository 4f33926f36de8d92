//! Tasks are scheduled, looked at, changed and brought back.

use domain::message::{Address, ChatInfo};
use domain::time::Timestamp;
use serde_json::json;

use crate::Home;

/// A data directory with a chat that belongs to andy.
fn with_chat() -> Home {
    let home = Home::new();
    home.run(&["agents", "list"]).fine();
    let (channel, account) = ("telegram".into(), "main".into());
    let at = Address { channel, account, chat: "7".into(), thread: None };
    home.store().ensure_chat(&at, &ChatInfo::default(), None, Timestamp(1)).unwrap();
    home.run(&["chats", "connect", "telegram:7", "andy", "-y"]).fine();
    home
}

#[test]
fn a_task_is_scheduled_shown_changed_and_ended() {
    let home = with_chat();
    let zone = ["--zone", "europe/berlin"];
    let add = [&["tasks", "add", "every weekday at 9", "say what is on"][..], &zone].concat();
    let said = home.run(&add);
    assert!(said.err.contains("undo with `nanoclaw tasks remove t1`"), "{}", said.err);
    let text = said.fine();
    for part in
        ["t1 is scheduled", "every weekday at 09:00, Europe/Berlin", "telegram:7", " 09:00 CE"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let list = home.run(&["tasks", "list", "--json"]).json();
    assert_eq!(
        (&list[0]["rule"], &list[0]["zone"]),
        (&"0 9 * * 1-5".into(), &"Europe/Berlin".into())
    );
    assert_eq!(list[0]["next"].as_array().unwrap().len(), 5);
    let said = home.run(&["tasks", "pause", "what", "is", "on"]);
    assert!(said.err.contains("nanoclaw tasks resume t1"), "{}", said.err);
    assert!(said.fine().contains("t1 is paused"));
    home.run(&["tasks", "resume", "1"]).fine();
    assert!(home.run(&["tasks", "set", "1", "--when", "9:30"]).fine().contains("09:30"));
    let text = home.run(&["tasks", "run", "t1"]).fine();
    assert!(text.contains("is queued") && text.contains("no host runs"), "{text}");
    let history = home.run(&["tasks", "history", "1", "--json"]).json();
    assert_eq!((history.as_array().unwrap().len(), &history[0]["state"]), (1, &"fired".into()));
    let said = home.run(&["tasks", "remove", "1"]);
    assert!(said.err.contains("add it again with `nanoclaw tasks add"), "{}", said.err);
    said.fine();
    assert_eq!(home.run(&["tasks", "list", "--json"]).json(), json!([]));
    assert_eq!(home.run(&["tasks", "list", "--all", "--json"]).json()[0]["state"], "cancelled");
    assert!(home.run(&["tasks", "show", "1"]).fine().contains("cancelled by host"));
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let home = with_chat();
    home.run(&["tasks", "add", "sometime", "x"]).refused(1, "`every weekday at 9`");
    home.run(&["tasks", "add", "in 1 hour", "x", "--zone", "Europe/Berlim"])
        .refused(64, "Europe/Berlin");
    home.run(&["tasks", "add", "in 1 hour", "x", "--missed", "never"]).refused(64, "skip 10m");
    home.run(&["tasks", "show", "9"]).refused(1, "there is no task `9`");
    home.run(&["tasks", "set", "9", "--when", "8"]).refused(1, "there is no task `9`");
    let often = ["tasks", "add", "every 30s", "x"];
    home.run(&often).refused(1, "nanoclaw tasks minimum 30s");
    home.run(&["tasks", "minimum", "30s"]).fine();
    home.run(&often).fine();
    assert_eq!(home.run(&["tasks", "minimum", "--json"]).json(), json!({ "minimum": "30s" }));
}

#[test]
fn a_script_may_be_a_file() {
    let home = with_chat();
    let file = home.path().join("check.sh");
    std::fs::write(&file, "echo '{\"wakeAgent\": false}'\n").unwrap();
    let file = file.to_str().unwrap();
    home.run(&["tasks", "add", "every hour", "look", "--script", file]).fine();
    home.run(&["tasks", "add", "every hour", "look too", "--script", "exit 3"]).fine();
    let list = home.run(&["tasks", "list", "--json"]).json();
    assert!(list[0]["script"].as_str().unwrap().contains("wakeAgent"), "{list}");
    assert_eq!(list[1]["script"], "exit 3");
}

#[test]
fn a_rule_can_be_tried_without_storing_anything() {
    let home = Home::new();
    let rule = ["tasks", "preview", "30 2 * * *", "--zone", "Europe/Berlin"];
    let from = ["--from", "28 march 2027 at 0:00", "--count", "2"];
    let text = home.run(&[&rule[..], &from].concat()).fine();
    assert!(text.contains("Sun 28 Mar 2027 03:00 CEST"), "the hour that is left out: {text}");
    assert!(text.contains("Mon 29 Mar 2027 02:30 CEST") && text.lines().count() == 3, "{text}");
    assert_eq!(home.run(&["tasks", "list", "--json"]).json(), json!([]));
    assert!(home.run(&["tasks", "add", "--help"]).fine().contains("Examples:"));
}
