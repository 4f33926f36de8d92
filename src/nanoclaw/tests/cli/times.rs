//! Time zones of the install and of people, and when people are left alone.

use serde_json::json;

use crate::Home;

#[test]
fn the_install_takes_the_machines_zone_once_and_keeps_what_is_said() {
    let home = Home::new();
    let in_zone = |zone: &str, args: &[&str]| {
        let out = home.command(args).env("TZ", zone).output().unwrap();
        crate::Said::from(out)
    };
    let first = in_zone("Asia/Tokyo", &["timezone", "--json"]).json();
    assert_eq!(first["zone"], "Asia/Tokyo");
    assert!(first["now"].as_str().unwrap().ends_with("JST"), "{first}");
    // The machine moved; what was taken over stays.
    assert!(in_zone("Europe/Berlin", &["timezone"]).fine().starts_with("Asia/Tokyo; it is "));
    let set = in_zone("Asia/Tokyo", &["timezone", "berlin"]);
    assert!(set.err.contains("undo with `nanoclaw timezone Asia/Tokyo`"), "{}", set.err);
    assert!(set.fine().starts_with("Europe/Berlin; it is "));
    home.run(&["timezone", "Berln"]).refused(1, "did you mean `Europe/Berlin`");
    assert_eq!(in_zone("Asia/Tokyo", &["timezone", "--json"]).json()["zone"], "Europe/Berlin");
}

#[test]
fn people_have_zones_and_quiet_hours_of_their_own() {
    let home = Home::new();
    home.run(&["timezone", "Europe/Berlin"]).fine();
    home.run(&["users", "add", "telegram:7", "--name", "Ann"]).fine();
    let zone = home.run(&["users", "timezone", "ann", "--json"]).json();
    assert_eq!(zone, json!({ "id": "p1", "own": null, "zone": "Europe/Berlin" }));
    let set = home.run(&["users", "timezone", "ann", "new york"]);
    assert!(set.err.contains("undo with `nanoclaw users timezone p1 -`"), "{}", set.err);
    assert_eq!(set.fine().trim(), "Ann (p1) lives in America/New_York");
    home.run(&["users", "timezone", "ann", "nowhere at all"]).refused(1, "there is no time zone");

    let quiet = home.run(&["users", "quiet", "ann", "22-7"]);
    assert!(quiet.err.contains("undo with `nanoclaw users quiet p1 off`"), "{}", quiet.err);
    assert_eq!(quiet.fine().trim(), "Ann (p1) is left alone 22:00-07:00 (America/New_York)");
    home.run(&["users", "quiet", "ann", "22"]).refused(1, "is no span of the day");
    let show = home.run(&["users", "show", "ann", "--json"]).json();
    assert_eq!(
        (&show["zone"], &show["quiet"]),
        (&"America/New_York".into(), &"22:00-07:00".into())
    );
    assert_eq!(
        home.run(&["users", "quiet", "ann", "off"]).fine().trim(),
        "Ann (p1) has no quiet hours"
    );
}
