//! HTTP as adapters need it: no redirects, answers that are read up to a limit, files that are streamed, errors
//! sorted by what the host must do. Each error is stripped of its address, which may hold a token.

mod hosted;
mod rest;

use std::io;
use std::time::Duration;

use domain::outgoing::FileOut;
use futures_util::TryStreamExt as _;
pub use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
pub use reqwest::multipart::Form;
use reqwest::multipart::Part;
use reqwest::{Body, Client, ClientBuilder, RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

pub use self::hosted::HostedFiles;
pub use self::rest::Rest;
use crate::{Cause, ChannelError, DeliverError, FetchError, Pulse, Writer};

/// Well below the time of any whole request: that would end first, and a request that never left
/// would count as one of which nobody knows whether it took effect, which uses up a part's tries.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Larger than any answer of an API; Telegram sends up to 4 MiB of updates at once.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Of a file that is sent: a second or two of the slowest line.
const PIECE_BYTES: usize = 64 << 10;

/// Why a request has no result, sorted by what is known of it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Certainly without effect; wait at least this long.
    #[error("the platform asks to wait {} s", after.as_secs())]
    Throttled { after: Duration },
    /// The same in every chat of the account.
    #[error("the platform asks to wait {} s everywhere", after.as_secs())]
    Paused { after: Duration },
    /// Certainly without effect.
    #[error("the platform cannot be reached")]
    Unreachable(#[source] Cause),
    /// Certainly without effect, until somebody stores another credential.
    #[error("the platform rejects the credentials")]
    Unauthorized(#[source] Cause),
    /// Nobody knows whether it took effect.
    #[error("the platform did not answer")]
    Unknown(#[source] Cause),
    /// Certainly without effect.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing was sent.
    #[error("the file that was to be sent cannot be read")]
    Unreadable(#[source] io::Error),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// As HTTP counts; 0 where this host refuses and asks nobody.
    pub status: u16,
    /// The platform's own number for it, where it has one.
    pub code: u64,
    pub why: String,
    /// The chat has another id now.
    pub moved_to: Option<i64>,
}

impl Failure {
    /// Something that is not even tried.
    pub fn refused(why: impl Into<String>) -> Self {
        Refusal { why: why.into(), ..Refusal::default() }.into()
    }
}

impl From<reqwest::Error> for Failure {
    fn from(err: reqwest::Error) -> Self {
        let is_unsent = err.is_connect() || err.is_builder();
        let cause = err.without_url().into();
        if is_unsent { Self::Unreachable(cause) } else { Self::Unknown(cause) }
    }
}

impl From<Failure> for DeliverError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Throttled { after } => Self::Throttled { after, everywhere: false },
            Failure::Paused { after } => Self::Throttled { after, everywhere: true },
            // It waits until there is a credential that works.
            Failure::Unreachable(cause) | Failure::Unauthorized(cause) => Self::Unreachable(cause),
            Failure::Unknown(cause) => Self::Unknown(cause),
            Failure::Refused(_) | Failure::Unreadable(_) => Self::Refused(failure.into()),
        }
    }
}

impl From<Failure> for ChannelError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unauthorized(cause) => Self::Unauthorized(cause),
            Failure::Unreachable(cause) | Failure::Unknown(cause) => Self::Unreachable(cause),
            Failure::Throttled { .. }
            | Failure::Paused { .. }
            | Failure::Refused(_)
            | Failure::Unreadable(_) => Self::Unreachable(failure.into()),
        }
    }
}

impl From<Failure> for FetchError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(why) => Self::Gone(why.into()),
            Failure::Unreachable(cause) | Failure::Unknown(cause) => Self::Unreachable(cause),
            Failure::Throttled { .. }
            | Failure::Paused { .. }
            | Failure::Unauthorized(_)
            | Failure::Unreadable(_) => Self::Unreachable(failure.into()),
        }
    }
}

/// A redirect would carry a token, or what people wrote, to somebody else.
pub fn client() -> ClientBuilder {
    // The whole process has one; the first that comes is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_WITHIN)
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Vec<u8>,
}

/// Sends a request once and reads its answer.
pub async fn send(request: RequestBuilder) -> Result<Answer, Failure> {
    read(request.send().await?).await
}

pub async fn read(mut response: Response) -> Result<Answer, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if ANSWER_BYTES_MAX < body.len() + chunk.len() {
            return Err(foreign(status, "it is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

impl Answer {
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The error tells where an answer is malformed and not what is there: people may have written it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|err| {
            foreign(self.status, &format!("malformed at {}:{}", err.line(), err.column()))
        })
    }
}

/// For an answer that the platform's API does not give: a proxy's page, or another server's.
pub fn foreign(status: StatusCode, why: &str) -> Failure {
    let why = format!("the answer (status {status}) is not one of the platform's API: {why}");
    match status.as_u16() {
        413 => Failure::refused(
            "the file is larger than something on the way takes; send a smaller one",
        ),
        408 => Failure::Unknown(why.into()),
        // Something on the way wants to be logged in to, or leads elsewhere.
        300..500 => Failure::Unreachable(why.into()),
        _ => Failure::Unknown(why.into()),
    }
}

/// Streams the file in an answer, at most `bytes_max` of it.
pub async fn download(
    mut response: Response,
    bytes_max: u64,
    into: Writer<'_>,
) -> Result<(), FetchError> {
    let too_large = || FetchError::TooLarge { bytes_max };
    let mut left = bytes_max;
    if response.content_length().is_some_and(|it| left < it) {
        return Err(too_large());
    }
    while let Some(chunk) = response.chunk().await.map_err(Failure::from)? {
        let size = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        left = left.checked_sub(size).ok_or_else(too_large)?;
        into.write_all(&chunk).await.map_err(FetchError::Write)?;
    }
    into.flush().await.map_err(FetchError::Write)
}

/// The JSON of a request.
pub fn with_json(request: RequestBuilder, value: &Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/json").body(value.to_string())
}

/// A file of ours in a form, streamed, so that a large one is never in memory. `name` is what the platform is told.
/// Each piece that the connection takes is a sign of life: on a slow line nothing else may get through.
pub async fn upload(file: &FileOut, name: String, pulse: &Pulse) -> Result<Part, Failure> {
    let content = File::open(&file.path).await.map_err(Failure::Unreadable)?;
    let length = content.metadata().await.map_err(Failure::Unreadable)?.len();
    let pulse = pulse.clone();
    let pieces =
        ReaderStream::with_capacity(content, PIECE_BYTES).inspect_ok(move |_| pulse.beat());
    let part = Part::stream_with_length(Body::wrap_stream(pieces), length).file_name(name);
    let mime = if is_mime(&file.mime) { &file.mime } else { "application/octet-stream" };
    Ok(part.mime_str(mime)?)
}

/// A message with files as many APIs take it: as JSON in the field `payload_json`, and `files[0]` and so on.
pub async fn form(message: &Value, files: &[FileOut], pulse: &Pulse) -> Result<Form, Failure> {
    // Names as browsers write them, not percent-encoded.
    let mut form = Form::new().percent_encode_noop().text("payload_json", message.to_string());
    for (at, file) in files.iter().enumerate() {
        // A line break would end the header that a name is in.
        let name = file.name.replace(char::is_control, "_");
        form = form.part(format!("files[{at}]"), upload(file, name, pulse).await?);
    }
    Ok(form)
}

/// A text as one piece of a path.
pub fn escaped(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

fn is_mime(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_'))
    };
    text.split_once('/').is_some_and(|(of, kind)| is_plain(of) && is_plain(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_upload_shows_life_as_long_as_the_other_side_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film");
        std::fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
        let file =
            FileOut { path, name: String::new(), mime: String::new(), caption: String::new() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pulse = Pulse::default();
        let form = Form::new().part("file", upload(&file, "film".into(), &pulse).await.unwrap());
        let mut sending = tokio::task::JoinSet::new();
        sending.spawn(send(client().build().unwrap().post(url).multipart(form)));
        let (mut other, _) = listener.accept().await.unwrap();
        let last = || pulse.last().map(|it| it.when);
        let mut before = None;
        for _ in 0..3 {
            // What fills the buffers on the way, and then nothing.
            let full = async {
                let mut seen = None;
                while seen.is_none() || seen != last() {
                    seen = last();
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                seen
            };
            let now = full.await;
            assert!(before < now, "it took more, and nobody saw");
            before = now;
            let mut taken = vec![0; 12 << 20];
            tokio::io::AsyncReadExt::read_exact(&mut other, &mut taken).await.unwrap();
        }
        drop(other);
        assert!(matches!(sending.join_next().await.unwrap().unwrap(), Err(Failure::Unknown(_))));
    }

    #[test]
    fn an_escaped_text_stays_one_piece() {
        assert_eq!(escaped("👍"), "%F0%9F%91%8D");
        assert_eq!(escaped("a/../b?c"), "a%2F%2E%2E%2Fb%3Fc");
    }

    #[test]
    fn a_limit_of_the_account_is_one_everywhere() {
        let everywhere = |failure| {
            let DeliverError::Throttled { after, everywhere } = DeliverError::from(failure) else {
                panic!("it does not ask to wait")
            };
            (after.as_secs(), everywhere)
        };
        let after = Duration::from_secs(7);
        assert_eq!(everywhere(Failure::Throttled { after }), (7, false));
        assert_eq!(everywhere(Failure::Paused { after }), (7, true));
    }

    #[test]
    fn only_what_is_certain_is_given_up() {
        let refused = DeliverError::from(Failure::refused("no"));
        assert!(matches!(refused, DeliverError::Refused(_)));
        let token = DeliverError::from(Failure::Unauthorized("bad".into()));
        assert!(matches!(token, DeliverError::Unreachable(_)));
        let unknown = DeliverError::from(Failure::Unknown("reset".into()));
        assert!(matches!(unknown, DeliverError::Unknown(_)));
        let token = ChannelError::from(Failure::Unauthorized("bad".into()));
        assert!(matches!(token, ChannelError::Unauthorized(_)));
    }

    #[test]
    fn an_answer_of_something_on_the_way_is_no_answer_of_the_platform() {
        let sort = |status| {
            let status = StatusCode::from_u16(status).unwrap();
            DeliverError::from(foreign(status, "malformed"))
        };
        assert!(matches!(sort(413), DeliverError::Refused(_)));
        assert!(matches!(sort(302), DeliverError::Unreachable(_)));
        assert!(matches!(sort(407), DeliverError::Unreachable(_)));
        for status in [200, 408, 502] {
            assert!(matches!(sort(status), DeliverError::Unknown(_)), "{status}");
        }
    }

    #[test]
    fn what_is_no_type_of_a_file_is_not_sent_as_one() {
        assert!(!is_mime("text/plain\r\nx: y") && !is_mime("text") && is_mime("image/svg+xml"));
    }
}
