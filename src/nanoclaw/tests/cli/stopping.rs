//! Stops from the command line, without a host and without an engine.

use crate::Home;

#[test]
fn a_stop_is_written_down_even_if_nothing_answers_and_a_resume_undoes_it() {
    let home = Home::new();
    home.run(&["agents", "list"]).fine();
    home.run(&["agents", "stop", "eve"]).refused(1, "there is no agent `eve`");
    let said = home.run(&["agents", "stop", "andy"]);
    // The engine is not there, so nobody knows what it runs: that is no success.
    assert!(said.code == 1 && said.out.contains("nanoclaw agents resume andy"), "{}", said.out);
    assert!(said.err.contains("warning") && said.err.contains("cannot be stopped"), "{}", said.err);
    assert!(home.run(&["agents", "list"]).fine().contains("the command line"));
    let show = home.run(&["agents", "show", "andy", "--json"]).json();
    assert_eq!(show["stopped_by"], "the command line");
    let panic = home.run(&["panic", "--json"]);
    assert!(panic.code == 1 && panic.out.contains("\"all\": true"), "{}", panic.out);
    assert!(home.run(&["doctor"]).out.contains("stopped: every agent"));
    home.run(&["resume"]).refused(64, "--all");
    home.run(&["resume", "andy", "--all"]).refused(64, "cannot be used");
    let text = home.run(&["agents", "resume", "--all"]).fine();
    assert!(text.contains("resumed every agent") && !text.contains("still stopped"), "{text}");
    let text = home.run(&["agents", "resume", "andy"]).fine();
    assert!(text.contains("nothing to resume"), "{text}");
    assert!(home.store().stops().unwrap().is_empty());
}

#[test]
fn the_help_of_an_emergency_says_how_to_undo_it() {
    let home = Home::new();
    assert!(home.run(&["panic", "--help"]).fine().contains("agents resume --all"));
    assert!(home.run(&["agents", "stop", "--help"]).fine().contains("nanoclaw agents resume NAME"));
}
