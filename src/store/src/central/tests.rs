//! The central database on a real file.

use domain::agent::AgentGroup;

use super::*;

fn store() -> (tempfile::TempDir, CentralStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = CentralStore::open(&dir.path().join("central.db")).unwrap();
    (dir, store)
}

fn andy() -> AgentGroup {
    AgentGroup::new(AgentName::parse("andy").unwrap())
}

fn chat(name: &str) -> Address {
    Address { channel: "cli".into(), account: "local".into(), chat: name.into(), thread: None }
}

#[test]
fn a_removed_agent_comes_back_as_it_was() {
    let (_dir, store) = store();
    let mut agent = andy();
    assert!(store.add_agent(&agent, Timestamp(1)).unwrap());
    assert!(!store.add_agent(&agent, Timestamp(1)).unwrap(), "there already");
    agent.model = Some("opus".into());
    assert!(store.set_agent(&agent).unwrap());
    assert!(store.remove_agent(&agent.name, Timestamp(2)).unwrap());
    assert_eq!(store.agents().unwrap(), []);
    assert!(store.add_agent(&andy(), Timestamp(3)).unwrap());
    assert_eq!(store.agents().unwrap(), [agent]);
}

#[test]
fn a_chat_has_one_session_per_agent() {
    let (_dir, mut store) = store();
    let agent = andy();
    store.add_agent(&agent, Timestamp(1)).unwrap();
    store.wire(&chat("a"), &agent.name, Timestamp(1)).unwrap();
    store.wire(&chat("a"), &agent.name, Timestamp(2)).unwrap();
    assert_eq!(store.wired(&chat("a")).unwrap(), std::slice::from_ref(&agent.name));
    let first = store.create_session(&chat("a"), &agent.name, Timestamp(1)).unwrap();
    assert_eq!(store.create_session(&chat("a"), &agent.name, Timestamp(2)).unwrap(), first);
    assert_eq!(store.session(first).unwrap().unwrap().chat, chat("a"));
    assert!(store.create_session(&chat("b"), &agent.name, Timestamp(1)).is_err(), "not wired");
}

#[test]
fn a_newer_database_is_refused_and_a_damaged_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("central.db");
    drop(CentralStore::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(CentralStore::open(&path), Err(StoreError::Newer { .. })));
    for file in ["central.db", "central.db-wal", "central.db-shm"] {
        std::fs::remove_file(dir.path().join(file)).ok();
    }
    std::fs::write(&path, "this is not a database, whatever its name says").unwrap();
    assert!(matches!(CentralStore::open(&path), Err(StoreError::Corrupt { .. })));
}
