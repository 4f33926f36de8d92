//! Agents: limits that the machine cannot give, and one that comes back.

use super::*;
use crate::Machine;

#[test]
fn no_agent_gets_more_than_the_machine_has() {
    let mut world = World::new();
    let unknown = world.fine("agents set andy --cpus 64 --memory 900000");
    let warning = unknown.hint.unwrap_or_default();
    assert!(warning.contains("did not say what its machine has"), "{warning}");
    Machine { cpus: 2, memory_mib: 8_000 }.keep(&world.store).unwrap();
    for line in ["agents set andy --cpus 2.5", "agents add zoe --cpus 64"] {
        let why = world.refused(line, &Caller::Host);
        assert!(why.contains("the machine has 2; say `--cpus 2` or less"), "{why}");
    }
    let why = world.refused("agents set andy --memory 8001", &Caller::Host);
    assert!(why.contains("cannot have 8001 MiB of memory: the machine has 8000 MiB"), "{why}");
    assert_eq!(world.store.agent(&agent("zoe")).unwrap(), None);
    let fits = world.fine("agents set andy --cpus 2 --memory 8000");
    let undo = "undo with `nanoclaw agents set andy --memory=900000 --cpus=64`";
    assert_eq!(fits.hint.as_deref(), Some(undo));
    assert_eq!(world.fine("agents set andy --cpus 2").hint, None, "nothing changes");
}

#[test]
fn an_agent_that_comes_back_is_not_called_new() {
    let mut world = World::new();
    let added = world.fine("agents add zoe");
    assert!(added.text.starts_with("added zoe;"), "{added:?}");
    world.fine("agents remove zoe");
    // Its settings are those that a new one has.
    let back = world.fine("agents add zoe");
    assert_eq!(back.text, "brought zoe back with its settings, files and memory");
    assert_eq!(back.json["was_removed"], true);
}

#[test]
fn a_command_for_speech_needs_a_place_for_the_recording() {
    let mut world = World::new();
    let wrong = |line: &str| parse_line(line).unwrap_err();
    let why = wrong("agents set andy --transcribe 'whisper-cli -f voice.ogg'");
    assert!(why.contains("where the recording goes with {file}"), "{why}");
    assert!(wrong("agents set andy --transcribe ' '").contains("give a command, or `none`"));
    for only in ["{file}", "\"{file}\"", "{file} {file}"] {
        let why = wrong(&format!("agents set andy --transcribe '{only}'"));
        assert!(why.contains("name the program too"), "{why}");
    }
    let why = wrong("agents set andy --transcribe 'hear --lang {lang} {file}'");
    assert!(why.contains("only {file} is filled in, and not {lang}"), "{why}");
    for fine in ["${HOME}/hear {file}", "hear {file} | awk '\\''{ print $1 }'\\''"] {
        world.fine(&format!("agents set andy --transcribe '{fine}'"));
    }
    world.fine("agents set andy --transcribe none");
    let long = format!("agents set andy --transcribe '{} {{file}}'", "x".repeat(200));
    assert!(wrong(&long).contains("at most 140 characters"));
    let shown = |world: &mut World| world.fine("agents show andy").json["transcribe"].clone();
    assert_eq!(shown(&mut world), "none");
    let set = world.fine("agents set andy --transcribe 'hear \"{file}\" | tr a b'");
    assert_eq!(set.text, "andy: transcribe none → hear \"{file}\" | tr a b");
    assert_eq!(shown(&mut world), "hear \"{file}\" | tr a b");
    assert!(world.fine("agents show andy").text.contains("hear \"{file}\""));
    world.fine("agents set andy --model m");
    assert_eq!(shown(&mut world), "hear \"{file}\" | tr a b", "another setting leaves it");
    assert_eq!(world.fine("agents set andy --transcribe none").json["transcribe"], "none");
}

/// People read the whole command before they agree to it.
#[test]
fn an_agent_asks_for_a_command_of_its_own_and_shows_it() {
    let mut world = World::new();
    let own = andy(AdminScope::Own);
    let change = parse_line("agents set andy --transcribe 'sh hear.sh {file}'").unwrap();
    assert!(change.is_change());
    let asked = crate::prepare(&change, &world.store, &own).unwrap();
    assert!(asked.text.contains("transcribe none → sh hear.sh {file}"), "{}", asked.text);
    let longest = |letter: &str| format!("{} {{file}}", letter.repeat(133));
    world.fine(&format!("agents set andy --transcribe '{}'", longest("x")));
    let line = format!("agents set andy --transcribe '{}'", longest("y"));
    let asked = crate::prepare(&parse_line(&line).unwrap(), &world.store, &own).unwrap();
    let details: Vec<String> = asked.text.lines().map(str::to_owned).collect();
    let card = domain::texts::approval::change(&agent("andy"), &line, &details);
    assert!(card.contains(&longest("y")) && !card.contains("not shown"), "{card}");
    // So they do a template, whatever is in it.
    let template = format!("{}\nlast words", "x".repeat(980));
    let line = format!("chats set 1 --template '{template}'");
    let asked = crate::prepare(&parse_line(&line).unwrap(), &world.store, &Caller::Host).unwrap();
    let details: Vec<String> = asked.text.lines().map(str::to_owned).collect();
    let card = domain::texts::approval::change(&agent("andy"), "chats set", &details);
    assert!(card.contains("last words") && !card.contains("not shown"), "{card}");
    let other = parse_line("agents set ben --transcribe 'x {file}'").unwrap();
    assert!(crate::check(&other, &world.store, &own).is_err());
}
