//! Time zones of the install and of people, and when people are left alone.

use crate::Home;

#[test]
fn the_install_takes_the_machines_zone_once_and_keeps_what_is_said() {
    let home = Home::empty();
    let in_zone = |zone: &str, args: &[&str]| {
        let out = home.command(args).env("TZ", zone).output().unwrap();
        crate::Said::from(out)
    };
    in_zone("Asia/Tokyo", &["setup", "--only", "data,defaults"]).fine();
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
    let set = home.run(&["users", "set", "ann", "--timezone", "new york"]);
    assert!(set.err.contains("undo with `nanoclaw users set p1 --timezone=-`"), "{}", set.err);
    assert_eq!(set.fine().trim(), "Ann (p1) lives in America/New_York");
    let nowhere = ["users", "set", "ann", "--timezone", "nowhere at all"];
    home.run(&nowhere).refused(1, "there is no time zone");

    // By its former name.
    let quiet = home.run(&["users", "quiet", "ann", "22-7"]);
    assert!(quiet.err.contains("undo with `nanoclaw users set p1 --quiet=off`"), "{}", quiet.err);
    assert_eq!(quiet.fine().trim(), "Ann (p1) is left alone 22:00-07:00 (America/New_York)");
    home.run(&["users", "set", "ann", "--quiet", "22"]).refused(1, "is no span of the day");
    home.run(&["users", "set", "ann"]).refused(1, "no change given for Ann (p1)");
    let show = home.run(&["users", "show", "ann", "--json"]).json();
    assert_eq!(
        (&show["zone"], &show["quiet"]),
        (&"America/New_York".into(), &"22:00-07:00".into())
    );
    let text = home.run(&["users", "set", "ann", "--quiet", "off", "--timezone", "-"]).fine();
    assert!(text.contains("that of the install counts: Europe/Berlin"), "{text}");
    assert!(text.contains("Ann (p1) has no quiet hours"), "{text}");
}
