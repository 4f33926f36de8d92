//! The package with which GitHub's own libraries sign and check
//! (<https://www.npmjs.com/package/@octokit/webhooks-methods>) signs for the adapter, and checks
//! what the tests sign.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use channel::Verdict;
use tokio::process::Command;

use super::rig::{Rig, SECRET, sign};

const PACKAGE: &str = "@octokit/webhooks-methods@6.0.0";
const HINT: &str = "install Node.js 20 or newer with npm, then try again";

/// Where the package is kept between runs. Tests in other processes wait while it is installed.
async fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("foreign/webhook");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("lock");
    let locked = tokio::task::spawn_blocking(move || {
        let lock = File::create(path).unwrap();
        lock.lock().unwrap();
        lock
    });
    let lock = locked.await.unwrap();
    let done = folder.join("installed");
    if fs::read_to_string(&done).ok().as_deref() != Some(PACKAGE) {
        fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--ignore-scripts"]);
        said(npm.arg(PACKAGE).current_dir(&folder)).await;
        fs::write(&done, PACKAGE).unwrap();
    }
    drop(lock);
    folder.join("node_modules/@octokit/webhooks-methods/dist-node/index.js")
}

async fn said(command: &mut Command) -> String {
    let out = command.kill_on_drop(true).output().await;
    let out = out.unwrap_or_else(|err| panic!("{command:?}: {err}; {HINT}"));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?} failed: {errors}\nhint: {HINT}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

async fn octokit(order: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("channels/webhook/octokit.mjs");
    let mut node = Command::new("node");
    said(node.arg(script).arg(installed().await).arg(SECRET).args(order)).await
}

#[tokio::test]
async fn what_octokit_signs_is_taken_and_what_it_did_not_sign_is_not() {
    let mut rig = Rig::start().await;
    let payload = r#"{"action":"opened","issue":{"title":"Es quietscht 🚪","body":"ärgerlich"}}"#;
    let url = format!("http://{}/hook/acme-door", rig.at);
    let order = ["sign", &url, payload];
    let (codes, messages) = tokio::join!(octokit(&order), async {
        let messages = rig.receive().await;
        rig.source().settle(&[Verdict::Stored]).await.unwrap();
        messages
    });
    assert_eq!(codes, "401 202");
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(message.platform_id, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    assert_eq!(message.from.chat, "acme-door");
    for words in ["issues, opened, \"Es quietscht 🚪\"", "\"body\": \"ärgerlich\""] {
        assert!(message.body.text.contains(words), "{}", message.body.text);
    }
}

#[tokio::test]
async fn octokit_finds_right_what_the_tests_sign() {
    let payload = r#"{"zen":"Schön ist einfach."}"#;
    let ours = sign(SECRET, payload.as_bytes());
    assert_eq!(octokit(&["verify", payload, &ours]).await, "true");
    assert_eq!(octokit(&["verify", "{}", &ours]).await, "false");
}
