//! Requests to Discord's HTTP API, each tried once.
//!
//! Discord's limits are kept by waiting before a request for a moment, and by handing longer waits back: the host
//! knows what else it could do meanwhile.

use std::time::Duration;

use channel::http::{self, Answer, Failure};
use channel::{ExposeSecret, SecretString};
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::multipart::Form;
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tracing::debug;
use twilight_http_ratelimiting::{Endpoint, Permit, RateLimitHeaders, RateLimiter};

pub(crate) use twilight_http_ratelimiting::Method;

use crate::refusal;
use crate::wire::Id;

/// What stands before the version, unless an account says otherwise.
pub(crate) const BASE: &str = "https://discord.com/api";
/// <https://discord.com/developers/docs/reference#api-versioning>
const VERSION: &str = "v10";
/// The form that Discord asks for (<https://discord.com/developers/docs/reference#user-agent>).
const USER_AGENT: &str = concat!("DiscordBot (nanoclaw, ", env!("CARGO_PKG_VERSION"), ")");

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// For files: what ten of the largest take at 30 KB/s. The host waits less, by their size.
const UPLOAD_WITHIN: Duration = Duration::from_secs(3_600);
/// A limit that is over sooner is waited for here.
const PERMIT_WITHIN: Duration = Duration::from_secs(3);

#[derive(Clone, Debug)]
pub(crate) struct Api {
    http: Client,
    /// Ends with the version.
    base: String,
    /// Marked as sensitive, so its debug text does not show it.
    authorization: HeaderValue,
    limits: RateLimiter,
}

#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Form(Form),
}

impl Api {
    /// # Errors
    /// When this machine cannot make connections at all, or the token has characters that no token has.
    pub(crate) fn new(base: &str, token: &SecretString) -> Result<Self, Failure> {
        let http = http::client().user_agent(USER_AGENT).build()?;
        let value = HeaderValue::from_str(&format!("Bot {}", token.expose_secret().trim()));
        // The error is replaced: it might show the value.
        let mut authorization =
            value.map_err(|_| refusal::bad_token("the token has characters that no token has"))?;
        authorization.set_sensitive(true);
        let base = format!("{}/{VERSION}", base.trim_end_matches('/'));
        Ok(Self { http, base, authorization, limits: RateLimiter::default() })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::Get, path, Body::Empty).await?.json()
    }

    /// `None` for what the bot is not told.
    pub(crate) async fn look_up(&self, path: &str) -> Result<Option<Value>, Failure> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused(why)) => {
                debug!(path, code = why.code, "discord does not tell about this");
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Makes something; returns its id.
    pub(crate) async fn make(&self, path: &str, body: Body) -> Result<Id, Failure> {
        let made: Value = self.send(Method::Post, path, body).await?.json()?;
        let foreign = || Failure::Unknown("discord answers with what has no id".into());
        Id::of(&made["id"]).ok_or_else(foreign)
    }

    /// Asks for what has no answer.
    pub(crate) async fn tell(&self, method: Method, path: &str, body: Body) -> Result<(), Failure> {
        self.send(method, path, body).await.map(drop)
    }

    /// Posts what the token in the path authorizes, and no limit counts.
    pub(crate) async fn tell_by_token(&self, path: &str, body: &Value) -> Result<(), Failure> {
        let request = self.http.post(format!("{}/{path}", self.base)).timeout(ANSWER_WITHIN);
        checked(http::send(http::with_json(request, body)).await?).map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: Body) -> Result<Answer, Failure> {
        let permit = self.permit(method, path).await?;
        let verb = reqwest::Method::from_bytes(method.name().as_bytes());
        let verb = verb.map_err(|err| Failure::Unreachable(err.into()))?;
        let url = format!("{}/{path}", self.base);
        let request = self.http.request(verb, url);
        let request = request.header(AUTHORIZATION, self.authorization.clone());
        let request = match body {
            Body::Empty => request.timeout(ANSWER_WITHIN),
            Body::Json(value) => http::with_json(request.timeout(ANSWER_WITHIN), &value),
            Body::Form(form) => request.timeout(UPLOAD_WITHIN).multipart(form),
        };
        let answer = http::send(request).await?;
        permit.complete(limits(&answer.headers));
        checked(answer)
    }

    /// Dropping it instead of completing it cancels it.
    async fn permit(&self, method: Method, path: &str) -> Result<Permit, Failure> {
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let acquired = timeout(PERMIT_WITHIN, self.limits.acquire(Endpoint { method, path })).await;
        acquired.map_err(|_| Failure::Throttled { after: PERMIT_WITHIN })
    }
}

fn checked(answer: Answer) -> Result<Answer, Failure> {
    if answer.status.is_success() { Ok(answer) } else { Err(refusal::failure(&answer)) }
}

/// <https://discord.com/developers/docs/topics/rate-limits#header-format>
fn limits(headers: &HeaderMap) -> Option<RateLimitHeaders> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let reset_after: f64 = text(RateLimitHeaders::RESET_AFTER)?.parse().ok()?;
    Some(RateLimitHeaders {
        bucket: text(RateLimitHeaders::BUCKET)?.as_bytes().to_vec(),
        limit: text(RateLimitHeaders::LIMIT)?.parse().ok()?,
        remaining: text(RateLimitHeaders::REMAINING)?.parse().ok()?,
        reset_at: (Instant::now() + Duration::try_from_secs_f64(reset_after).ok()?).into_std(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_an_answer() {
        let mut headers = HeaderMap::new();
        assert_eq!(limits(&headers), None);
        for (name, value) in [
            ("x-ratelimit-bucket", "abc"),
            ("x-ratelimit-limit", "5"),
            ("x-ratelimit-remaining", "2"),
            ("x-ratelimit-reset-after", "0.25"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let read = limits(&headers).unwrap();
        assert_eq!((read.limit, read.remaining, read.bucket.as_slice()), (5, 2, &b"abc"[..]));
    }

    #[tokio::test]
    async fn neither_debug_text_nor_error_shows_the_token() {
        let api = Api::new("http://127.0.0.1:1", &SecretString::from("sesame")).unwrap();
        assert!(!format!("{api:?}").contains("sesame"));
        let err = api.get("users/@me").await.unwrap_err();
        assert!(matches!(err, Failure::Unreachable(_)), "{err:?}");
        assert!(!format!("{err:?}").contains("sesame"));
        let err = Api::new(BASE, &SecretString::from("ses\name")).unwrap_err();
        assert!(!format!("{err:?}").contains("name\""), "{err:?}");
    }
}
