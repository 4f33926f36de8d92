//! Credentials go in and are never seen again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::Home;

const VALUE: &str = "sk-ant-api03-very-secret";

#[test]
fn a_credential_is_stored_listed_without_its_value_and_removed() {
    let home = Home::new();
    let text = home.feed(&["vault", "add", "anthropic"], format!("{VALUE}\n").as_bytes()).fine();
    assert!(text.contains("anthropic-key") && !text.contains(VALUE), "{text}");
    let mode = fs::metadata(home.path().join("vault.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o700);

    let text = home.run(&["vault", "list"]).fine();
    assert!(text.contains("anthropic") && !text.contains("very-secret"), "{text}");
    let list = home.run(&["vault", "list", "--json"]).json();
    assert_eq!(list[0]["base_url"], "https://api.anthropic.com");
    for entry in fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        assert!(!String::from_utf8_lossy(&bytes).contains("very-secret"), "{}", path.display());
    }
    let agents = home.run(&["agents", "list", "--json"]).json();
    assert_eq!(agents[0]["effective_provider"], "claude");

    home.run(&["vault", "remove", "anthropic"]).fine();
    home.run(&["vault", "remove", "anthropic"]).refused(1, "holds no `anthropic`");
    assert!(home.run(&["vault", "list"]).fine().contains("is empty"));
}

#[test]
fn a_credential_never_goes_in_the_clear_to_another_machine() {
    let home = Home::new();
    let add = |url| home.feed(&["vault", "add", "anthropic", "--base-url", url], VALUE.as_bytes());
    add("http://gateway.example").refused(64, "unencrypted");
    assert!(add("http://127.0.0.1:4000").fine().contains("http://127.0.0.1:4000"));
}

#[test]
fn what_cannot_be_a_credential_is_refused() {
    let home = Home::new();
    home.feed(&["vault", "add", "anthropic"], b"\n").refused(1, "is empty");
    home.feed(&["vault", "add", "anthropic"], b"two words\n").refused(1, "a space");
    home.feed(&["vault", "add", "anthropic"], b"\xff\xfe").refused(1, "`iconv`");
    home.feed(&["vault", "add", "github"], VALUE.as_bytes()).refused(1, "it takes `anthropic`");
    // The value is never an argument.
    home.run(&["vault", "add", "anthropic", VALUE]).refused(64, "unexpected argument");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let home = Home::new();
    home.feed(&["vault", "add", "anthropic"], VALUE.as_bytes()).fine();
    let key = home.path().join("vault.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    home.run(&["vault", "list"]).refused(1, "chmod 600");
    let all = home.run(&["doctor", "--json"]).json();
    let checks = all["checks"].as_array().unwrap();
    let check = checks.iter().find(|it| it["name"] == "credential").unwrap();
    assert_eq!(check["state"], "fail", "{check}");
}

#[test]
fn a_lost_key_is_explained_and_what_it_sealed_can_be_forgotten_and_entered_again() {
    let home = Home::new();
    home.feed(&["vault", "add", "anthropic"], VALUE.as_bytes()).fine();
    let key = home.path().join("vault.key");
    let credential = || {
        let all = home.run(&["doctor", "--json"]).json();
        let checks = all["checks"].as_array().unwrap();
        checks.iter().find(|it| it["name"] == "credential").unwrap().to_string()
    };
    let reset = |last: &str| {
        let said = home.run(&["vault", "reset", last]);
        assert!(said.err.contains("`nanoclaw vault add anthropic`"), "{}", said.err);
        assert!(said.fine().contains("forgotten: anthropic"));
        home.feed(&["vault", "add", "anthropic"], VALUE.as_bytes()).fine();
    };
    fs::remove_file(&key).unwrap();
    for part in ["is missing", "(anthropic)", "`nanoclaw vault reset`"] {
        assert!(credential().contains(part), "{part}: {}", credential());
    }
    home.run(&["vault", "remove", "anthropic"]).refused(1, "is missing");
    home.run(&["vault", "reset"]).refused(1, "nobody is there to agree");
    assert!(credential().contains("is missing"), "nothing was changed");
    reset("--yes");
    fs::write(&key, "half a key").unwrap();
    assert!(credential().contains("10 bytes"), "{}", credential());
    reset("-y");
    assert!(home.path().join("vault.key.old").exists());
    home.run(&["vault", "remove", "anthropic"]).fine();
    assert!(home.run(&["vault", "reset", "-y"]).fine().contains("nothing to forget"));
    assert!(!key.exists(), "a key of which nobody knows whether it is sound");
    home.feed(&["vault", "add", "anthropic"], VALUE.as_bytes()).fine();
    assert!(home.run(&["vault", "list"]).fine().contains("anthropic"));
}
