//! Which requests a container may make, which headers pass in either direction, and where the credential
//! is put in.
//!
//! Invariants
//! - A request matches byte for byte or is refused. Nothing is decoded or normalised, so there is
//!   no second reading of a path that another program could come to.
//! - What is sent is a constant of ours that the request only chose.
//! - Both directions name what passes; everything unknown is dropped. So no `authorization`,
//!   `x-api-key`, `cookie`, `host` or hop-by-hop header of the container gets through, in whatever
//!   number or spelling.
//! - The credential is in one header, marked as sensitive.

use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, InvalidHeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};

use super::scrub::Spellings;
use crate::{CredentialKind, Secret};

const CALLS: [&str; 4] = [
    "/v1/messages",
    "/v1/messages?beta=true",
    "/v1/messages/count_tokens",
    "/v1/messages/count_tokens?beta=true",
];

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// Without it the API takes no token of a subscription.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// What the API's documentation and its clients name. `anthropic-beta` is treated on its own.
const UP: [HeaderName; 6] = [
    CONTENT_TYPE,
    ACCEPT,
    USER_AGENT,
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("anthropic-dangerous-direct-browser-access"),
    HeaderName::from_static("x-app"),
];
/// The client library's version, platform and retry count.
const UP_PREFIX: &str = "x-stainless-";

const DOWN: [HeaderName; 5] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    RETRY_AFTER,
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-should-retry"),
];
/// What is left of the account's limits, which clients show.
const DOWN_PREFIX: &str = "anthropic-ratelimit-";

/// The one of the [`CALLS`] that is asked for, or why there is none. The reason is a fixed text.
pub(super) fn admit(method: &Method, uri: &Uri) -> Result<&'static str, &'static str> {
    if uri.scheme().is_some() || uri.authority().is_some() {
        return Err("this is not a proxy; only the model's API is served here");
    }
    if method != Method::POST {
        return Err("only POST is served here");
    }
    let asked = uri.path_and_query().map(PathAndQuery::as_str);
    CALLS.into_iter().find(|it| asked == Some(*it)).ok_or(
        "only /v1/messages and /v1/messages/count_tokens are served here, with no query but \
         `beta=true`",
    )
}

/// The headers to send, with the credential among them.
/// Never fails for a [`Secret`], which is always a valid header value.
pub(super) fn upwards(
    from: &HeaderMap,
    kind: CredentialKind,
    secret: &Secret,
) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut headers: HeaderMap = kept(from, &UP, UP_PREFIX).collect();
    // An answer that is not compressed can be streamed and looked through.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let betas = betas(from, kind);
    if !betas.is_empty() {
        headers.insert(BETA, HeaderValue::try_from(betas)?);
    }
    let (name, mut value) = match kind {
        CredentialKind::AnthropicKey => (API_KEY, HeaderValue::from_str(secret.expose())?),
        CredentialKind::AnthropicOauth => {
            (AUTHORIZATION, HeaderValue::try_from(format!("Bearer {}", secret.expose()))?)
        }
    };
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

/// The headers of an answer that the container may see. One that repeats the credential, in whatever
/// spelling, is dropped.
pub(super) fn downwards(from: &HeaderMap, secret: &Secret) -> HeaderMap {
    let spellings = Spellings::of(secret);
    let is_clean = |it: &(HeaderName, HeaderValue)| !spellings.are_in(it.1.as_bytes());
    kept(from, &DOWN, DOWN_PREFIX).filter(is_clean).collect()
}

fn kept(
    from: &HeaderMap,
    names: &[HeaderName],
    prefix: &str,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    from.iter()
        .filter(move |(name, _)| names.contains(name) || name.as_str().starts_with(prefix))
        .map(|(name, value)| (name.clone(), value.clone()))
}

/// All values of `anthropic-beta` as one list, with the one that the credential needs.
fn betas(from: &HeaderMap, kind: CredentialKind) -> String {
    let values = from.get_all(BETA).iter().filter_map(|it| it.to_str().ok());
    let betas = values.flat_map(|it| it.split(',')).map(str::trim).filter(|it| !it.is_empty());
    let mut betas: Vec<&str> = betas.collect();
    if kind == CredentialKind::AnthropicOauth && !betas.contains(&OAUTH_BETA) {
        betas.push(OAUTH_BETA);
    }
    betas.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-ant-api03-real";

    fn secret() -> Secret {
        Secret::from_input(KEY.to_owned()).unwrap()
    }

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| {
                (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    fn upward(kind: CredentialKind, list: &[(&str, &str)]) -> HeaderMap {
        upwards(&headers(list), kind, &secret()).unwrap()
    }

    #[test]
    fn only_what_is_named_goes_up() {
        let up = upward(
            CredentialKind::AnthropicKey,
            &[
                ("content-type", "application/json"),
                ("Anthropic-Version", "2023-06-01"),
                ("x-stainless-os", "Linux"),
                ("X-Api-Key", "placeholder"),
                ("x-api-key", "another"),
                ("Authorization", "Bearer placeholder"),
                ("authorization", "Basic x"),
                ("proxy-authorization", "x"),
                ("cookie", "a=b"),
                ("host", "evil.example"),
                ("connection", "x-api-key, keep-alive"),
                ("transfer-encoding", "chunked"),
                ("content-length", "7"),
                ("te", "trailers"),
                ("upgrade", "h2c"),
                ("forwarded", "for=x"),
                ("x-forwarded-host", "x"),
                ("x-http-method-override", "DELETE"),
                ("accept-encoding", "gzip, br"),
                ("x-unknown", "x"),
            ],
        );
        let mut names: Vec<&str> = up.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected =
            ["accept-encoding", "anthropic-version", "content-type", "x-api-key", "x-stainless-os"];
        assert_eq!(names, expected);
        assert_eq!(up.get_all("x-api-key").iter().collect::<Vec<_>>(), [KEY]);
        assert_eq!(up["accept-encoding"], "identity");
    }

    #[test]
    fn a_subscription_token_travels_as_bearer_with_its_beta() {
        let up = upward(
            CredentialKind::AnthropicOauth,
            &[("x-api-key", "placeholder"), ("anthropic-beta", "a, b"), ("anthropic-beta", "c")],
        );
        assert_eq!(up["authorization"], format!("Bearer {KEY}"));
        assert!(!up.contains_key("x-api-key"));
        assert_eq!(up["anthropic-beta"], "a,b,c,oauth-2025-04-20");
        let up = upward(CredentialKind::AnthropicOauth, &[("anthropic-beta", OAUTH_BETA)]);
        assert_eq!(up["anthropic-beta"], OAUTH_BETA);
        let up = upward(CredentialKind::AnthropicKey, &[("anthropic-beta", "a")]);
        assert_eq!(up["anthropic-beta"], "a");
        assert!(!upward(CredentialKind::AnthropicKey, &[]).contains_key("anthropic-beta"));
    }

    #[test]
    fn the_credential_is_not_in_debug() {
        for kind in CredentialKind::ALL {
            let shown = format!("{:?}", upward(kind, &[]));
            assert!(!shown.contains(KEY), "{shown}");
        }
    }

    #[test]
    fn only_what_is_named_comes_down() {
        let down = downwards(
            &headers(&[
                ("content-type", "text/event-stream"),
                ("request-id", "req_1"),
                ("anthropic-ratelimit-requests-remaining", "9"),
                ("retry-after", "3"),
                ("set-cookie", "a=b"),
                ("location", "https://evil.example"),
                ("connection", "close"),
                ("transfer-encoding", "chunked"),
                ("server", "x"),
            ]),
            &secret(),
        );
        let mut names: Vec<&str> = down.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected =
            ["anthropic-ratelimit-requests-remaining", "content-type", "request-id", "retry-after"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_header_that_repeats_the_credential_does_not_come_down() {
        let echo = format!("req {KEY}");
        let down = downwards(&headers(&[("request-id", &echo), ("retry-after", "3")]), &secret());
        assert_eq!(down.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["retry-after"]);
        // `KEY` in base64.
        let encoded = [("anthropic-ratelimit-x", "c2stYW50LWFwaTAzLXJlYWw=")];
        assert!(downwards(&headers(&encoded), &secret()).is_empty());
    }

    fn judge(method: &str, target: &str) -> Result<&'static str, &'static str> {
        admit(&Method::from_bytes(method.as_bytes()).unwrap(), &target.parse().unwrap())
    }

    #[test]
    fn the_four_calls_are_sent_as_they_came() {
        for target in [
            "/v1/messages",
            "/v1/messages?beta=true",
            "/v1/messages/count_tokens",
            "/v1/messages/count_tokens?beta=true",
        ] {
            assert_eq!(judge("POST", target), Ok(target));
        }
    }

    #[test]
    fn nothing_near_them_is_admitted() {
        for target in [
            "/",
            "/v1",
            "/v1/messages/",
            "//v1/messages",
            "/v1//messages",
            "/V1/messages",
            "/v1/Messages",
            "/v1/x/../messages",
            "/v1/./messages",
            "/v1/messages/..",
            "/v1/messages/../messages",
            "/v1/%2e%2e/v1/messages",
            "/v1%2fmessages",
            "/v1/message%73",
            "/v1/messages%00",
            "/v1/messages;x",
            "/v1/messages/batches",
            "/v1/messages/count_tokens/x",
            "/v1/models",
            "/v1/files",
            "/api/oauth/claude_cli/create_api_key",
            "/v1/messages?",
            "/v1/messages?beta=true&x=1",
            "/v1/messages?x=1&beta=true",
            "/v1/messages?beta=TRUE",
            "/v1/messages?beta=true%20",
            "http://api.anthropic.com/v1/messages",
            "https://evil.example/v1/messages",
            "evil.example:443",
        ] {
            assert!(judge("POST", target).is_err(), "{target}");
        }
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "post"] {
            assert!(judge(method, "/v1/messages").is_err(), "{method}");
        }
        assert!(judge("CONNECT", "api.anthropic.com:443").is_err());
        assert!(judge("OPTIONS", "*").is_err());
    }
}
