//! The promises of [`super`], each tried by breaking it.

use proptest::prelude::*;

use super::*;

const NAME: &str = "anthropic";

fn url(text: &str) -> BaseUrl {
    BaseUrl::parse(text).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::from_input(text.to_owned()).unwrap()
}

const KIND: CredentialKind = CredentialKind::AnthropicKey;

fn binding(base_url: &BaseUrl) -> Vec<u8> {
    bound(NAME, KIND, base_url)
}

#[test]
fn a_credential_does_not_open_under_another_name_kind_or_destination() {
    let (key, home, elsewhere) = (Key::generate(), BaseUrl::default(), url("https://evil.example"));
    let sealed = seal(&key, &binding(&home), &secret("sk-ant-1")).unwrap();
    for moved in [
        bound("github", KIND, &home),
        bound(NAME, CredentialKind::AnthropicOauth, &home),
        binding(&elsewhere),
        binding(&url("https://api.anthropic.com/x")),
        binding(&url("https://api.anthropic.com:8443")),
    ] {
        assert_eq!(open(&key, &moved, &sealed).unwrap_err(), OpenError::Tampered, "{moved:?}");
    }
    assert_eq!(open(&key, &binding(&home), &sealed).unwrap().expose(), "sk-ant-1");
}

#[test]
fn two_rows_cannot_be_swapped() {
    let (key, home) = (Key::generate(), BaseUrl::default());
    let (one, two) = (binding(&home), bound("other", KIND, &home));
    let sealed_one = seal(&key, &one, &secret("first")).unwrap();
    let sealed_two = seal(&key, &two, &secret("second")).unwrap();
    assert_eq!(open(&key, &one, &sealed_two).unwrap_err(), OpenError::Tampered);
    assert_eq!(open(&key, &two, &sealed_one).unwrap_err(), OpenError::Tampered);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let (key, home) = (Key::generate(), BaseUrl::default());
    let sealed = seal(&key, &binding(&home), &secret("sk-ant-1")).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut bytes = sealed.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key, &binding(&home), &bytes).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(open(&key, &binding(&home), &sealed[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn another_key_is_told_from_a_changed_row() {
    let home = BaseUrl::default();
    let sealed = seal(&Key::generate(), &binding(&home), &secret("sk-ant-1")).unwrap();
    let err = open(&Key::generate(), &binding(&home), &sealed).unwrap_err();
    assert_eq!(err, OpenError::WrongKey);
}

#[test]
fn bindings_that_read_alike_are_told_apart() {
    let home = BaseUrl::default();
    let (one, two) = (bound("aanthropic-key", KIND, &home), bound("a", KIND, &home));
    assert_ne!(one, two);
    assert!(!one.starts_with(&two) && !two.starts_with(&one));
}

#[test]
fn the_key_is_not_in_debug() {
    let key = Key::from_bytes(Box::new([0xab; KEY_BYTES]));
    let shown = format!("{key:?}");
    assert!(!shown.contains("171") && !shown.contains("ab"), "{shown}");
}

proptest! {
    #[test]
    fn what_was_sealed_opens_again(value in "[!-~]{1,4096}", name in "[a-z]{1,32}", port: u16) {
        let (key, home) = (Key::generate(), url(&format!("https://host.example:{port}/p")));
        let bound = bound(&name, KIND, &home);
        let sealed = seal(&key, &bound, &secret(&value)).unwrap();
        let opened = open(&key, &bound, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), value);
    }
}
