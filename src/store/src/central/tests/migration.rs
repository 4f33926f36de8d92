//! Databases of earlier versions.

use domain::admission::{Ignored, Policy, Scope};
use domain::engage::Engage;
use domain::session_key::SessionMode;

use super::*;

/// A database as the first version left it.
const ROWS: &str = "
    INSERT INTO agent_group (name, memory_mib, cpu_milli, pids, created_at)
        VALUES ('andy', 2048, 2000, 512, 1), ('ben', 2048, 2000, 512, 1);
    INSERT INTO messaging_group VALUES (1, 'cli', 'local', 'terminal', 1), (7, 'cli', 'local', 'x', 1);
    INSERT INTO wiring VALUES (1, 'andy', 1), (7, 'ben', 1);
    INSERT INTO session VALUES (3, 'andy', 1, 1, 1), (9, 'ben', 7, 1, 0);
    INSERT INTO cursor VALUES ('cli', 'local', '42');
    INSERT INTO secret VALUES ('anthropic', 'anthropic-key', 'https://x', x'00', 1);
    INSERT INTO refusal VALUES ('s3', 'why', 2, 1);
    PRAGMA user_version = 1;";

#[test]
fn a_database_of_the_first_version_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("central.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../../../../migrations/central/0001_start.sql")).unwrap();
    old.execute_batch(ROWS).unwrap();
    drop(old);

    let mut store = CentralStore::open(&path).unwrap();
    assert_eq!(store.agents().unwrap().len(), 2);
    assert_eq!(store.agents().unwrap()[0], andy());
    let chats = store.chats().unwrap();
    assert_eq!(chats.iter().map(|it| it.id.0).collect::<Vec<_>>(), [1, 7]);
    assert_eq!((chats[0].policy, chats[0].denied_at), (Policy::Ask, None));
    let wired = store.wirings_of(chats[0].id).unwrap().remove(0).wiring;
    assert_eq!(wired.engage, Engage::Pattern(".".into()));
    let rest = (wired.scope, wired.ignored, wired.session_mode);
    assert_eq!(rest, (Scope::All, Ignored::Drop, SessionMode::Shared));
    let ids = |rows: Vec<SessionRow>| rows.iter().map(|it| it.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.sessions().unwrap()), [3, 9]);
    assert_eq!(ids(store.awake().unwrap()), [3]);
    assert_eq!(store.cursor("cli", "local").unwrap().as_deref(), Some("42"));
    assert!(store.secret("anthropic").unwrap().is_some());
    assert_eq!(store.refusals().unwrap(), 2);

    // An id is never given out twice.
    let terminal = chats[0].address.clone();
    assert_eq!(store.find_session(&terminal, &agent("andy")).unwrap().unwrap().0, 3);
    assert_eq!(store.create_session(&terminal, &agent("ben"), NOW).unwrap().0, 10);
    let broken: Vec<String> =
        list(&store.conn, "PRAGMA foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(broken, Vec::<String>::new());
    assert_eq!(store.integrity().unwrap(), Vec::<String>::new());
}

#[test]
fn opening_again_changes_nothing() {
    let (dir, store) = store_with(&["andy"]);
    drop(store);
    let store = CentralStore::open(&dir.path().join("central.db")).unwrap();
    assert_eq!(store.agents().unwrap(), [andy()]);
}
