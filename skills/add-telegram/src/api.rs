//! Requests to a Bot API server (<https://core.telegram.org/bots/api#making-requests>).
//!
//! The token is part of every URL. It leaves this file in no form: errors are stripped of their
//! URL, and `Debug` shows no secret.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use channel::http::{self, Failure};
use channel::{ChannelError, ExposeSecret, FetchError, Pulse, SecretString, Writer};
use reqwest::multipart::Form;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use crate::refusal::failure;

/// A method without a file answers within a second or two.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// 50 MB at 30 KB a second. The host has a limit of its own, by the size of what is sent.
const UPLOAD_MAX: Duration = Duration::from_secs(1_800);
/// What a server takes longer than this to allow is better retried by the host.
const PATIENCE: Duration = Duration::from_secs(120);

/// One bot at one server.
#[derive(Debug)]
pub(crate) struct Api {
    http: Client,
    base: String,
    token: SecretString,
    /// Beats with every answer of the server, refusals too: it is there and heard us.
    pub(crate) pulse: Pulse,
    /// Groups that were seen to have topics.
    forums: Mutex<HashSet<i64>>,
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
        if let Err(form) = check_token(token) {
            let why =
                format!("what is stored is none: {form}; use `nanoclaw channels add telegram`");
            return Err(ChannelError::Unauthorized(why.into()));
        }
        let base = base.trim_end_matches('/');
        let is_url = Url::parse(base).is_ok_and(|it| matches!(it.scheme(), "http" | "https"));
        if !is_url {
            let why = format!("`{base}` is not the URL of a Bot API server");
            return Err(ChannelError::Misconfigured(why.into()));
        }
        let http = http::client().build().map_err(Failure::from)?;
        let (base, token) = (base.to_owned(), SecretString::from(token.to_owned()));
        Ok(Self { http, base, token, pulse, forums: Mutex::default() })
    }

    pub(crate) fn learn_forum(&self, chat: i64) {
        self.forums.lock().unwrap_or_else(PoisonError::into_inner).insert(chat);
    }

    pub(crate) fn is_forum(&self, chat: i64) -> bool {
        self.forums.lock().unwrap_or_else(PoisonError::into_inner).contains(&chat)
    }

    /// Calls a method that has its effect at once. Parameters that are `null` are left out.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: Value,
    ) -> Result<T, Failure> {
        self.call_within(ANSWER_MAX, method, parameters).await
    }

    /// As [`Self::call`] for the receiving half: waits where the server asks for that. Only for what
    /// may be repeated.
    pub(crate) async fn call_patiently<T: DeserializeOwned>(
        &self,
        within: Duration,
        method: &str,
        parameters: Value,
    ) -> Result<T, Failure> {
        loop {
            match self.call_within(within, method, parameters.clone()).await {
                Err(Failure::Throttled { after }) if after <= PATIENCE => sleep(after).await,
                result => return result,
            }
        }
    }

    async fn call_within<T: DeserializeOwned>(
        &self,
        within: Duration,
        method: &str,
        mut parameters: Value,
    ) -> Result<T, Failure> {
        if let Some(fields) = parameters.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        let request = self.http.post(self.url("bot", method)).timeout(within);
        self.result_of(http::with_json(request, &parameters)).await
    }

    pub(crate) async fn upload(&self, method: &str, form: Form) -> Result<Value, Failure> {
        let request = self.http.post(self.url("bot", method)).multipart(form);
        self.result_of(request.timeout(UPLOAD_MAX)).await
    }

    /// The content of a file that `getFile` led to.
    pub(crate) async fn download(
        &self,
        path: &str,
        bytes_max: u64,
        into: Writer<'_>,
    ) -> Result<(), FetchError> {
        let request = self.http.get(self.url("file/bot", path)).timeout(UPLOAD_MAX);
        let response = request.send().await.map_err(Failure::from)?;
        if response.status() == StatusCode::OK {
            return http::download(response, bytes_max, into).await;
        }
        let answer = http::read(response).await?;
        Err(failure(&answer.json()?, answer.status).into())
    }

    async fn result_of<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let answer = http::send(request).await?;
        let mut said: Value = answer.json()?;
        let foreign = |why| http::foreign(answer.status, why);
        let is_ok =
            said["ok"].as_bool().ok_or_else(|| foreign("it does not say whether it is ok"))?;
        self.pulse.beat();
        if !is_ok {
            return Err(failure(&said, answer.status));
        }
        // The error itself may quote what people wrote.
        serde_json::from_value(said["result"].take())
            .map_err(|_| foreign("its result is malformed"))
    }

    fn url(&self, prefix: &str, rest: &str) -> String {
        format!("{}/{prefix}{}/{rest}", self.base, self.token.expose_secret())
    }
}

/// `<the bot's id>:<letters>`; nothing that would mean something in a URL.
pub(crate) fn check_token(text: &str) -> Result<(), &'static str> {
    let form = "a bot's token looks like 123456:ABC-DEF1234, and @BotFather gives it out";
    let (id, secret) = text.split_once(':').ok_or(form)?;
    let of_secret = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
    let is_good = !id.is_empty()
        && id.chars().all(|it| it.is_ascii_digit())
        && !secret.is_empty()
        && secret.chars().all(of_secret);
    is_good.then_some(()).ok_or(form)
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
        let err = api.call::<Value>("getMe", Value::Null).await.unwrap_err();
        assert!(matches!(err, Failure::Unreachable(_)));
        let told =
            [format!("{err:?} {err}"), format!("{api:?}"), format!("{:#?}", transported(&api))];
        for text in told {
            assert!(!text.contains("4711") && !text.contains("secret_part"), "{text}");
        }
    }

    fn transported(api: &Api) -> Failure {
        let bad = api.http.post(api.url("bot", "getMe")).header("bad\nname", "x").build();
        bad.unwrap_err().into()
    }
}
