//! How a platform asks whether the address is ours before it sends anything, as data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::StatusCode;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Reply;
use crate::signature::is_same;

#[derive(Debug)]
pub enum Challenge {
    None,
    /// A GET whose query has our token and a text to give back: Meta's `hub.verify_token` and `hub.challenge`
    /// (<https://developers.facebook.com/docs/graph-api/webhooks/getting-started>).
    Query {
        token: &'static str,
        key: SecretString,
        answer: &'static str,
    },
    /// A verified body of this type, with a text to give back in the field of that name: Slack's
    /// `url_verification` (<https://api.slack.com/events/url_verification>).
    Body {
        kind: &'static str,
        answer: &'static str,
    },
    /// A GET with a text to sign: the `crc_token` of X
    /// (<https://docs.x.com/x-api/webhooks/quickstart>).
    Signed {
        query: &'static str,
        key: SecretString,
        answer: &'static str,
    },
}

impl Challenge {
    /// The answer to a GET; `None` when it is no challenge.
    pub(super) fn query(&self, query: &str) -> Option<Reply> {
        match self {
            Self::None | Self::Body { .. } => None,
            Self::Query { token, key, answer } => {
                let (given, text) = (parameter(query, token)?, parameter(query, answer)?);
                if !is_same(key.expose_secret().as_bytes(), given.as_bytes()) {
                    let why = "the token is wrong; give the sender the same as this host";
                    return Some(Reply::line(StatusCode::FORBIDDEN, why));
                }
                // It goes back as text, whatever it is, so that no browser takes it for a page.
                let plain = Reply::line(StatusCode::OK, "");
                Some(Reply { body: text, ..plain })
            }
            Self::Signed { query: name, key, answer } => {
                // Nothing that could be the body of an event: the same key may sign those.
                let is_token = |text: &String| {
                    text.len() <= 128
                        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=+/.".contains(&b))
                };
                let text = parameter(query, name).filter(is_token)?;
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
                let tag = BASE64.encode(hmac::sign(&key, text.as_bytes()));
                Some(Reply::json(&json!({ *answer: format!("sha256={tag}") })))
            }
        }
    }

    /// The answer to a verified body; `None` when it is an event.
    pub(super) fn body(&self, body: &[u8]) -> Option<Reply> {
        let Self::Body { kind, answer } = self else { return None };
        let value: Value = serde_json::from_slice(body).ok()?;
        let text = value.get(answer)?.as_str()?;
        (value.get("type")?.as_str()? == *kind).then(|| Reply::json(&json!({ *answer: text })))
    }
}

/// A value of a query, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|it| it.split_once('=').unwrap_or((it, "")));
    let (_, value) = pairs.map(|(key, value)| (decoded(key), value)).find(|it| it.0 == name)?;
    Some(decoded(value))
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|it| str::from_utf8(it).ok());
        let byte = hex.and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_right_has_the_text_given_back() {
        let challenge = Challenge::Query {
            token: "hub.verify_token",
            key: "a b&c".into(),
            answer: "hub.challenge",
        };
        let ask = |query: &str| challenge.query(query).map(|it| (it.status.as_u16(), it.body));
        let right = "hub.mode=subscribe&hub.challenge=11%3C58&hub%2Everify_token=a+b%26c";
        assert_eq!(ask(right), Some((200, "11<58".into())));
        let wrong = ask("hub.mode=subscribe&hub.challenge=1158&hub.verify_token=a");
        assert_eq!(wrong.map(|it| it.0), Some(403));
        assert_eq!(ask("hub.challenge=1158"), None);
        assert_eq!(ask(""), None);
    }

    #[test]
    fn a_text_is_signed() {
        let challenge = Challenge::Signed {
            query: "crc_token",
            key: "secret".into(),
            answer: "response_token",
        };
        let answer = challenge.query("crc_token=foo").unwrap();
        // printf foo | openssl dgst -sha256 -hmac secret -binary | base64
        let tag = "dzukRpPHVT1u4g9h6l0nV6mk9KRNKEGuTpW1LkzWLbQ=";
        let want = json!({ "response_token": format!("sha256={tag}") }).to_string();
        assert_eq!(answer.body, want);
        assert_eq!(answer.kind, "application/json");
    }

    #[test]
    fn a_body_of_the_type_is_answered_and_an_event_is_not() {
        let challenge = Challenge::Body { kind: "url_verification", answer: "challenge" };
        let slack = br#"{"token":"Jhj5","challenge":"3eZbrw1aB","type":"url_verification"}"#;
        let answer = challenge.body(slack).unwrap();
        assert_eq!(answer.body, r#"{"challenge":"3eZbrw1aB"}"#);
        assert_eq!(challenge.body(br#"{"type":"event_callback","challenge":"x"}"#), None);
        assert_eq!(challenge.body(b"no json"), None);
        assert_eq!(Challenge::None.body(slack), None);
    }
}
