//! Requests as the products' documentation has them: each is taken with its secret, refused without, and tells
//! what it is about in a line.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::time::{Clock, SystemClock};

use super::rig::{Post, Rig, account, sign, tag};

/// Long enough to be base64 of something.
const PLAIN: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn recorded(kind: &str) -> Post {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("channels/webhook/requests");
    let text = fs::read_to_string(folder.join(format!("{kind}.http"))).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut post = Post::unsigned("ops", body.trim_end());
    for line in head.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        post = post.with(name, value);
    }
    post
}

fn seconds() -> String {
    (SystemClock.now().0 / 1_000).to_string()
}

/// As the product shows that it has the secret, in each way that it can.
fn shown(kind: &str, secret: &str) -> Vec<Post> {
    let (post, at) = (recorded(kind), seconds());
    let joined = |by: &str| [at.as_bytes(), by.as_bytes(), &post.body].concat();
    let bearer = || post.clone().with("Authorization", &format!("Bearer {secret}"));
    let basic = || {
        let pair = BASE64.encode(format!("nanoclaw:{secret}"));
        post.clone().with("Authorization", &format!("Basic {pair}"))
    };
    let in_path = || Post {
        first_line: format!("POST /in/webhook/main/{secret}/ops HTTP/1.1"),
        ..post.clone()
    };
    match kind {
        "github" => {
            vec![post.clone().with("X-Hub-Signature-256", &sign(secret, &post.body))]
        }
        "gitlab" => vec![post.clone().with("X-Gitlab-Token", secret)],
        "grafana" => {
            let signed = tag(secret.as_bytes(), &joined(":"));
            let signed = post.clone().with("X-Grafana-Alerting-Signature", &signed);
            vec![bearer(), basic(), signed.with("X-Grafana-Alerting-Timestamp", &at)]
        }
        "alertmanager" => vec![bearer(), basic()],
        "uptime-kuma" | "home-assistant" => vec![bearer(), basic(), in_path()],
        "stripe" => {
            let signed = tag(secret.as_bytes(), &joined("."));
            vec![post.clone().with("Stripe-Signature", &format!("t={at},v1={signed},v0=00"))]
        }
        "standard" => {
            let signed = [b"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W.", &joined(".")[..]].concat();
            let key = BASE64.decode(secret.trim_start_matches("whsec_")).unwrap();
            let hex = tag(&key, &signed);
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            let signed = format!("v1,{}", BASE64.encode(bytes));
            vec![post.clone().with("webhook-timestamp", &at).with("webhook-signature", &signed)]
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_product_is_taken_as_it_sends_and_says_in_a_line_what_it_is_about() {
    for (kind, id, line) in [
        (
            "github",
            Some("0b989ba4-242f-11e5-81e1-c7b6966d2516"),
            "workflow_run, completed, failure, octo-org/octo-repo, by octocat, \"Update README.md\", \
             https://github.com/octo-org/octo-repo/actions/runs/289782451",
        ),
        (
            "gitlab",
            Some("f5e57a4e-2b2a-4c5f-a8df-a3f0a1c2e6fd"),
            "Pipeline Hook, failed, gitlab-org/gitlab-test, by root, \
             http://example.com/gitlab-org/gitlab-test/-/pipelines/31",
        ),
        ("grafana", None, "firing, \"[FIRING:1]  (blue)\", https://play.grafana.org/"),
        (
            "alertmanager",
            None,
            "firing, \"BlackBox Probe Failure: https://server.example.org\", \
             http://prometheus.example.org:9093",
        ),
        (
            "uptime-kuma",
            None,
            "\"[Test] [🔴 Down] getaddrinfo ENOTFOUND test.com\", https://test.com",
        ),
        ("home-assistant", None, "\"Garage\""),
        (
            "stripe",
            Some("evt_1MqqbKLt4dXK03v5qaIbiNCC"),
            "customer.subscription.updated, sub_1Mqqb6Lt4dXK03v50OA219Ya",
        ),
        ("standard", Some("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"), "contact.created"),
    ] {
        let whsec = format!("whsec_{PLAIN}");
        let secret = if matches!(kind, "standard" | "stripe") { &whsec } else { PLAIN };
        let (right, wrong) = (shown(kind, secret), shown(kind, &secret.replace('8', "9")));
        for (post, forged) in right.into_iter().zip(wrong) {
            let mut rig = Rig::of(kind, secret).await;
            assert_eq!(recorded(kind).code(rig.at).await, 401, "{kind} without a secret");
            assert_eq!(forged.clone().code(rig.at).await, 401, "{kind}: {forged:?}");
            assert_eq!(post.clone().code(rig.at).await, 202, "{kind}: {post:?}");
            // A sender that heard no answer.
            assert_eq!(post.code(rig.at).await, 202, "{kind}");
            let messages = rig.receive().await;
            let [message] = &messages[..] else { panic!("{kind}: {messages:?}") };
            assert_eq!(message.body.text.lines().nth(1), Some(line), "{kind}");
            assert_eq!(message.from.chat, "ops");
            assert!(id.is_none_or(|it| it == message.platform_id), "{kind}: {message:?}");
            assert!(!message.body.text.contains(PLAIN) && !message.body.text.contains("keys_url"));
        }
    }
}

#[tokio::test]
async fn a_sender_that_shows_nothing_hears_what_its_kind_shows() {
    const PATH: &str = "the secret in the path, behind the account";
    for (kind, secret, ways) in [
        ("github", PLAIN, &["x-hub-signature-256"][..]),
        ("gitlab", PLAIN, &["`webhook-signature`", "`x-gitlab-token: SECRET`"]),
        (
            "grafana",
            PLAIN,
            &["`x-grafana-alerting-signature`", "`authorization: Bearer SECRET`", "basic"],
        ),
        ("uptime-kuma", PLAIN, &["`authorization: Bearer SECRET`", "basic authentication", PATH]),
    ] {
        let rig = Rig::of(kind, secret).await;
        let told = Post::unsigned("ops", "{}").send(rig.at).await.unwrap();
        assert_eq!(told.code, 401, "{kind}");
        for way in ways {
            assert!(told.said.contains(way), "{kind}: {}", told.said);
        }
    }
    let rig = Rig::of("uptime-kuma", PLAIN).await;
    let wrong = Post::unsigned("ops", "{}").with("Authorization", "Bearer other");
    let told = wrong.send(rig.at).await.unwrap();
    assert!(told.said.contains("the signature is wrong"), "{}", told.said);
}

#[tokio::test]
async fn a_secret_of_another_form_than_its_kind_has_is_refused_when_it_is_given() {
    let adapter = channel::registration(webhook::NAME).unwrap().adapter;
    for (kind, secret, is_taken) in [
        ("stripe", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", false),
        ("stripe", "whsec_", false),
        ("stripe", "whsec_test_secret", true),
        ("standard", PLAIN, false),
        ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true),
        ("github", PLAIN, true),
    ] {
        let checked = adapter.check(&account(kind, Some(secret))).await;
        assert_eq!(checked.is_ok(), is_taken, "{kind}, {secret}");
        let why = checked.map_or_else(|it| it.to_string(), |_| String::new());
        assert!(is_taken || !why.contains(secret) || secret == "whsec_", "{why}");
    }
}
