//! Tokens of accounts on platforms.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::time::Timestamp;
use secrecy::ExposeSecret;
use vault::platform::Holder;
use vault::{Key, Limits, Secret, SecretRows, Vault, VaultError};

use crate::rig::MemoryRows;

const VALUE: &str = "12345:the-bot-token";

fn vault(rows: &Arc<MemoryRows>) -> Vault {
    let rows = Arc::clone(rows) as Arc<dyn SecretRows>;
    Vault::new(Key::generate(), rows, Limits::default()).unwrap()
}

async fn add(vault: &Vault, of: Holder<'_>) {
    let token = Secret::from_input(VALUE.to_owned()).unwrap();
    vault.add_token(of, &token, Timestamp(1)).await.unwrap();
}

#[tokio::test]
async fn a_token_opens_for_its_account_and_no_agents_list_shows_it() {
    let rows = Arc::new(MemoryRows::default());
    let vault = vault(&rows);
    let urls = BTreeMap::new();
    let of = Holder { channel: "telegram", account: "main", urls: &urls };
    assert!(vault.token(of).await.unwrap().is_none());
    add(&vault, of).await;
    assert_eq!(vault.token(of).await.unwrap().unwrap().expose_secret(), VALUE);
    assert!(vault.has_token(of).await.unwrap());
    assert!(vault.token(Holder { account: "second", ..of }).await.unwrap().is_none());
    assert_eq!(vault.list().await.unwrap(), []);
    let stored = format!("{:?}", rows.rows.lock().unwrap());
    assert!(!stored.contains(VALUE) && !format!("{vault:?}").contains(VALUE));

    assert!(vault.remove_token(of).await.unwrap());
    assert!(!vault.remove_token(of).await.unwrap());
}

#[tokio::test]
async fn a_token_is_not_sent_to_an_address_or_account_that_it_was_not_given_for() {
    let rows = Arc::new(MemoryRows::default());
    let vault = vault(&rows);
    let urls = BTreeMap::from([("api".to_owned(), "https://bots.example".to_owned())]);
    let of = Holder { channel: "telegram", account: "main", urls: &urls };
    add(&vault, of).await;

    let elsewhere = BTreeMap::from([("api".to_owned(), "https://evil.example".to_owned())]);
    for urls in [&elsewhere, &BTreeMap::new()] {
        let opened = vault.token(Holder { urls, ..of }).await;
        let err = opened.unwrap_err();
        assert!(matches!(err, VaultError::Unreadable { .. }));
        assert!(err.to_string().contains("nanoclaw channels add telegram"), "{err}");
    }
    // The row under another account's name.
    let mut row = rows.rows.lock().unwrap().values().next().unwrap().clone();
    row.name = "channel/telegram/second".to_owned();
    rows.put(row).await.unwrap();
    assert!(vault.token(Holder { account: "second", ..of }).await.is_err());
}
