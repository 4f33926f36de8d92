//! The packages with which the platforms' own libraries sign
//! (<https://www.npmjs.com/package/@octokit/webhooks-methods>, <https://www.npmjs.com/package/standardwebhooks>,
//! <https://www.npmjs.com/package/svix>, <https://www.npmjs.com/package/stripe>) sign for the adapter, and one
//! checks what the tests sign. GitHub's own examples of its events are all read
//! (<https://www.npmjs.com/package/@octokit/webhooks-examples>), and an Alertmanager tells of an alert.

use std::time::Duration;

use channel::Cursor;
use harness::foreign;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::rig::{Rig, SECRET, sign};

const PACKAGES: [&str; 5] = [
    "@octokit/webhooks-methods@6.0.0",
    "@octokit/webhooks-examples@7.6.1",
    "standardwebhooks@1.1.1",
    "stripe@23.1.0",
    "svix@2.5.0",
];

async fn signer(secret: &str, order: &[&str]) -> String {
    let mut node = foreign::node(&PACKAGES, "channels/webhook/signers.mjs").await;
    foreign::said(node.arg(secret).args(order), "see above").await
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
        (
            "svix",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            event,
            "msg_2b3l9ZkWq0c1mS0w5cKp4oVnY7d",
            "invoice.paid, in_1",
        ),
        ("stripe", "whsec_test_secret", event, "evt_1", "invoice.paid, in_1"),
    ] {
        let taken_as = if kind == "svix" { "standard" } else { kind };
        let mut rig = Rig::of(taken_as, secret).await;
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

#[tokio::test]
async fn every_example_that_github_gives_of_its_events_is_taken_and_told() {
    let mut rig = Rig::start().await;
    let url = format!("http://{}/in/webhook/main/", rig.at);
    let mut sending = JoinSet::new();
    sending.spawn(async move { signer(SECRET, &["examples", &url]).await });
    let mut sent = None;
    let (mut messages, mut after) = (Vec::new(), Cursor::default());
    loop {
        match timeout(Duration::from_secs(1), rig.receive_after(&after)).await {
            Ok((more, cursor)) => {
                messages.extend(more);
                after = cursor;
            }
            Err(_nothing_more) if sent.is_some() => break,
            Err(_not_yet) => sent = sending.try_join_next(),
        }
    }
    let sent = sent.unwrap().unwrap();
    assert!(300 < sent.lines().count(), "{sent}");
    let refused: Vec<&str> = sent.lines().filter(|line| !line.starts_with("202 ")).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(sent.lines().count(), messages.len());
    for (line, message) in sent.lines().zip(messages) {
        let (event, by) = line.trim_start_matches("202 ").split_once(' ').unwrap();
        let text = &message.body.text;
        let told = text.lines().nth(1).unwrap();
        assert!(told.starts_with(event), "{event}: {told}");
        assert!(by.is_empty() || told.contains(&format!(", by {by}")), "{line}: {told}");
        assert!(!text.contains("keys_url") && text.len() < 10 * 1024, "{line}: {}", text.len());
    }
}
