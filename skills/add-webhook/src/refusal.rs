//! Answers to a sender whose event was refused. The texts are for the person who set the sender up.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use crate::serve::{BODY_BYTES_MAX, COMMIT_WITHIN};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is nothing here; post to /hook/NAME, with a NAME of 1 to 64 of a-z 0-9 - _")]
    NotFound,
    #[error("only POST is taken here")]
    Method,
    #[error("the header X-Hub-Signature-256 is missing; give the sender the secret")]
    Unsigned,
    #[error("the signature is wrong; give the sender the same secret as this host")]
    WrongSignature,
    #[error("the body is larger than {} KiB", BODY_BYTES_MAX / 1024)]
    TooLarge,
    #[error("the body did not come in time")]
    Slow,
    #[error("the body broke off")]
    Broken,
    #[error("the body is empty")]
    Empty,
    #[error("the body is neither JSON nor text in UTF-8")]
    NotText,
    #[error("set the content type of the webhook to application/json")]
    Form,
    #[error("the id of the delivery must be 1 to 128 visible ASCII characters")]
    BadId,
    #[error(
        "this body was taken before under another hook, event or id; a sender that repeats itself \
         puts a time or number into the body"
    )]
    Replayed,
    #[error("this hook brings too many events; send it again in {} s", after.as_secs().max(1))]
    TooMany { after: Duration },
    /// The host's words.
    #[error("{0}")]
    Refused(String),
    #[error("it was not stored in time; send it again later")]
    NotStored,
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unsigned | Self::WrongSignature => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Empty | Self::NotText | Self::BadId => StatusCode::BAD_REQUEST,
            Self::Form => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotStored => StatusCode::SERVICE_UNAVAILABLE,
            Self::Replayed => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub(crate) fn answer(&self) -> Response<Full<Bytes>> {
        let mut answer = text(self.status(), &self.to_string());
        if *self == Self::Method {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        let wait = if let Self::TooMany { after } = self {
            Some(*after)
        } else {
            (*self == Self::NotStored).then_some(COMMIT_WITHIN)
        };
        if let Some(wait) = wait {
            let secs = HeaderValue::from(wait.as_secs().max(1));
            answer.headers_mut().insert(RETRY_AFTER, secs);
        }
        answer
    }
}

/// An answer of one line.
pub(crate) fn text(status: StatusCode, line: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(format!("{line}\n"))));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
