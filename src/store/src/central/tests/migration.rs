//! Databases of earlier versions.

use super::*;

#[test]
fn opening_again_changes_nothing() {
    let (dir, store) = store_with(&["andy"]);
    drop(store);
    let store = CentralStore::open(&dir.path().join("central.db")).unwrap();
    assert_eq!(store.agents().unwrap(), [andy()]);
}
