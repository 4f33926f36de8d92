//! The value of a credential, in memory.
//!
//! Invariants
//! - It has neither `Display` nor `Serialize`, and its `Debug` shows nothing of it.
//! - One that is typed in is 1 to 4096 visible ASCII characters, so it is always a valid header value.
//! - Its memory is wiped when dropped. That is best effort: the HTTP client copies header bytes.

use secrecy::{ExposeSecret, SecretString};

/// Far above every key and token in use (an OAuth token has about 110 bytes), far below what an
/// HTTP server takes as a header.
const SECRET_BYTES_MAX: usize = 4096;
/// Holds the key file of a service's account.
const FIELD_BYTES_MAX: usize = 64 * 1024;

/// A credential's value. `Debug` prints a placeholder.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

/// Why an input is no credential. Says nothing of the input itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    #[error("the credential is empty")]
    Empty,
    #[error("the credential is longer than {SECRET_BYTES_MAX} bytes; is it the right one?")]
    TooLong,
    #[error("it is longer than {FIELD_BYTES_MAX} bytes")]
    FieldTooLong,
    #[error("the credential has a space, a line break or a character that no key has")]
    NotPrintable,
}

impl Secret {
    /// Takes what a user typed, pasted or piped in, without its line end.
    pub fn from_input(mut input: String) -> Result<Self, InvalidSecret> {
        input.truncate(input.trim_end_matches(['\r', '\n']).len());
        // Wrapped before it is judged, so that a refused value is wiped too.
        let secret = Self(SecretString::from(input));
        let value = secret.expose();
        if value.is_empty() {
            Err(InvalidSecret::Empty)
        } else if value.len() > SECRET_BYTES_MAX {
            Err(InvalidSecret::TooLong)
        } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(InvalidSecret::NotPrintable)
        } else {
            Ok(secret)
        }
    }

    /// A field of an account on a platform, which may be any text: a password, a key file.
    pub(crate) fn of_field(value: &SecretString) -> Result<Self, InvalidSecret> {
        match value.expose_secret().len() {
            0 => Err(InvalidSecret::Empty),
            1..=FIELD_BYTES_MAX => Ok(Self(value.clone())),
            _ => Err(InvalidSecret::FieldTooLong),
        }
    }

    /// What was sealed, and checked before that.
    pub(crate) fn opened(plain: String) -> Self {
        Self(plain.into())
    }

    /// The value itself. Only sealing and injection call this.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// For the adapter of a platform, which runs in this process.
    pub(crate) fn into_inner(self) -> SecretString {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_not_part_of_a_key() {
        for input in ["sk-ant-api03-x", "sk-ant-api03-x\n", "sk-ant-api03-x\r\n"] {
            assert_eq!(Secret::from_input(input.to_owned()).unwrap().expose(), "sk-ant-api03-x");
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        let too_long = "x".repeat(SECRET_BYTES_MAX + 1);
        for (input, why) in [
            ("", InvalidSecret::Empty),
            ("\n\n", InvalidSecret::Empty),
            (" sk", InvalidSecret::NotPrintable),
            ("sk\nsk", InvalidSecret::NotPrintable),
            ("sk\0", InvalidSecret::NotPrintable),
            ("schlüssel", InvalidSecret::NotPrintable),
            (too_long.as_str(), InvalidSecret::TooLong),
        ] {
            assert_eq!(Secret::from_input(input.to_owned()).unwrap_err(), why, "{input:?}");
        }
        assert!(Secret::from_input("x".repeat(SECRET_BYTES_MAX)).is_ok());
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let shown = format!("{:?}", Secret::from_input("hush-hush".to_owned()).unwrap());
        assert!(!shown.contains("hush"), "{shown}");
    }
}
