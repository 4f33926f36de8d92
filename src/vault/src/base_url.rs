//! Where a credential may be sent.
//!
//! Invariants
//! - `https` to any host, or `http` to this machine; a credential is never in the clear on a wire.
//! - The text is canonical: parsing it again gives the same text, so it can be authenticated.
//! - Nothing but scheme, host, port and a path prefix.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The API that a credential is for unless the user says otherwise.
const DEFAULT: &str = "https://api.anthropic.com";

/// A checked destination, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the base URL {0}")]
pub struct InvalidBaseUrl(&'static str);

const MALFORMED: InvalidBaseUrl =
    InvalidBaseUrl("cannot be read; it looks like `https://api.anthropic.com`");

impl BaseUrl {
    /// Fails when it is anything but a safe destination with an optional path prefix.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let text = text.trim();
        // The URL standard drops or replaces some of these silently; none is in an honest URL.
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(MALFORMED);
        }
        let url = Url::parse(text).map_err(|_why| MALFORMED)?;
        let host = url.host_str().ok_or(MALFORMED)?;
        let path = url.path().trim_end_matches('/');
        let why = match url.scheme() {
            "http" if !is_loopback(host) => {
                "would send the credential unencrypted to another machine; use `https://` (plain \
                 `http://` is for this machine only: 127.0.0.1, [::1] or localhost)"
            }
            "https" | "http" if !url.username().is_empty() || url.password().is_some() => {
                "must not hold a user name or password"
            }
            "https" | "http" if url.query().is_some() || url.fragment().is_some() => {
                "must not have a `?` or `#` part"
            }
            "https" | "http" if path.ends_with("/v1") => {
                "must not end in `/v1`; the path of the API is added to it"
            }
            "https" | "http" => {
                return Ok(Self(format!("{}{path}", url.origin().ascii_serialization())));
            }
            _ => "must start with `https://`",
        };
        Err(InvalidBaseUrl(why))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what an error may tell of the destination.
    pub(crate) fn origin(&self) -> String {
        Url::parse(&self.0).map(|it| it.origin().ascii_serialization()).unwrap_or_default()
    }

    /// The URL of an endpoint of the API below this one. `path` is a constant of ours, nothing that
    /// an agent said.
    pub(crate) fn join(&self, path: &'static str) -> Result<Url, InvalidBaseUrl> {
        Url::parse(&format!("{}{path}", self.0)).map_err(|_why| MALFORMED)
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `localhost` counts because the upstream client never asks a name server for it.
fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || literal.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(text: &str) -> String {
        BaseUrl::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn safe_destinations_are_taken_in_one_form() {
        for (text, canonical) in [
            (DEFAULT, DEFAULT),
            (" https://API.anthropic.com/ \n", DEFAULT),
            ("https://api.anthropic.com:443", DEFAULT),
            ("https://gw.example:8443/llm/claude/", "https://gw.example:8443/llm/claude"),
            ("https://gw.example/a/../b", "https://gw.example/b"),
            ("https://10.0.0.7", "https://10.0.0.7"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.9.8.7", "http://127.9.8.7"),
            ("http://[::1]:9/x", "http://[::1]:9/x"),
            ("http://localhost:4000", "http://localhost:4000"),
            ("http://LOCALHOST", "http://localhost"),
        ] {
            let parsed = BaseUrl::parse(text).unwrap();
            assert_eq!(parsed.as_str(), canonical, "{text}");
            assert_eq!(BaseUrl::parse(canonical).unwrap(), parsed, "{text}");
        }
        assert_eq!(BaseUrl::parse(DEFAULT).unwrap(), BaseUrl::default());
    }

    #[test]
    fn a_credential_never_crosses_a_wire_in_the_clear() {
        for text in [
            "http://api.anthropic.com",
            "http://10.0.0.7",
            "http://0.0.0.0",
            "http://[::]",
            "http://128.0.0.1",
            "http://[::ffff:127.0.0.1]",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.",
            "http://host.docker.internal",
            "http://2130706434.example",
        ] {
            assert!(why(text).contains("unencrypted to another machine"), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (text, expected) in [
            ("", "cannot be read"),
            ("api.anthropic.com", "cannot be read"),
            ("https://", "cannot be read"),
            ("https://a b", "cannot be read"),
            ("https://good.example\\@evil.example", "cannot be read"),
            ("https://good.ex\tample", "cannot be read"),
            ("file:///etc/passwd", "cannot be read"),
            ("ftp://x.example", "must start with `https://`"),
            ("ws://127.0.0.1", "must start with `https://`"),
            ("https://user@x.example", "user name"),
            ("https://:pass@x.example", "user name"),
            ("http://127.0.0.1:80@evil.example", "unencrypted"),
            ("https://x.example?beta", "`?` or `#`"),
            ("https://x.example/#top", "`?` or `#`"),
            ("https://api.anthropic.com/v1", "must not end in `/v1`"),
            ("https://api.anthropic.com/v1/", "must not end in `/v1`"),
        ] {
            assert!(why(text).contains(expected), "{text}: {}", why(text));
        }
    }

    #[test]
    fn an_error_tells_the_origin_only() {
        assert_eq!(
            BaseUrl::parse("https://x.example:9/a/b").unwrap().origin(),
            "https://x.example:9"
        );
        assert_eq!(BaseUrl::default().origin(), DEFAULT);
    }

    proptest! {
        #[test]
        fn a_canonical_text_stays_as_it_is(text in "https?://[a-z0-9.:\\[\\]]{1,20}[a-zA-Z0-9/%._~;@-]{0,20}") {
            if let Ok(parsed) = BaseUrl::parse(&text) {
                prop_assert_eq!(&BaseUrl::parse(parsed.as_str()).unwrap(), &parsed);
            }
        }
    }
}
