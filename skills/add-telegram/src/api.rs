//! Requests to a Bot API server (<https://core.telegram.org/bots/api#making-requests>).
//!
//! The token is part of every URL. It leaves this file in no form: errors are stripped of their
//! URL, `Debug` shows the server alone.

use std::fmt;
use std::time::Duration;

use channel::{ChannelError, ExposeSecret, Pulse, SecretString};
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::Form;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;

use crate::error::{ApiError, PATIENCE, Refusal, wait_of};

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// A method without a file answers within a second or two.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// 50 MB over a slow line. The host sets a shorter limit of its own if it wants one.
const UPLOAD_MAX: Duration = Duration::from_secs(600);
/// Updates come in at most 4 MiB at once (`JsonUpdates` in the server's `Client.cpp`).
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// One bot at one server.
pub(crate) struct Api {
    http: Client,
    base: String,
    token: SecretString,
    /// Beats with every answer of the server, refusals too: it is there and heard us.
    pulse: Pulse,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    result: Value,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Api {
    /// # Errors
    /// [`ChannelError::Unauthorized`] for what cannot be a token,
    /// [`ChannelError::Misconfigured`] for what is no URL.
    pub(crate) fn new(
        base: &str,
        token: &SecretString,
        pulse: Pulse,
    ) -> Result<Self, ChannelError> {
        let token = token.expose_secret().trim();
        if !has_the_form_of_a_token(token) {
            let why = "what is stored is not a bot's token; one looks like 123456:ABC-DEF1234, and \
                       @BotFather gives it out: store it with `nanoclaw channels add telegram`";
            return Err(ChannelError::Unauthorized(why.into()));
        }
        let base = base.trim_end_matches('/');
        let is_url = Url::parse(base).is_ok_and(|it| matches!(it.scheme(), "http" | "https"));
        if !is_url {
            let why = format!("`{base}` is not the URL of a Bot API server");
            return Err(ChannelError::Misconfigured(why.into()));
        }
        let http = Client::builder()
            // A redirect would carry the token to somebody else.
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_MAX)
            .build()
            .map_err(|err| ChannelError::Misconfigured(err.without_url().into()))?;
        Ok(Self { http, base: base.to_owned(), token: SecretString::from(token.to_owned()), pulse })
    }

    /// Calls a method that has its effect at once.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<T, ApiError> {
        self.call_within(ANSWER_MAX, method, parameters).await
    }

    /// As [`Self::call`]; waits where the server asks for that. Only for what may be repeated.
    pub(crate) async fn call_patiently<T: DeserializeOwned>(
        &self,
        within: Duration,
        method: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<T, ApiError> {
        loop {
            let err = match self.call_within(within, method, parameters).await {
                Ok(result) => return Ok(result),
                Err(err) => err,
            };
            match err.refusal().filter(|it| it.code == 429).map(wait_of) {
                Some(wait) if wait <= PATIENCE => sleep(wait).await,
                Some(_) | None => return Err(err),
            }
        }
    }

    async fn call_within<T: DeserializeOwned>(
        &self,
        within: Duration,
        method: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<T, ApiError> {
        // Parameters are plain structs of ours, which always serialise.
        let body = serde_json::to_vec(parameters).unwrap_or_default();
        let request = self.http.post(self.url("bot", method));
        let request = request.header(CONTENT_TYPE, "application/json").body(body).timeout(within);
        self.result_of(request).await
    }

    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        method: &str,
        form: Form,
    ) -> Result<T, ApiError> {
        let request = self.http.post(self.url("bot", method)).multipart(form);
        self.result_of(request.timeout(UPLOAD_MAX)).await
    }

    /// The content of a file that `getFile` led to.
    pub(crate) async fn download(&self, path: &str) -> Result<Response, ApiError> {
        let request = self.http.get(self.url("file/bot", path));
        let answer = request.timeout(UPLOAD_MAX).send().await.map_err(transport)?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => Err(refusal_of(status, answer).await),
        }
    }

    async fn result_of<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let result = result_of(request).await;
        if let Ok(_) | Err(ApiError::Refusal(_)) = &result {
            self.pulse.beat();
        }
        result
    }

    fn url(&self, prefix: &str, rest: &str) -> String {
        format!("{}/{prefix}{}/{rest}", self.base, self.token.expose_secret())
    }
}

/// `<the bot's id>:<letters>`; nothing that would mean something in a URL.
fn has_the_form_of_a_token(text: &str) -> bool {
    let Some((id, secret)) = text.split_once(':') else { return false };
    let of_secret = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
    !id.is_empty()
        && id.chars().all(|it| it.is_ascii_digit())
        && !secret.is_empty()
        && secret.chars().all(of_secret)
}

fn transport(err: reqwest::Error) -> ApiError {
    let err = err.without_url();
    if err.is_connect() || err.is_builder() { ApiError::Connect(err) } else { ApiError::Lost(err) }
}

async fn result_of<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ApiError> {
    let answer = request.send().await.map_err(transport)?;
    let status = answer.status();
    let envelope = envelope_of(answer).await?.ok_or(ApiError::Strange { status })?;
    if !envelope.ok {
        return Err(envelope.refusal(status).into());
    }
    serde_json::from_value(envelope.result).map_err(|_| ApiError::Strange { status })
}

async fn refusal_of(status: StatusCode, answer: Response) -> ApiError {
    match envelope_of(answer).await {
        Ok(Some(envelope)) if !envelope.ok => envelope.refusal(status).into(),
        Ok(_) => ApiError::Strange { status },
        Err(err) => err,
    }
}

impl Envelope {
    fn refusal(self, status: StatusCode) -> Refusal {
        Refusal {
            code: self.error_code.unwrap_or(status.as_u16()),
            description: self.description,
            retry_after: self.parameters.retry_after,
            migrate_to: self.parameters.migrate_to_chat_id,
        }
    }
}

/// `None` for what is not an answer of the Bot API.
async fn envelope_of(mut answer: Response) -> Result<Option<Envelope>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(transport)? {
        if ANSWER_BYTES_MAX < body.len() + chunk.len() {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(base: &str, token: &str) -> Result<Api, ChannelError> {
        Api::new(base, &SecretString::from(token.to_owned()), Pulse::default())
    }

    #[test]
    fn what_is_no_token_never_reaches_a_url() {
        for bad in ["", "x", "12:", ":abc", "12:a/b", "12:a?b", "12:a b", "x1:abc", "12:a#"] {
            let err = api("http://localhost", bad).unwrap_err();
            assert!(matches!(err, ChannelError::Unauthorized(_)), "{bad}");
        }
        assert!(api("http://localhost/", " 12:aB_-9\n").is_ok());
        let err = api("localhost", "12:ab").unwrap_err();
        assert!(matches!(err, ChannelError::Misconfigured(_)));
    }

    #[tokio::test]
    async fn the_token_is_in_no_error() {
        // Nobody listens on port 1.
        let api = api("http://127.0.0.1:1", "4711:secret_part").unwrap();
        let err = api.call::<Value>("getMe", &()).await.unwrap_err();
        assert!(matches!(err, ApiError::Connect(_)));
        let told =
            [format!("{err:?} {err}"), format!("{api:?}"), format!("{:#?}", transported(&api))];
        for text in told {
            assert!(!text.contains("4711") && !text.contains("secret_part"), "{text}");
        }
    }

    fn transported(api: &Api) -> ApiError {
        let bad = api.http.post(api.url("bot", "getMe")).header("bad\nname", "x").build();
        transport(bad.unwrap_err())
    }
}
