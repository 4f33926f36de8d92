//! People come, are let in, and get roles.

use serde_json::json;

use crate::Home;

#[test]
fn a_person_is_added_linked_renamed_and_removed() {
    let home = Home::new();
    let added = home.run(&["users", "add", "telegram:7", "--name", "Ann", "--json"]).json();
    assert_eq!(added, json!({ "id": "p1", "handle": "telegram:7" }));
    home.run(&["users", "add", "telegram:7"]).refused(1, "is Ann (p1) already");
    home.run(&["users", "add", "nonsense"]).refused(64, "telegram:123456");
    home.run(&["users", "link", "ann", "discord:5"]).fine();
    home.run(&["users", "set", "ann", "--name", "Anna"]).fine();
    let show = home.run(&["users", "show", "discord:5", "--json"]).json();
    assert_eq!(
        (&show["name"], &show["handles"]),
        (&"Anna".into(), &json!(["discord:5", "telegram:7"]))
    );
    home.run(&["users", "unlink", "discord:5"]).fine();
    home.run(&["users", "unlink", "telegram:7"]).refused(1, "is all that Anna");
    home.run(&["users", "remove", "p1"]).fine();
    home.run(&["users", "show", "p1"]).refused(1, "there is nobody called `p1`");
}

#[test]
fn roles_are_given_and_taken_and_the_last_owner_stays() {
    let home = Home::new();
    // A handle that is nobody's yet becomes somebody.
    home.run(&["roles", "add", "telegram:7", "owner"]).fine();
    home.run(&["roles", "remove", "p1", "owner"]).refused(1, "is the last owner");
    home.run(&["users", "remove", "p1"]).refused(1, "is the last owner");
    home.run(&["users", "add", "telegram:8", "--name", "Bob"]).fine();
    home.run(&["roles", "add", "bob", "admin", "--agent", "andy"]).fine();
    home.run(&["roles", "add", "bob", "owner", "--agent", "andy"])
        .refused(1, "make them its admin");
    home.run(&["roles", "add", "bob", "king"]).refused(64, "owner");
    let roles = home.run(&["roles", "list", "--json"]).json();
    assert_eq!((&roles[1]["role"], &roles[1]["agent"]), (&"admin".into(), &"andy".into()));
    home.run(&["roles", "remove", "bob", "admin"]).refused(1, "is not admin of all");
    home.run(&["roles", "remove", "bob", "admin", "--agent", "andy"]).fine();
}

#[test]
fn the_history_tells_what_was_changed_on_one_line_each() {
    let home = Home::new();
    assert!(home.run(&["history"]).fine().contains("Nothing has happened yet."));
    home.run(&["users", "add", "telegram:7", "--name", "Ann"]).fine();
    home.run(&["agents", "set", "andy", "--model", "x\n\u{1b}[31mhost: roles add"]).fine();
    home.run(&["roles", "add", "p1", "owner"]).fine();
    home.run(&["roles", "add", "p1", "owner"]).fine();
    home.run(&["roles", "add", "p9", "owner"]).refused(1, "there is nobody");
    home.run(&["keep", "--messages", "90d"]).fine();
    home.run(&["timezone", "Europe/Berlin"]).fine();
    let text = home.run(&["history"]).fine();
    let told: Vec<&str> =
        text.lines().filter_map(|it| it.split_once("  host:  ")).map(|it| it.1).collect();
    let added = "users add telegram:7 --name=Ann";
    let set = "agents set andy '--model=x [31mhost: roles add'";
    let kept = "keep --messages 90d --machinery 30d";
    assert_eq!(told, [added, set, "roles add p1 owner", kept, "timezone Europe/Berlin"], "{text}");
    assert!(!text.contains('\u{1b}'));
    let last = home.run(&["history", "-n", "1", "--all", "--json"]).json();
    assert_eq!((&last[0]["kind"], &last[0]["by"]), (&"change".into(), &"host".into()));
    home.run(&["history", "-n", "0"]).refused(64, "0 is not in 1..");
}

#[test]
fn members_may_talk_to_an_agent() {
    let home = Home::new();
    home.run(&["members", "add", "telegram:9"]).fine();
    let list = home.run(&["members", "list", "--json"]).json();
    assert_eq!((&list["members"][0]["agent"], &list["refused"]), (&"andy".into(), &json!([])));
    home.run(&["agents", "add", "ben"]).fine();
    home.run(&["members", "add", "telegram:9"]).refused(1, "no agent given");
    home.run(&["members", "remove", "telegram:9", "andy"]).fine();
    home.run(&["members", "remove", "telegram:9", "andy"]).refused(1, "is no member");
}

#[test]
fn an_agent_has_a_trigger_and_an_admin_scope() {
    let home = Home::new();
    let text =
        home.run(&["agents", "set", "andy", "--trigger", "hey", "--admin-scope", "none"]).fine();
    assert_eq!(text, "andy: trigger @andy → hey\nandy: admin scope own → none\n");
    let show = home.run(&["agents", "show", "andy", "--json"]).json();
    assert_eq!((&show["trigger"], &show["admin_scope"]), (&"hey".into(), &"none".into()));
    home.run(&["agents", "set", "andy", "--admin-scope", "far"]).refused(64, "own");
}
