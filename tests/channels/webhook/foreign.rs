//! The packages with which the platforms' own libraries sign
//! (<https://www.npmjs.com/package/@octokit/webhooks-methods>, <https://www.npmjs.com/package/standardwebhooks>,
//! <https://www.npmjs.com/package/stripe>) sign for the adapter, and one checks what the tests sign.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::rig::{Rig, SECRET, sign};

const PACKAGES: [&str; 3] =
    ["@octokit/webhooks-methods@6.0.0", "standardwebhooks@1.1.1", "stripe@23.1.0"];
const HINT: &str = "install Node.js 20 or newer with npm, then try again";

/// Where the packages are kept between runs. Tests in other processes wait while it is installed.
async fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("foreign/webhooks");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("lock");
    let locked = tokio::task::spawn_blocking(move || {
        let lock = File::create(path).unwrap();
        lock.lock().unwrap();
        lock
    });
    let lock = locked.await.unwrap();
    let done = folder.join("installed");
    if fs::read_to_string(&done).ok() != Some(PACKAGES.join(" ")) {
        fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--ignore-scripts"]);
        said(npm.args(PACKAGES).current_dir(&folder)).await;
        fs::write(&done, PACKAGES.join(" ")).unwrap();
    }
    drop(lock);
    folder.join("node_modules")
}

async fn said(command: &mut Command) -> String {
    let out = command.kill_on_drop(true).output().await;
    let out = out.unwrap_or_else(|err| panic!("{command:?}: {err}; {HINT}"));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?} failed: {errors}\nhint: {HINT}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

async fn signer(secret: &str, order: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("channels/webhook/signers.mjs");
    let mut node = Command::new("node");
    said(node.arg(script).arg(installed().await).arg(secret).args(order)).await
}

#[tokio::test]
async fn what_the_packages_sign_is_taken_and_what_they_did_not_sign_is_not() {
    let issue = r#"{"action":"opened","issue":{"title":"Es quietscht 🚪","body":"ärgerlich"}}"#;
    let event = r#"{"id":"evt_1","type":"invoice.paid","data":{"object":{"id":"in_1"}}}"#;
    for (kind, secret, payload, id, line) in [
        (
            "github",
            SECRET,
            issue,
            "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "issues, opened, \"Es quietscht 🚪\"",
        ),
        (
            "standard",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            event,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "invoice.paid, in_1",
        ),
        ("stripe", "whsec_test_secret", event, "evt_1", "invoice.paid, in_1"),
    ] {
        let mut rig = Rig::of(kind, secret).await;
        let url = format!("http://{}/in/webhook/main/acme-door", rig.at);
        assert_eq!(signer(secret, &[kind, &url, payload]).await, "401 202", "{kind}");
        let messages = rig.receive().await;
        let [message] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!((message.platform_id.as_str(), message.from.chat.as_str()), (id, "acme-door"));
        assert_eq!(message.body.text.lines().nth(1), Some(line), "{kind}");
    }
}

#[tokio::test]
async fn octokit_finds_right_what_the_tests_sign() {
    let payload = r#"{"zen":"Schön ist einfach."}"#;
    let ours = sign(SECRET, payload.as_bytes());
    assert_eq!(signer(SECRET, &["verify", payload, &ours]).await, "true");
    assert_eq!(signer(SECRET, &["verify", "{}", &ours]).await, "false");
}
