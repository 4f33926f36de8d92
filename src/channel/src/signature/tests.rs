//! Examples of the platforms' own pages, and what is almost one.

use super::schemes::{BEARER, GITHUB, GITLAB, GRAFANA, STANDARD, STRIPE};
use super::*;

/// When the examples were signed, in seconds.
const SIGNED_AT: i64 = 1_531_420_618;

struct Asked<'a> {
    schemes: Vec<Scheme>,
    key: &'a str,
    headers: Vec<(&'static str, String)>,
    path: &'a str,
    body: &'a [u8],
    at: i64,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        let schemes = vec![Scheme::Hmac(GITHUB)];
        Self { schemes, key: "key", headers: Vec::new(), path: "", body: b"", at: SIGNED_AT }
    }
}

impl Asked<'_> {
    async fn check(&self) -> Result<Proof, Wrong> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(*name, value.parse().unwrap());
        }
        let verify = Verify::new(self.schemes.clone(), self.key.into())?;
        let shown = Shown { headers: &headers, path: self.path, body: self.body };
        verify.check(shown, Timestamp(self.at * 1_000)).await
    }
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
fn github() -> Asked<'static> {
    let tag = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    Asked {
        key: "It's a Secret to Everybody",
        headers: vec![("x-hub-signature-256", tag.into())],
        body: b"Hello, World!",
        ..Asked::default()
    }
}

/// <https://api.slack.com/authentication/verifying-requests-from-slack>
const SLACK: Hmac = Hmac {
    header: "x-slack-signature",
    prefix: "v0=",
    signed: &[Piece::Text("v0:"), Piece::Time, Piece::Text(":"), Piece::Body],
    time: Time::Header("x-slack-request-timestamp"),
    ..GITHUB
};

fn slack() -> Asked<'static> {
    let tag = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    Asked {
        schemes: vec![Scheme::Hmac(SLACK)],
        key: "8f742231b10e8888abcd99yyyzzz85a5",
        headers: vec![
            ("x-slack-signature", tag.into()),
            ("x-slack-request-timestamp", SIGNED_AT.to_string()),
        ],
        body: b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=\
G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        ..Asked::default()
    }
}

/// The vector of the reference libraries
/// (<https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries>).
fn standard() -> Asked<'static> {
    Asked {
        schemes: vec![Scheme::Hmac(STANDARD)],
        key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: vec![
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".into()),
            ("webhook-timestamp", "1614265330".into()),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".into()),
        ],
        body: br#"{"test": 2432232314}"#,
        at: 1_614_265_330,
        ..Asked::default()
    }
}

fn tag(key: &str, signed: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hex(hmac::sign(&key, signed).as_ref())
}

fn stripe(header: String) -> Asked<'static> {
    let schemes = vec![Scheme::Hmac(STRIPE)];
    let headers = vec![("stripe-signature", header)];
    Asked { schemes, key: "whsec_x", headers, body: b"{}", ..Asked::default() }
}

#[tokio::test]
async fn examples_of_the_platforms_are_right_and_known_again() {
    for asked in [github(), slack(), standard()] {
        let proof = asked.check().await.unwrap();
        assert_eq!(proof.digest, asked.check().await.unwrap().digest);
        let other = Asked { body: b"{}", ..asked };
        assert_eq!(other.check().await, Err(Wrong::Signature));
    }
    let upper = github().headers[0].1.to_uppercase().replace("SHA", "sha");
    let asked = Asked { headers: vec![("x-hub-signature-256", upper)], ..github() };
    assert_eq!(asked.check().await, github().check().await, "in digits of any case");
}

#[tokio::test]
async fn another_key_or_half_a_signature_is_wrong() {
    for asked in [github(), slack()] {
        let other = Asked { key: "another", ..asked };
        assert_eq!(other.check().await, Err(Wrong::Signature));
    }
    let other = Asked { key: "whsec_AAAA", ..standard() };
    assert_eq!(other.check().await, Err(Wrong::Signature));
    let right = github().headers[0].1.clone();
    let hex = right.trim_start_matches("sha256=");
    for bad in [
        "",
        "sha256=",
        hex,
        &format!("sha1={hex}"),
        &right[..right.len() - 1],
        &right[..right.len() - 2],
        &format!("{right}00"),
        &right.replace('7', "g"),
    ] {
        let asked = Asked { headers: vec![("x-hub-signature-256", bad.into())], ..github() };
        assert_eq!(asked.check().await, Err(Wrong::Signature), "{bad}");
    }
    let twice = Asked { headers: [github().headers, github().headers].concat(), ..github() };
    assert_eq!(twice.check().await, Err(Wrong::Signature), "which of them is meant?");
    let none = Asked { headers: Vec::new(), ..github() };
    assert_eq!(none.check().await, Err(Wrong::Missing("x-hub-signature-256")));
}

#[tokio::test]
async fn a_signature_counts_for_five_minutes_around_our_time() {
    let tolerance = i64::try_from(TOLERANCE.as_secs()).unwrap();
    for (apart, is_right) in
        [(-tolerance, true), (tolerance, true), (-tolerance - 1, false), (tolerance + 1, false)]
    {
        let asked = Asked { at: SIGNED_AT + apart, ..slack() };
        let checked = asked.check().await;
        assert_eq!(checked.is_ok(), is_right, "{apart}");
        assert!(is_right || matches!(checked, Err(Wrong::Late(_))), "{checked:?}");
    }
    // Another time is not what was signed.
    let mut asked = slack();
    asked.headers[1].1 = (SIGNED_AT + 1).to_string();
    assert_eq!(asked.check().await, Err(Wrong::Signature));
}

#[tokio::test]
async fn of_several_signatures_one_is_enough_and_a_crowd_is_not_looked_at() {
    let right = tag("whsec_x", format!("{SIGNED_AT}.{{}}").as_bytes());
    let other = tag("old", b"x");
    assert!(stripe(format!("t={SIGNED_AT},v1={right},v0={other}")).check().await.is_ok());
    assert!(stripe(format!("t={SIGNED_AT}, v1={other}, v1={right}")).check().await.is_ok());
    for wrong in [
        format!("t={SIGNED_AT},v1={other}"),
        format!("t={SIGNED_AT},v0={right}"),
        format!("v1={right}"),
        format!("t={},v1={right}", SIGNED_AT + 1),
        format!("t=now,v1={right}"),
        format!("t={SIGNED_AT}{},v1={right}", format!(",v1={other}").repeat(SIGNATURES_MAX)),
    ] {
        assert_eq!(stripe(wrong.clone()).check().await, Err(Wrong::Signature), "{wrong}");
    }
    let mut several = standard();
    several.headers[2].1.insert_str(0, "v1,AAAA v1a,BBBB ");
    assert!(several.check().await.is_ok());
}

#[tokio::test]
async fn a_separator_is_data_too() {
    let signed = tag("key", format!("{SIGNED_AT}:{{}}").as_bytes());
    let grafana = Asked {
        schemes: vec![Scheme::Hmac(GRAFANA), BEARER],
        headers: vec![
            ("x-grafana-alerting-signature", signed),
            ("x-grafana-alerting-timestamp", SIGNED_AT.to_string()),
        ],
        body: b"{}",
        ..Asked::default()
    };
    assert!(grafana.check().await.is_ok());
}

#[tokio::test]
async fn a_key_that_is_shown_is_taken_where_its_scheme_says() {
    let shown = |schemes: &[Scheme], name: &'static str, value: &str| Asked {
        schemes: schemes.to_vec(),
        headers: vec![(name, value.into())],
        path: "hook",
        ..Asked::default()
    };
    let all = [BEARER, Scheme::Basic, Scheme::Path];
    // `ann:key`, `key:other`, `ann:other`
    for (schemes, name, value, is_right) in [
        (&all[..], "authorization", "Bearer key", true),
        (&all, "authorization", "bearer key", true),
        (&all, "authorization", "Bearer kez", false),
        (&all, "authorization", "Bearer ", false),
        (&all, "authorization", "key", false),
        (&all, "authorization", "Basic YW5uOmtleQ==", true),
        (&all, "authorization", "Basic a2V5Om90aGVy", false),
        (&all, "authorization", "Basic YW5uOm90aGVy", false),
        (&all, "authorization", "Basic !", false),
        (&[GITLAB], "x-gitlab-token", "key", true),
        (&[GITLAB], "x-gitlab-token", "key ", false),
        (&[GITLAB], "authorization", "Bearer key", false),
    ] {
        let checked = shown(schemes, name, value).check().await;
        assert_eq!(checked.is_ok(), is_right, "{name}: {value}: {checked:?}");
        assert!(checked.is_err() || checked == Ok(Proof::default()));
    }
    let user = Asked { key: "ann:key", ..shown(&all, "authorization", "Basic YW5uOmtleQ==") };
    assert!(user.check().await.is_ok());
    for (path, is_right) in [("key", true), ("key/hook", true), ("ke/y", false), ("", false)] {
        let asked = Asked { schemes: vec![BEARER, Scheme::Path], path, ..Asked::default() };
        let checked = asked.check().await;
        assert_eq!(checked.is_ok_and(|it| it.is_in_path), is_right, "{path}");
    }
    let wrong = Asked { schemes: vec![Scheme::Path], path: "other", ..Asked::default() };
    assert_eq!(wrong.check().await, Err(Wrong::Path), "no header is missing");
    let schemes = vec![Scheme::Path];
    let asked = Asked { schemes, key: "a/b?c%", path: "a%2Fb%3Fc%25/hook", ..Asked::default() };
    assert!(asked.check().await.is_ok_and(|it| it.is_in_path));
}

#[test]
fn a_key_with_which_anybody_could_sign_is_none() {
    for (scheme, key) in [
        (GITHUB, ""),
        (STANDARD, ""),
        (STANDARD, "whsec_"),
        (STANDARD, "MfKQ"),
        (STANDARD, "whsec_!"),
    ] {
        assert_eq!(
            Verify::new([Scheme::Hmac(scheme)], key.into()).unwrap_err(),
            Wrong::Key,
            "{key}"
        );
    }
    // One of them alone can use a key of another form.
    assert!(Verify::new([Scheme::Hmac(STANDARD), GITLAB], "plain".into()).is_ok());
    assert!(!format!("{:?}", Verify::new([GITLAB], "plain".into())).contains("plain"));
}

#[test]
fn parts_that_are_cut_differently_are_others() {
    assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
    assert_eq!(fingerprint(&[b"ab"]).len(), 64);
}
