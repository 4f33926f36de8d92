//! Sealing: what makes a credential safe to keep in a database file.
//!
//! A sealed credential is `version (1) | key id (8) | nonce (24) | ciphertext and tag`, made with
//! XChaCha20-Poly1305. Its nonce is long enough to be drawn at random for ever.
//!
//! Invariants
//! - Everything that decides where a credential goes (`bound`) is authenticated with it. A
//!   writer of the database without a key cannot point a credential at another destination, nor
//!   put it under another name: it no longer opens.
//! - A wrong key is told from a changed row by the key id, a digest that reveals nothing of the key.

use chacha20poly1305::aead::rand_core::RngCore;
use chacha20poly1305::aead::{Aead, AeadCore, OsRng, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

use crate::{BaseUrl, CredentialKind, Secret, VaultError};

/// The key's length in bytes; XChaCha20-Poly1305 sets it.
pub const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
/// Counts up when the layout, the cipher or [`encode`] changes.
const VERSION: u8 = 1;
/// Keeps the key id from being the digest of the key for any other purpose.
const KEY_ID_DOMAIN: &[u8] = b"nanoclaw vault key id 1";
/// Keeps the key that authenticates from being the one that seals.
const MAC_DOMAIN: &[u8] = b"nanoclaw vault mac 1";

/// The master key. `Debug` prints a placeholder.
#[derive(Debug)]
pub struct Key(SecretBox<[u8; KEY_BYTES]>);

/// Why a stored credential does not open. None of them can be mended but by adding it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key file was replaced, or the database comes from another install.
    #[error("it was sealed with another key than the vault's key file holds")]
    WrongKey,
    /// The row was changed, damaged, or moved to another name or destination.
    #[error("it was changed since it was sealed")]
    Tampered,
    /// A newer program wrote it.
    #[error("it has format {0}, which this program does not know")]
    Version(u8),
}

fn mac(key: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..KEY_BYTES].copy_from_slice(key);
    Mac::new(&block)
}

impl Key {
    pub fn generate() -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; KEY_BYTES]| OsRng.fill_bytes(bytes)))
    }

    pub fn from_bytes(bytes: Box<[u8; KEY_BYTES]>) -> Self {
        Self(SecretBox::new(bytes))
    }

    /// Authenticates what leaves this machine and comes back: HMAC-SHA-256, with a key of its own that
    /// is made of this one.
    pub fn authenticate(&self, message: &[u8]) -> [u8; 32] {
        self.mac(message).finalize().into_bytes().into()
    }

    /// Whether [`Self::authenticate`] made this code for this message; takes the same time either way.
    pub fn is_authentic(&self, message: &[u8], code: &[u8]) -> bool {
        self.mac(message).verify_slice(code).is_ok()
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let own = mac(self.expose()).chain_update(MAC_DOMAIN).finalize().into_bytes();
        mac(&own.into()).chain_update(message)
    }

    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.expose().into())
    }

    fn id(&self) -> [u8; KEY_ID_BYTES] {
        let digest =
            Sha256::new().chain_update(KEY_ID_DOMAIN).chain_update(self.expose()).finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        id
    }
}

pub(crate) fn bound(name: &str, kind: CredentialKind, base_url: &BaseUrl) -> Vec<u8> {
    encode(&[name, kind.as_str(), base_url.as_str()])
}

/// Each field is preceded by its length, so no two lists have the same bytes.
pub(crate) fn encode(fields: &[&str]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field.as_bytes());
    }
    bytes
}

/// Seals a credential, together with what [`encode`] made. Two calls with the same arguments give
/// different bytes.
/// Never fails in practice: the cipher refuses only messages of more than 256 GiB.
pub(crate) fn seal(key: &Key, bound: &[u8], secret: &Secret) -> Result<Vec<u8>, VaultError> {
    let nonce = XChaCha20Poly1305::generate_nonce(OsRng);
    let payload = Payload { msg: secret.expose().as_bytes(), aad: bound };
    let sealed = key.cipher().encrypt(&nonce, payload);
    let ciphertext = sealed.map_err(|_no_detail| VaultError::Unsealable)?;
    Ok([&[VERSION], &key.id()[..], &nonce[..], &ciphertext[..]].concat())
}

/// Whether a stored credential was sealed with this key. It may have been changed since.
pub fn fits(key: &Key, sealed: &[u8]) -> bool {
    sealed.get(1..=KEY_ID_BYTES).is_some_and(|it| it == key.id())
}

/// Opens what [`seal`] made with the same key and together with the same.
/// Fails when the key, the binding or a single bit is another.
pub(crate) fn open(key: &Key, bound: &[u8], sealed: &[u8]) -> Result<Secret, OpenError> {
    let (&version, rest) = sealed.split_first().ok_or(OpenError::Tampered)?;
    if version != VERSION {
        return Err(OpenError::Version(version));
    }
    let (key_id, rest) = rest.split_at_checked(KEY_ID_BYTES).ok_or(OpenError::Tampered)?;
    if key_id != key.id() {
        return Err(OpenError::WrongKey);
    }
    let (nonce, ciphertext) = rest.split_at_checked(NONCE_BYTES).ok_or(OpenError::Tampered)?;
    let payload = Payload { msg: ciphertext, aad: bound };
    let plain = key
        .cipher()
        .decrypt(XNonce::from_slice(nonce), payload)
        .map_err(|_no_detail| OpenError::Tampered)?;
    // Only valid values are sealed, so this does not fail for bytes that were authentic.
    let plain = String::from_utf8(plain).map_err(|_secret| OpenError::Tampered)?;
    Ok(Secret::opened(plain))
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
