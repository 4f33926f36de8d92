//! The master key in a form that can leave this machine: sealed with a passphrase.
//!
//! `magic (8) | memory in KiB (4) | passes (4) | lanes (4) | salt (16) | nonce (24) | ciphertext and
//! tag`, numbers big-endian. Argon2id makes a key of the passphrase, XChaCha20-Poly1305 seals with it,
//! and everything before the ciphertext is authenticated.
//!
//! The cost is the second recommendation of RFC 9106, section 4, for machines that have no 2 GiB to
//! spare: 64 MiB, three passes, four lanes. It stands in the file, so that it can be raised, and is
//! bounded when it is read, so that a forged file cannot take all memory.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::rand_core::RngCore;
use chacha20poly1305::aead::{Aead, OsRng, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;

use crate::keyfile::{self, KeyFileError};
use crate::seal::{KEY_BYTES, Key};

const MAGIC: &[u8; 8] = b"NCLAWKY1";
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// What a file may ask for.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

const SALT_AT: usize = 20;
const NONCE_AT: usize = 36;
const HEADER_BYTES: usize = 60;
/// The whole: header, key and Poly1305's tag.
const CARRIED_BYTES: usize = HEADER_BYTES + KEY_BYTES + 16;
/// A shorter passphrase can be tried out.
const PASSPHRASE_CHARS_MIN: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    #[error("a passphrase needs at least {PASSPHRASE_CHARS_MIN} characters")]
    TooShort,
    /// Nobody can tell one from the other.
    #[error("the passphrase is another one, or the key was changed since it was sealed")]
    WrongPassphrase,
    #[error("it is no sealed key of this program, or of a newer one")]
    Unknown,
    #[error("the passphrase cannot be used")]
    Derivation,
    #[error(transparent)]
    File(#[from] KeyFileError),
}

/// Seals the key of a key file.
pub fn seal_key_file(path: &Path, passphrase: &str) -> Result<Vec<u8>, CarryError> {
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(CarryError::TooShort);
    }
    let key = keyfile::open_or_create(path, true)?;
    let mut bytes = Vec::with_capacity(CARRIED_BYTES);
    bytes.extend_from_slice(MAGIC);
    for number in [MEMORY_KIB, PASSES, LANES] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    let mut random = [0; HEADER_BYTES - SALT_AT];
    OsRng.fill_bytes(&mut random);
    bytes.extend_from_slice(&random);
    let nonce = XNonce::from_slice(&bytes[NONCE_AT..]);
    let sealed = derive(&bytes, passphrase)?
        .encrypt(nonce, Payload { msg: key.expose(), aad: &bytes })
        .map_err(|_no_detail| CarryError::Derivation)?;
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

fn open_carried(carried: &[u8], passphrase: &str) -> Result<Key, CarryError> {
    if carried.len() != CARRIED_BYTES || !carried.starts_with(MAGIC) {
        return Err(CarryError::Unknown);
    }
    let (header, sealed) = carried.split_at(HEADER_BYTES);
    let plain = derive(header, passphrase)?
        .decrypt(XNonce::from_slice(&header[NONCE_AT..]), Payload { msg: sealed, aad: header })
        .map_err(|_no_detail| CarryError::WrongPassphrase)?;
    let plain = Zeroizing::new(plain);
    let mut bytes = Box::new([0; KEY_BYTES]);
    bytes.copy_from_slice(&plain);
    Ok(Key::from_bytes(bytes))
}

/// Makes a key file of what [`seal_key_file`] made. There must be none.
/// Fails when the passphrase or a single bit is another, or when the file cannot be made.
pub fn restore_key_file(carried: &[u8], passphrase: &str, path: &Path) -> Result<(), CarryError> {
    let key = open_carried(carried, passphrase)?;
    Ok(keyfile::create_with(path, &key)?)
}

fn derive(header: &[u8], passphrase: &str) -> Result<XChaCha20Poly1305, CarryError> {
    let number = |at: usize| {
        let bytes: [u8; 4] = header[at..at + 4].try_into().unwrap_or_default();
        u32::from_be_bytes(bytes)
    };
    let (memory, passes, lanes) = (number(8), number(12), number(16));
    if MEMORY_KIB_MAX < memory || PASSES_MAX < passes || LANES_MAX < lanes {
        return Err(CarryError::Unknown);
    }
    let params = Params::new(memory, passes, lanes, Some(KEY_BYTES))
        .map_err(|_no_detail| CarryError::Unknown)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &header[SALT_AT..NONCE_AT], &mut *key)
        .map_err(|_no_detail| CarryError::Derivation)?;
    Ok(XChaCha20Poly1305::new((&*key).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_with_its_passphrase_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (path, copy) = (dir.path().join("vault.key"), dir.path().join("copy.key"));
        let key = keyfile::open_or_create(&path, false).unwrap();
        let carried = seal_key_file(&path, "correct horse").unwrap();
        assert_eq!(carried.len(), CARRIED_BYTES);
        let plain = key.expose().as_slice();
        assert!(!carried.windows(KEY_BYTES).any(|it| it == plain));
        restore_key_file(&carried, "correct horse", &copy).unwrap();
        assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&path).unwrap());

        let refused = |bytes: &[u8], phrase| open_carried(bytes, phrase).unwrap_err();
        assert!(matches!(refused(&carried, "correct house"), CarryError::WrongPassphrase));
        for at in [21, 40, HEADER_BYTES, CARRIED_BYTES - 1] {
            let mut bad = carried.clone();
            bad[at] ^= 1;
            assert!(matches!(refused(&bad, "correct horse"), CarryError::WrongPassphrase), "{at}");
        }
    }

    #[test]
    fn a_forged_cost_is_refused_before_it_is_paid() {
        let mut forged = vec![0xff; CARRIED_BYTES];
        forged[..8].copy_from_slice(MAGIC);
        assert!(matches!(open_carried(&forged, "any"), Err(CarryError::Unknown)));
        assert!(matches!(open_carried(b"short", "any"), Err(CarryError::Unknown)));
    }

    #[test]
    fn a_passphrase_that_can_be_tried_out_is_refused() {
        let refused = seal_key_file(Path::new("/none"), "short");
        assert!(matches!(refused, Err(CarryError::TooShort)));
    }
}
