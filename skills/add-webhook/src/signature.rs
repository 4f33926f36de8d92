//! Whether a body was signed with our secret, as GitHub does it: `sha256=` and the HMAC in hex
//! (<https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>).

use channel::{ExposeSecret, SecretString};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The header with the signature.
pub(crate) const HEADER: &str = "x-hub-signature-256";

/// Compares in constant time.
pub(crate) fn is_right(secret: &SecretString, body: &[u8], signature: &[u8]) -> bool {
    let Some(tag) = signature.strip_prefix(b"sha256=").and_then(unhex) else { return false };
    // A key of any length is taken; there is no other error.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&tag).is_ok()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let byte = |pair: &[u8]| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GitHub's own example, see the address above.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const RIGHT: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn right(secret: &str, body: &[u8], signature: &str) -> bool {
        is_right(&SecretString::from(secret), body, signature.as_bytes())
    }

    #[test]
    fn the_example_of_github_is_right() {
        assert!(right(SECRET, BODY, RIGHT));
        assert!(right(SECRET, BODY, &RIGHT.to_uppercase().replace("SHA", "sha")));
    }

    #[test]
    fn another_body_or_secret_is_wrong() {
        assert!(!right(SECRET, b"Hello, World?", RIGHT));
        assert!(!right(SECRET, b"", RIGHT));
        assert!(!right("another", BODY, RIGHT));
    }

    #[test]
    fn what_is_no_whole_signature_is_wrong() {
        let hex = RIGHT.trim_start_matches("sha256=");
        for bad in [
            "",
            "sha256=",
            hex,
            &format!("sha1={hex}"),
            &RIGHT[..RIGHT.len() - 1],
            &RIGHT[..RIGHT.len() - 2],
            &format!("{RIGHT}00"),
            &RIGHT.replace('7', "g"),
        ] {
            assert!(!right(SECRET, BODY, bad), "{bad}");
        }
    }
}
