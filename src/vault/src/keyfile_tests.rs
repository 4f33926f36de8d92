//! Key files, good and bad.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("vault.key")
    }

    fn write(&self, bytes: &[u8], mode: u32) {
        fs::write(self.key(), bytes).unwrap();
        fs::set_permissions(self.key(), Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(&self) -> String {
        let err = open_or_create(&self.key(), true).unwrap_err();
        assert!(matches!(err, KeyFileError::Unsafe { .. } | KeyFileError::Length { .. }), "{err}");
        err.to_string()
    }
}

#[test]
fn the_first_open_makes_a_key_and_the_second_reads_it() {
    let home = Home::new();
    let made = open_or_create(&home.key(), false).unwrap();
    let read = open_or_create(&home.key(), true).unwrap();
    assert_eq!(made.expose(), read.expose());
    assert_ne!(made.expose(), &[0; KEY_BYTES]);
    let meta = fs::metadata(home.key()).unwrap();
    assert_eq!((meta.len(), meta.mode() & 0o777), (KEY_BYTES as u64, 0o600));
}

#[test]
fn a_lost_key_is_not_replaced_while_something_is_sealed() {
    let home = Home::new();
    let err = open_or_create(&home.key(), true).unwrap_err();
    assert!(matches!(err, KeyFileError::KeyMissing { .. }));
    assert!(err.is_lost(), "{err}");
    assert!(!home.key().exists());
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let home = Home::new();
    let target = home.0.path().join("elsewhere");
    symlink(&target, home.key()).unwrap();
    assert!(home.refusal().contains("symbolic link"), "dangling");
    assert!(open_or_create(&home.key(), false).is_err());
    assert!(!target.exists(), "written through the link");
    fs::write(&target, [7; KEY_BYTES]).unwrap();
    assert!(home.refusal().contains("symbolic link"));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let home = Home::new();
    for mode in [0o640, 0o604, 0o660, 0o666, 0o601] {
        home.write(&[7; KEY_BYTES], mode);
        assert!(home.refusal().contains(&format!("read or write it (mode {mode:03o})")));
    }
    home.write(&[7; KEY_BYTES], 0o400);
    assert!(open_or_create(&home.key(), true).is_ok());
}

#[test]
fn a_key_of_another_length_is_refused() {
    let home = Home::new();
    for (written, seen) in [(0, 0), (31, 31), (33, 33), (1000, 33)] {
        home.write(&vec![7; written], 0o600);
        assert!(home.refusal().contains(&format!("has {seen} bytes instead of 32")));
    }
}

#[test]
fn a_folder_is_refused() {
    let home = Home::new();
    fs::create_dir(home.key()).unwrap();
    assert!(home.refusal().contains("not a plain file"));
}

#[test]
fn a_file_of_another_user_is_refused() {
    let home = Home::new();
    home.write(&[7; KEY_BYTES], 0o600);
    // Only root can give a file away; as anyone else there is nothing to see here.
    if std::os::unix::fs::chown(home.key(), Some(12345), None).is_ok() {
        assert!(home.refusal().contains("belongs to user id 12345"));
    }
}

#[test]
fn a_missing_folder_is_an_error_that_names_the_file() {
    let home = Home::new();
    let err = open_or_create(&home.0.path().join("no/vault.key"), false).unwrap_err();
    assert!(err.to_string().contains("no/vault.key"), "{err}");
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let home = Home::new();
    open_or_create(&home.key(), false).unwrap();
    for mode in [0o720, 0o702, 0o777] {
        fs::set_permissions(home.0.path(), Permissions::from_mode(mode)).unwrap();
        assert!(home.refusal().contains(&format!("its folder (mode {mode:03o})")));
    }
    for mode in [0o700, 0o755, 0o1777] {
        fs::set_permissions(home.0.path(), Permissions::from_mode(mode)).unwrap();
        open_or_create(&home.key(), true).unwrap();
    }
}
