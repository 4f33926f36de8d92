//! Agents come, change and go.

use crate::Home;

#[test]
fn an_agent_is_added_changed_removed_and_brought_back() {
    let home = Home::new();
    assert!(home.run(&["agents", "list"]).fine().contains("andy"));
    home.run(&["agents", "add", "ben", "--provider", "demo", "--memory", "512"]).fine();
    home.run(&["agents", "add", "ben"]).refused(1, "there is an agent `ben` already");

    let changes = ["agents", "set", "ben", "--cpus", "1.5", "--model", "m-1", "--memory", "512"];
    let text = home.run(&changes).fine();
    assert_eq!(text, "ben: model default → m-1\nben: cpus 2 → 1.5\n");
    home.run(&["agents", "set", "ben", "--provider", "auto", "--model", ""]).fine();
    home.run(&["agents", "set", "ben"]).refused(1, "no change given for agent `ben`");
    home.run(&["agents", "set", "eve", "--pids", "99"]).refused(1, "there is no agent `eve`");

    let list = home.run(&["agents", "list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let ben = &list[1];
    assert_eq!((&ben["name"], &ben["cpus"]), (&"ben".into(), &"1.5".into()));
    assert_eq!((&ben["provider"], &ben["effective_provider"]), (&"auto".into(), &"demo".into()));
    assert_eq!((&ben["memory_mib"], &ben["model"]), (&512.into(), &serde_json::Value::Null));

    let text = home.run(&["agents", "remove", "ben"]).fine();
    assert!(text.contains("nanoclaw agents add ben"), "{text}");
    home.run(&["agents", "remove", "ben"]).refused(1, "there is no agent `ben`");
    home.run(&["agents", "remove", "andy"]).refused(1, "is the last agent");

    // It comes back as it was, but for what is said now.
    home.run(&["agents", "add", "ben", "--pids", "64"]).fine();
    let list = home.run(&["agents", "list", "--json"]).json();
    assert_eq!((&list[1]["cpus"], &list[1]["pids"]), (&"1.5".into(), &64.into()));
}
