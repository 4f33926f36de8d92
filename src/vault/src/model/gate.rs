//! Which requests a container may make.
//!
//! Invariants
//! - A request matches byte for byte or is refused. Nothing is decoded or normalised, so there is
//!   no second reading of a path that another program could come to.
//! - What is sent is a constant of ours that the request only chose.

use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};

const CALLS: [&str; 4] = [
    "/v1/messages",
    "/v1/messages?beta=true",
    "/v1/messages/count_tokens",
    "/v1/messages/count_tokens?beta=true",
];

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

#[cfg(test)]
mod tests {
    use super::*;

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
