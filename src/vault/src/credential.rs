//! What the vault tells about a credential: everything but its value.

pub use domain::agent::MODEL_CREDENTIAL;
use domain::time::Timestamp;
use domain::words;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{BaseUrl, Secret};

/// How a subscription's token starts (`claude setup-token` prints one); all else is an API key.
const OAUTH_PREFIX: &str = "sk-ant-oat";

/// Decides the header that a credential travels in. Its words are stored and sealed with it, so they
/// never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum CredentialKind {
    /// An API key, sent as `x-api-key`.
    AnthropicKey,
    /// A token of a subscription, sent as `authorization: Bearer`.
    AnthropicOauth,
}

words!(CredentialKind);

impl CredentialKind {
    /// Tells the kind from the value, so that nobody is asked what they pasted.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        if secret.expose().starts_with(OAUTH_PREFIX) {
            Self::AnthropicOauth
        } else {
            Self::AnthropicKey
        }
    }
}

/// A credential without its value, for lists and checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub name: String,
    pub kind: CredentialKind,
    pub base_url: BaseUrl,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_shows_in_the_value() {
        let kind = |text: &str| CredentialKind::of(&Secret::from_input(text.to_owned()).unwrap());
        assert_eq!(kind("sk-ant-oat01-abc"), CredentialKind::AnthropicOauth);
        assert_eq!(kind("sk-ant-api03-abc"), CredentialKind::AnthropicKey);
        assert_eq!(kind("key-of-some-gateway"), CredentialKind::AnthropicKey);
    }

    #[test]
    fn a_kind_reads_back() {
        let words = ["anthropic-key", "anthropic-oauth"];
        assert_eq!(CredentialKind::ALL.map(CredentialKind::as_str), words);
        for kind in CredentialKind::ALL {
            assert_eq!(CredentialKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(CredentialKind::parse("github"), None);
    }
}
