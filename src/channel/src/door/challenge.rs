//! How a platform asks whether the address is ours before it sends anything, as data.

use hyper::StatusCode;
use percent_encoding::percent_decode_str;
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
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
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
