//! `nanoclaw.sh`, as far as it changes the source: on a copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const MANIFEST: &str = "src/nanoclaw/Cargo.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The script with what it looks at.
fn copy() -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("src/nanoclaw")).unwrap();
    fs::copy(root().join("nanoclaw.sh"), tree.path().join("nanoclaw.sh")).unwrap();
    let text = fs::read_to_string(root().join(MANIFEST)).unwrap();
    fs::write(tree.path().join(MANIFEST), with_default(&text, "")).unwrap();
    tree
}

/// The manifest with other default features.
fn with_default(text: &str, features: &str) -> String {
    let lines = text.lines().map(|line| match line.starts_with("default = [") {
        true => format!("default = [{features}]\n"),
        false => format!("{line}\n"),
    });
    lines.collect()
}

fn run(tree: &TempDir, args: &[&str]) -> Output {
    let script = tree.path().join("nanoclaw.sh");
    Command::new("bash").arg(script).args(args).arg("--only-source").output().unwrap()
}

#[test]
fn adding_and_removing_channels_changes_one_line() {
    let tree = copy();
    let read = || fs::read_to_string(tree.path().join(MANIFEST)).unwrap();
    let before = read();
    for (args, default) in [
        (["add", "telegram"], r#""telegram""#),
        (["add", "telegram"], r#""telegram""#),
        (["add", "discord"], r#""discord", "telegram""#),
        (["remove", "telegram"], r#""discord""#),
        (["remove", "telegram"], r#""discord""#),
        (["remove", "discord"], ""),
    ] {
        let output = run(&tree, &args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(read(), with_default(&before, default), "{args:?}");
    }
}

#[test]
fn a_channel_that_is_not_there_is_refused() {
    let tree = copy();
    let before = fs::read_to_string(tree.path().join(MANIFEST)).unwrap();
    for channel in ["smoke", "default", "", "tele.gram"] {
        let output = run(&tree, &["add", channel]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("discord telegram"), "{channel}: {said}");
    }
    assert_eq!(fs::read_to_string(tree.path().join(MANIFEST)).unwrap(), before);
}
