//! An API of JSON over HTTP with a bearer token, whose statuses mean what HTTP says.

use std::time::Duration;

use domain::outgoing::FileOut;
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Answer, Failure, Refusal, client, download, foreign, read};
use crate::{Account, ChannelError, ExposeSecret, FetchError, Pulse, Writer};

/// Longer than a long poll waits, and than any server that is well takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// 50 MB at 30 KB a second. The host has a limit of its own, by the size of what is sent.
const FILE_WITHIN: Duration = Duration::from_secs(1_800);
/// Where a platform does not say how long.
const WAIT_DEFAULT: Duration = Duration::from_secs(5);
/// Of what a platform says in a refusal.
const REASON_CHARS_MAX: usize = 200;

/// The API as one account uses it. Every answer is a sign of life.
#[derive(Clone, Debug)]
pub struct Rest {
    http: Client,
    base: String,
    /// Marked as sensitive, so its debug text does not show it.
    authorization: HeaderValue,
    pulse: Pulse,
    channel: &'static str,
}

impl Rest {
    /// With the account's field `token`. `base` is where the API is, unless the account's URL `api` says otherwise.
    ///
    /// # Errors
    /// [`ChannelError::Unauthorized`] without a token that can stand in a header,
    /// [`ChannelError::Misconfigured`] for a base that is no URL.
    pub fn new(channel: &'static str, account: &Account, base: &str) -> Result<Self, ChannelError> {
        let token = account.require(channel, "token")?.expose_secret().trim();
        // The error is replaced: it might show the value.
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| ChannelError::Unauthorized(unknown_token(channel).into()))?;
        authorization.set_sensitive(true);
        let base = account.urls.get("api").map_or(base, String::as_str).trim_end_matches('/');
        if !Url::parse(base).is_ok_and(|it| matches!(it.scheme(), "http" | "https")) {
            let why = format!("`{base}` is not the URL of an API");
            return Err(ChannelError::Misconfigured(why.into()));
        }
        let http = client().build().map_err(Failure::from)?;
        Ok(Self { http, base: base.into(), authorization, pulse: account.pulse.clone(), channel })
    }

    /// To a path below the base, such as `me`; pieces of it that are not ours go through [`super::escaped`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/{path}", self.base));
        request.header(AUTHORIZATION, self.authorization.clone()).timeout(ANSWER_WITHIN)
    }

    pub fn json(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        super::with_json(self.request(method, path), body)
    }

    /// With a message and its files, as [`super::form`] writes them; takes as long as files take.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn form(
        &self,
        method: Method,
        path: &str,
        message: &Value,
        files: &[FileOut],
    ) -> Result<RequestBuilder, Failure> {
        let form = super::form(message, files, &self.pulse).await?;
        Ok(self.request(method, path).multipart(form).timeout(FILE_WITHIN))
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(self.json(method, path, body)).await
    }

    /// Sends a request once.
    pub async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let answer = super::send(request).await?;
        if answer.status.is_success() {
            self.pulse.beat()
        } else {
            return Err(self.failure(&answer));
        }
        answer.json()
    }

    /// Streams the file at a path, at most `bytes_max` of it.
    pub async fn download(
        &self,
        path: &str,
        bytes_max: u64,
        into: Writer<'_>,
    ) -> Result<(), FetchError> {
        let request = self.request(Method::GET, path).timeout(FILE_WITHIN);
        let response = request.send().await.map_err(Failure::from)?;
        if response.status().is_success() {
            return download(response, bytes_max, into).await;
        }
        Err(self.failure(&read(response).await?).into())
    }

    fn failure(&self, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let header = answer.headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        if status == 429 {
            self.pulse.beat();
            return Failure::Throttled { after: header.map_or(WAIT_DEFAULT, Duration::from_secs) };
        }
        let said = match answer.json::<Value>() {
            Ok(said) if matches!(status, 400..500) => said,
            Ok(_) => return foreign(answer.status, "an error"),
            Err(foreign) => return foreign,
        };
        self.pulse.beat();
        let said = ["error", "message", "description"].into_iter().find_map(|it| said[it].as_str());
        let said: String =
            said.unwrap_or("no reason given").chars().take(REASON_CHARS_MAX).collect();
        let why = format!("{} says: {said} ({status})", self.channel);
        match status {
            401 => Failure::Unauthorized(format!("{}: {why}", unknown_token(self.channel)).into()),
            408 => Failure::Unknown(why.into()),
            _ => Refusal { status, why, ..Refusal::default() }.into(),
        }
    }
}

fn unknown_token(channel: &str) -> String {
    format!(
        "the token is not one of {channel}'s; store another with `nanoclaw channels add {channel}`"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::Fields;

    fn rest(token: &str, base: &str) -> Result<Rest, ChannelError> {
        let fields = Fields::fixed([("token", token)]);
        let urls = BTreeMap::from([("api".into(), base.into())]);
        Rest::new("post", &Account { fields, urls, ..Account::new("main") }, "")
    }

    fn failure(status: u16, headers: HeaderMap, body: &str) -> (Failure, bool) {
        let rest = rest("sesame", "http://127.0.0.1:1").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let failure = rest.failure(&Answer { status, headers, body: body.into() });
        (failure, rest.pulse.last().is_some())
    }

    #[test]
    fn what_is_no_token_and_no_url_is_said_before_anything_is_sent() {
        let bad = rest("ses\name", "http://127.0.0.1:1").unwrap_err();
        assert!(
            matches!(&bad, ChannelError::Unauthorized(why)
            if why.to_string().contains("`nanoclaw channels add post`")),
            "{bad:?}"
        );
        assert!(matches!(rest("x", "127.0.0.1"), Err(ChannelError::Misconfigured(_))));
        assert!(matches!(rest("x", "ftp://x"), Err(ChannelError::Misconfigured(_))));
        assert!(!format!("{:?}", rest("sesame", "http://x")).contains("sesame"));
    }

    #[test]
    fn an_error_of_the_api_is_sorted_and_a_page_of_something_else_is_no_sign_of_life() {
        let said = |status| failure(status, HeaderMap::new(), r#"{"message":"no"}"#);
        assert!(matches!(said(401), (Failure::Unauthorized(_), true)));
        assert!(matches!(said(408), (Failure::Unknown(_), true)));
        assert!(matches!(said(502), (Failure::Unknown(_), false)));
        let (Failure::Refused(no), true) = said(404) else { panic!("it is not refused") };
        assert_eq!((no.status, no.why.as_str()), (404, "post says: no (404)"));
        let page = |status| failure(status, HeaderMap::new(), "<html>log in</html>");
        assert!(matches!(page(403), (Failure::Unreachable(_), false)));
    }

    #[test]
    fn a_limit_says_how_long_or_it_is_some_seconds() {
        let wait = |headers| match failure(429, headers, "slow down") {
            (Failure::Throttled { after }, true) => after.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(HeaderMap::new()), WAIT_DEFAULT.as_secs());
        assert_eq!(wait(HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from(7))])), 7);
    }
}
