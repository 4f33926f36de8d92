//! A channel of somebody else, from their folder to the program and back, with real builds. They take a minute or
//! two the first time, and some seconds when nothing changed.

use std::fs;
use std::path::Path;

use crate::repository::{Clone, MANIFEST, smoke};

/// The names of the channels that the program has.
fn channels(clone: &Clone) -> Vec<String> {
    let text = clone.nanoclaw(&["channels", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let channels = listed["channels"].as_array().unwrap().iter();
    channels.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

/// Whether the running host has a channel, and is connected to it.
fn is_connected(clone: &Clone, channel: &str) -> bool {
    let text = clone.nanoclaw(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut channels = status["channels"].as_array().unwrap().iter();
    channels.any(|it| it["name"] == channel && it["connected"] == true)
}

#[test]
fn a_channel_from_elsewhere_is_added_survives_an_update_and_is_removed() {
    // Always the same folder, so that cargo finds what it compiled before.
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("addons");
    let _ = fs::remove_dir_all(&base);
    let clone = Clone::new(&base);
    let theirs = base.join("third party/smoke");
    smoke(&theirs);

    clone.fine(&["add", "third party/smoke", "--only-build"]);
    clone.nanoclaw(&["setup", "--only", "data,defaults"]);
    assert_eq!(channels(&clone), ["cli", "remote", "smoke"]);
    assert_eq!(clone.chosen().0, ["smoke"]);
    // Once more, to the end: the host is started with it.
    let said = clone.fine(&["add", "./third party/smoke/"]);
    assert!(said.contains("smoke needs no account"), "{said}");
    assert!((0..50).any(|_| is_connected(&clone, "smoke")), "{}", clone.nanoclaw(&["status"]));

    // Another one that does not compile leaves everything as it was.
    let broken = base.join("third party/fog");
    smoke(&broken);
    let text = fs::read_to_string(broken.join("Cargo.toml")).unwrap();
    let text = text.replace("\"smoke\"", "\"fog\"").replace("smoke-signals", "fog");
    fs::write(broken.join("Cargo.toml"), text).unwrap();
    fs::write(broken.join("src/lib.rs"), "compile_error!(\"too foggy\");").unwrap();
    let program = fs::read(clone.program()).unwrap();
    clone.refused(&["add", "./third party/fog", "--only-build"], "too foggy");
    clone.refused(&["add", "./third party/fog", "--only-build"], "are still in place");
    assert!(program == fs::read(clone.program()).unwrap());

    clone.publish(&[MANIFEST]);
    let before = clone.git(&["rev-parse", "HEAD"]);
    clone.fine(&["update", "--only-source"]);
    assert_ne!(clone.git(&["rev-parse", "HEAD"]), before);
    assert!(fs::read_to_string(clone.path.join(MANIFEST)).unwrap().ends_with("# newer\n"));
    assert_eq!(clone.chosen().0, ["smoke"]);

    clone.fine(&["remove", "smoke"]);
    assert_eq!(channels(&clone), ["cli", "remote"]);
    assert_eq!(clone.chosen().0, [""; 0]);
    assert!(!is_connected(&clone, "smoke"));
    assert!(theirs.join("Cargo.toml").is_file(), "their folder is theirs");
}
