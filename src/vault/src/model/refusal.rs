//! Why a request was not served, as the container gets to see it: an error in the API's own format,
//! which the agent's program shows to the user.
//!
//! Invariants
//! - A text says what to do and on which machine, and holds nothing of the request or a credential.
//! - A client that heeds `x-should-retry` does not repeat what cannot succeed.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::Answer;
use crate::VaultError;
use crate::upstream::Trouble;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("nanoclaw refused this request: {0}")]
    Forbidden(&'static str),
    #[error("nanoclaw refused this request: its body is larger than {} MiB", .body_max >> 20)]
    TooLarge { body_max: usize },
    #[error("nanoclaw refused this request: its headers are larger than {} KiB", .head_max >> 10)]
    HeadTooLarge { head_max: usize },
    #[error(
        "nanoclaw has no credential for the model; run `nanoclaw vault add anthropic` on the host"
    )]
    NoCredential,
    #[error(
        "nanoclaw cannot open the stored credential for the model: {0}; run `nanoclaw vault add \
         anthropic` on the host to replace it"
    )]
    Unreadable(String),
    #[error("nanoclaw could not read its vault just now")]
    Store,
    #[error("nanoclaw cannot get an answer from {origin}: {trouble}")]
    Upstream { origin: String, trouble: Trouble },
    #[error(
        "nanoclaw slows this session down: it makes too many model calls; wait {} s",
        after.as_secs().max(1)
    )]
    TooMany { after: Duration },
    #[error("nanoclaw could not make the request; this is a fault in nanoclaw")]
    Internal,
}

impl From<VaultError> for Refusal {
    fn from(err: VaultError) -> Self {
        match err {
            VaultError::Missing(_) => Self::NoCredential,
            VaultError::Unreadable { source, .. } => Self::Unreadable(source.to_string()),
            VaultError::Rows { .. } => Self::Store,
            VaultError::UnknownName(_) | VaultError::Unsealable | VaultError::Tls(_) => {
                Self::Internal
            }
        }
    }
}

impl Refusal {
    /// Under which text it is counted; `None` for what is not the container's doing.
    pub(super) fn counted(&self) -> Option<&'static str> {
        self.class().3
    }

    pub(super) fn into_answer(self) -> Answer {
        let (status, kind, retry, _) = self.class();
        let wait = if let Self::TooMany { after } = &self { Some(*after) } else { None };
        let error = json!({"type": kind, "message": self.to_string()});
        let body = Bytes::from(json!({"type": "error", "error": error}).to_string());
        let mut answer = Response::new(Full::new(body).map_err(|never| match never {}).boxed());
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let retry = HeaderValue::from_static(if retry { "true" } else { "false" });
        headers.insert("x-should-retry", retry);
        if let Some(after) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        answer
    }

    /// Status, the API's name for the error, whether to try again, and as what it is counted. The names
    /// are those that the API documents, since clients decide by them.
    fn class(&self) -> (StatusCode, &'static str, bool, Option<&'static str>) {
        const FAULT: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
        const HEAD: StatusCode = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let (status, kind, retry, counted) = match self {
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, "permission_error", false, *why),
            Self::TooLarge { .. } => {
                let counted = "the body is too large";
                (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", false, counted)
            }
            Self::HeadTooLarge { .. } => {
                (HEAD, "request_too_large", false, "the headers are too large")
            }
            Self::TooMany { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", true, "too many model calls")
            }
            Self::NoCredential => (StatusCode::UNAUTHORIZED, "authentication_error", false, ""),
            Self::Unreadable(_) | Self::Internal => (FAULT, "api_error", false, ""),
            Self::Store => (FAULT, "api_error", true, ""),
            Self::Upstream { trouble, .. } => {
                (StatusCode::BAD_GATEWAY, "api_error", trouble.may_pass(), "")
            }
        };
        (status, kind, retry, Some(counted).filter(|it| !it.is_empty()))
    }
}
