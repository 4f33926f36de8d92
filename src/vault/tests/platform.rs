//! Secret fields of accounts on platforms.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::time::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use vault::platform::{Holder, check_field};
use vault::{Key, Limits, SealedRow, SecretRows, Vault, VaultError};

use crate::rig::MemoryRows;

const VALUE: &str = "12345:the-bot-token";

fn vault(rows: &Arc<MemoryRows>) -> Vault {
    let rows = Arc::clone(rows) as Arc<dyn SecretRows>;
    Vault::new(Key::generate(), rows, Limits::default()).unwrap()
}

fn sealed(vault: &Vault, of: Holder<'_>, field: &str, value: &str) -> SealedRow {
    vault.seal_field(of, field, &value.into(), Timestamp(1)).unwrap()
}

#[tokio::test]
async fn a_field_opens_for_its_account_and_no_agents_list_shows_it() {
    let rows = Arc::new(MemoryRows::default());
    let vault = vault(&rows);
    let urls = BTreeMap::new();
    let of = Holder { channel: "telegram", account: "main", urls: &urls };
    let password = "two words,\n\u{fc}";
    let all = [sealed(&vault, of, "token", VALUE), sealed(&vault, of, "password", password)];
    let opened = vault.open_fields(of, &all).unwrap();
    assert_eq!(opened["token"].expose_secret(), VALUE);
    assert_eq!(opened["password"].expose_secret(), password, "a password may be any text");
    assert!(vault.open_fields(of, &[]).unwrap().is_empty());
    rows.put(all[0].clone()).await.unwrap();
    assert_eq!(vault.list().await.unwrap(), []);
    let stored = format!("{:?}", rows.rows.lock().unwrap());
    assert!(!stored.contains(VALUE) && !format!("{vault:?}{opened:?}").contains(VALUE));
}

#[test]
fn a_field_opens_for_no_other_address_account_or_field() {
    let vault = vault(&Arc::default());
    let urls = BTreeMap::from([("api".to_owned(), "https://bots.example".to_owned())]);
    let of = Holder { channel: "telegram", account: "main", urls: &urls };
    let row = sealed(&vault, of, "token", VALUE);
    let refused = |of: Holder<'_>, row: &SealedRow| {
        let err = vault.open_fields(of, std::slice::from_ref(row)).unwrap_err();
        assert!(matches!(err, VaultError::Unreadable { .. }));
        assert!(err.to_string().contains("nanoclaw channels add telegram --name"), "{err}");
    };
    let elsewhere = BTreeMap::from([("api".to_owned(), "https://evil.example".to_owned())]);
    for urls in [&elsewhere, &BTreeMap::new()] {
        refused(Holder { urls, ..of }, &row);
    }
    let second = Holder { account: "second", ..of };
    refused(second, &row);
    // The row under another account's name, and under another field's.
    refused(second, &SealedRow { name: second.name("token"), ..row.clone() });
    refused(of, &SealedRow { name: of.name("password"), ..row });
}

#[test]
fn what_is_no_value_is_not_sealed() {
    assert!(check_field(&SecretString::from("x".repeat(64 * 1024))).is_ok());
    for bad in [String::new(), "x".repeat(64 * 1024 + 1)] {
        check_field(&bad.into()).unwrap_err();
    }
}
