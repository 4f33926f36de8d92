//! Chats are connected, shown and disconnected.

use domain::message::{Address, ChatInfo};
use domain::time::Timestamp;
use serde_json::json;
use store::CentralStore;

use crate::Home;

/// A data directory that has heard of a group and of a direct chat.
fn with_chats() -> Home {
    let home = Home::new();
    home.run(&["agents", "list"]).fine();
    let mut store = home.store();
    chat(&mut store, "-5", "Our Family", true);
    chat(&mut store, "7", "", false);
    home
}

fn chat(store: &mut CentralStore, id: &str, title: &str, is_group: bool) {
    let (channel, account) = ("telegram".into(), "main".into());
    let at = Address { channel, account, chat: id.into(), thread: None };
    store
        .ensure_chat(&at, &ChatInfo { title: title.into(), is_group }, None, Timestamp(1))
        .unwrap();
}

#[test]
fn a_chat_is_connected_at_three_levels_and_disconnected() {
    let home = with_chats();
    let said = home.run(&["chats", "list"]);
    assert!(said.err.contains("nanoclaw chats connect 1 --own"), "{}", said.err);
    assert!(said.fine().contains("Our Family"));

    let own = home.run(&["chats", "connect", "our family", "--own", "--yes", "--json"]).json();
    assert_eq!((&own["agent"], &own["engage"]), (&"our-family".into(), &"mention".into()));
    assert_eq!((&own["scope"], &own["ignored"]), (&"known".into(), &"accumulate".into()));
    let said = home.run(&["chats", "connect", "telegram:7", "andy", "-y"]);
    assert!(said.err.contains("undo with `nanoclaw chats disconnect 2 andy`"), "{}", said.err);
    said.fine();
    home.run(&["chats", "connect", "1", "andy", "--same-conversation", "--yes"]).fine();

    let list = home.run(&["chats", "list", "--json"]).json();
    assert_eq!(list[0]["agents"], json!(["andy", "our-family"]));
    let show = home.run(&["chats", "show", "1", "--json"]).json();
    assert_eq!(show["wirings"][0]["session_mode"], "agent-shared");
    let names = home.run(&["destinations", "list", "--agent", "andy", "--json"]).json();
    assert_eq!(names[0]["name"], "our-family");

    home.run(&["chats", "disconnect", "1", "andy", "--json"]).fine();
    home.run(&["chats", "disconnect", "1", "andy"]).refused(1, "is not connected");
    home.run(&["chats", "connect", "nowhere", "andy", "-y"])
        .refused(1, "there is no chat `nowhere`");
    home.run(&["chats", "connect", "1", "andy", "-y", "--pattern", "["]).refused(1, "regex");
    home.run(&["chats", "connect", "1", "andy", "--engage", "never"]).refused(64, "always");
}

#[test]
fn nothing_is_shared_before_somebody_agreed() {
    let home = with_chats();
    let said = home.run(&["chats", "connect", "1", "andy"]);
    assert!(said.err.contains("connected to the agent `andy`"), "{}", said.err);
    said.refused(1, "nobody is there to agree");
    let text = home.run(&["chats", "connect", "1", "andy", "--dry-run"]).fine();
    let rest = "the other messages are kept and shown to it with the next one";
    assert!(text.contains("Shared: ") && text.contains(rest), "{text}");
    let drop = ["chats", "connect", "1", "andy", "--context", "drop", "--dry-run"];
    assert!(home.run(&drop).fine().contains("it never sees the other messages"));
    assert_eq!(home.run(&["chats", "list", "--json"]).json()[0]["agents"], json!([]));
}

#[test]
fn a_chat_is_left_alone_and_listened_to_again() {
    let home = with_chats();
    let said = home.run(&["chats", "set", "1", "--policy", "strict", "--deny"]).fine();
    assert!(said.contains("everything in it is ignored from now on"), "{said}");
    let show = home.run(&["chats", "show", "1", "--json"]).json();
    assert_eq!((&show["policy"], &show["denied"]), (&"strict".into(), &true.into()));
    home.run(&["chats", "set", "1", "--undeny"]).fine();
    home.run(&["chats", "set", "1"]).refused(1, "no change given for chat 1");
    home.run(&["chats", "set", "1", "--policy", "lax"]).refused(64, "strict");
}

#[test]
fn a_chat_where_programs_post_has_a_template_and_no_other() {
    let home = with_chats();
    let group = ChatInfo { title: String::new(), is_group: true };
    for (channel, account) in [("webhook", "main"), ("cli", "local")] {
        let (channel, account) = (channel.into(), account.into());
        let at = Address { channel, account, chat: "ci".into(), thread: None };
        home.store().ensure_chat(&at, &group, None, Timestamp(1)).unwrap();
    }
    let template = "--template=CI: {workflow_run.html_url}";
    home.run(&["chats", "set", "cli:ci", template]).refused(1, "people write on cli");
    home.run(&["chats", "set", "cli:ci", "--template=-"]).fine();
    let said = home.run(&["chats", "set", "webhook:ci", template]);
    assert!(said.err.contains("undo with `nanoclaw chats set 3 --template=-`"), "{}", said.err);
    assert!(said.fine().contains("events there are told as: CI: {workflow_run.html_url}"));
    let shown = || home.run(&["chats", "show", "3", "--json"]).json()["template"].clone();
    assert_eq!(shown(), "CI: {workflow_run.html_url}");
    let said = home.run(&["chats", "set", "3", "--deny", "--json"]).json();
    assert_eq!(said["template"], "CI: {workflow_run.html_url}");
    let said = home.run(&["chats", "set", "3", "--template", "-"]);
    assert!(said.err.contains("'--template=CI: {workflow_run.html_url}'"), "{}", said.err);
    assert!(said.fine().contains("events there are told in the usual way"));
    assert_eq!(shown(), serde_json::Value::Null);
    let long = format!("--template={}", "x".repeat(2_001));
    let said = home.run(&["chats", "set", "3", &long]);
    assert!(said.err.len() < 500, "{}", said.err);
    said.refused(64, "take 1 to 1000 bytes");
}

#[test]
fn what_nobody_heard_is_counted_and_forgotten() {
    let home = with_chats();
    let mut store = home.store();
    let eve = domain::message::Author::new("66", "Eve");
    let at = store.chats().unwrap()[0].address.clone();
    store.record_drop(&at, &eve, "unknown-strict", Timestamp(1)).unwrap();
    let said = home.run(&["dropped", "list"]);
    assert!(said.err.contains("nanoclaw members add telegram:66"), "{}", said.err);
    let text = said.fine();
    assert!(text.contains("Eve (66)") && text.contains("a chat that ignores them"), "{text}");
    assert_eq!(home.run(&["dropped", "list", "--json"]).json()[0]["count"], 1);
    assert_eq!(home.run(&["dropped", "clear", "--json"]).json(), json!({ "cleared": 1 }));
}

#[test]
fn lists_that_are_empty_say_what_fills_them() {
    let home = Home::new();
    for (list, says) in [
        ("chats", "no chat is known yet"),
        ("users", "nanoclaw pair"),
        ("roles", "nanoclaw pair"),
        ("members", "there are no members"),
        ("destinations", "no agent may write"),
        ("sessions", "nanoclaw chat"),
        ("approvals", "nobody was asked"),
        ("dropped", "nothing was dropped"),
    ] {
        assert!(home.run(&[list, "list"]).fine().contains(says), "{list}");
        let empty = home.run(&[list, "list", "--json"]).json();
        let none = json!({ "members": [], "refused": [] });
        assert!(empty == json!([]) || empty == none, "{list}: {empty}");
        assert!(home.run(&[list, "--help"]).fine().contains("list"), "{list}");
    }
    home.run(&["approvals", "show", "4"]).refused(1, "there is no question `4`");
    home.run(&["sessions", "show", "s9"]).refused(1, "there is no session `s9`");
}
