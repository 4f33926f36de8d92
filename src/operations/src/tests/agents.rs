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
    assert_eq!(fits.hint, None);
    assert_eq!(world.fine("agents set andy --pids 100").hint, None);
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
