//! Adding, listing, removing and probing credentials.

use domain::time::Timestamp;
use vault::{
    BaseUrl, Credential, CredentialKind, KeyFileError, Limits, Secret, SecretRows, Vault,
    VaultError, keyfile,
};

use crate::rig::{KEY, MemoryRows, Rig, TOKEN};

fn secret(value: &str) -> Secret {
    Secret::from_input(value.to_owned()).unwrap()
}

#[tokio::test]
async fn a_credential_is_listed_without_its_value() {
    let rig = Rig::start().await;
    rig.add(TOKEN, "https://gw.example/x").await;
    let expected = Credential {
        name: "anthropic".to_owned(),
        kind: CredentialKind::AnthropicOauth,
        base_url: BaseUrl::parse("https://gw.example/x").unwrap(),
        created_at: Timestamp(1),
    };
    assert_eq!(rig.vault.list().await.unwrap(), [expected]);

    assert!(rig.vault.remove("anthropic").await.unwrap());
    assert!(!rig.vault.remove("anthropic").await.unwrap());
    assert_eq!(rig.vault.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_name_that_nothing_uses_is_refused() {
    let rig = Rig::start().await;
    let added = rig.vault.add("openai", secret("x"), BaseUrl::default(), Timestamp(1)).await;
    assert!(matches!(added, Err(VaultError::UnknownName(name)) if name == "openai"));
}

#[tokio::test]
async fn a_probe_tells_whether_the_destination_is_there_without_sending_the_key() {
    let rig = Rig::start().await;
    let (credential, reached) = rig.vault.probe("anthropic").await.unwrap();
    assert_eq!((credential.name.as_str(), reached), ("anthropic", Ok(404)));
    let seen = rig.api.requests().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str(), seen.key()), ("GET", "/", None));
    assert!(!seen.mentions(KEY));

    rig.vault.remove("anthropic").await.unwrap();
    let err = rig.vault.probe("anthropic").await.unwrap_err();
    assert!(err.to_string().contains("nanoclaw vault add anthropic"), "{err}");
}

#[tokio::test]
async fn a_credential_outlives_the_program_but_not_its_key_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("vault.key");
    let rows = std::sync::Arc::new(MemoryRows::default());
    let keeper = || std::sync::Arc::clone(&rows) as std::sync::Arc<dyn SecretRows>;

    let first =
        Vault::new(keyfile::open_or_create(&path, false).unwrap(), keeper(), Limits::default())
            .unwrap();
    let url = BaseUrl::parse("http://127.0.0.1:1").unwrap();
    first.add("anthropic", secret(KEY), url, Timestamp(1)).await.unwrap();
    drop(first);
    let second =
        Vault::new(keyfile::open_or_create(&path, true).unwrap(), keeper(), Limits::default())
            .unwrap();
    assert!(second.probe("anthropic").await.is_ok());

    std::fs::remove_file(&path).unwrap();
    let lost = keyfile::open_or_create(&path, true).unwrap_err();
    assert!(matches!(lost, KeyFileError::KeyMissing { .. }), "{lost}");
}
