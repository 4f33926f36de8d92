//! Sends files (<https://core.telegram.org/bots/api#sending-files>).

use std::path::Path;

use channel::DeliverError;
use domain::outgoing::FileOut;
use reqwest::multipart::{Form, Part};
use tokio::fs::File;

use crate::api::Api;
use crate::error::{ApiError, deliver_error};
use crate::ids::Target;
use crate::methods::Reply;
use crate::text::{CAPTION_MAX, captions, units};
use crate::types::Sent;

/// What a bot may send.
pub(crate) const BYTES_MAX: u64 = 50_000_000;
/// A larger picture goes out as a document.
const PHOTO_BYTES_MAX: u64 = 10_000_000;

/// A way to send a file: the method and the field of the file.
type UploadMethod = (&'static str, &'static str);
/// A text and its `parse_mode`.
type Caption = (String, Option<&'static str>);
const DOCUMENT: UploadMethod = ("sendDocument", "document");

/// The ways to send a file, the most telling first. Anything is a document.
fn upload_methods(mime: &str, bytes: u64) -> Vec<UploadMethod> {
    let telling = match mime {
        "image/jpeg" | "image/png" | "image/webp" if bytes < PHOTO_BYTES_MAX => {
            Some(("sendPhoto", "photo"))
        }
        "video/mp4" => Some(("sendVideo", "video")),
        "audio/mpeg" => Some(("sendAudio", "audio")),
        _ => None,
    };
    telling.into_iter().chain([DOCUMENT]).collect()
}

/// Whether a caption has to be a message of its own.
pub(crate) fn is_too_long_for_a_caption(text: &str) -> bool {
    CAPTION_MAX < units(text)
}

/// Sends a file with a caption that fits; returns the message's number.
pub(crate) async fn send_file(
    api: &Api,
    to: Target,
    file: &FileOut,
    caption: &str,
    reply: Option<Reply>,
) -> Result<i64, Failed> {
    let bytes = size(&file.path).await?;
    let attempts = attempts(&file.mime, bytes, caption);
    let last = attempts.len().saturating_sub(1);
    for (at, ((method, field), caption)) in attempts.into_iter().enumerate() {
        let form = form(to, caption, reply, field).part(field, part(file, bytes).await?);
        match api.upload::<Sent>(method, form).await {
            Ok(sent) => return Ok(sent.message_id),
            Err(err) if at < last && err.is_about_the_content() => {}
            Err(err) => return Err(err.into()),
        }
    }
    // Not reached: the last attempt returns.
    Err(DeliverError::Refused("there is no way to send the file".into()).into())
}

/// The best way with the best caption, and what Telegram never refuses for what is in it.
fn attempts(mime: &str, bytes: u64, caption: &str) -> Vec<(UploadMethod, Caption)> {
    let (upload_methods, captions) = (upload_methods(mime, bytes), captions(caption));
    let best = upload_methods.first().copied().zip(captions.first().cloned());
    let safest = upload_methods.last().copied().zip(captions.last().cloned());
    let mut attempts: Vec<_> = best.into_iter().chain(safest).collect();
    attempts.dedup();
    attempts
}

fn form(to: Target, (text, parse_mode): Caption, reply: Option<Reply>, field: &str) -> Form {
    let mut form = Form::new().text("chat_id", to.chat.to_string());
    if let Some(thread) = to.thread {
        form = form.text("message_thread_id", thread.to_string());
    }
    if let Some(reply) = reply {
        // A struct of numbers always serialises.
        form = form.text("reply_parameters", serde_json::to_string(&reply).unwrap_or_default());
    }
    if !text.is_empty() {
        form = form.text("caption", text);
    }
    if let Some(mode) = parse_mode {
        form = form.text("parse_mode", mode);
    }
    if field == DOCUMENT.1 {
        form = form.text("disable_content_type_detection", "true");
    }
    form
}

/// Why nothing was sent.
#[derive(Debug)]
pub(crate) enum Failed {
    Api(ApiError),
    Other(DeliverError),
}

impl From<ApiError> for Failed {
    fn from(err: ApiError) -> Self {
        Self::Api(err)
    }
}

impl From<DeliverError> for Failed {
    fn from(err: DeliverError) -> Self {
        Self::Other(err)
    }
}

impl Failed {
    pub(crate) fn into_deliver_error(self) -> DeliverError {
        match self {
            Self::Api(err) => deliver_error(err),
            Self::Other(err) => err,
        }
    }
}

async fn size(path: &Path) -> Result<u64, DeliverError> {
    let bytes = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
    if BYTES_MAX < bytes {
        let why = format!(
            "the file has {} MB, and a bot may send {} MB at most",
            bytes / 1_000_000,
            BYTES_MAX / 1_000_000
        );
        return Err(DeliverError::Refused(why.into()));
    }
    if bytes == 0 {
        return Err(DeliverError::Refused(
            "the file is empty, which Telegram does not take".into(),
        ));
    }
    Ok(bytes)
}

/// Streams the file, so that a large one is never in memory.
async fn part(file: &FileOut, bytes: u64) -> Result<Part, DeliverError> {
    let content = File::open(&file.path).await.map_err(unreadable)?;
    let part = Part::stream_with_length(content, bytes).file_name(header_safe(&file.name));
    // What is no type is none.
    let mime = if is_mime(&file.mime) { &file.mime } else { "application/octet-stream" };
    part.mime_str(mime).map_err(|err| DeliverError::Refused(err.without_url().into()))
}

fn is_mime(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_'))
    };
    text.split_once('/').is_some_and(|(of, kind)| plain(of) && plain(kind))
}

fn unreadable(err: std::io::Error) -> DeliverError {
    DeliverError::Refused(Box::new(Unreadable(err)))
}

#[derive(Debug, thiserror::Error)]
#[error("the file that was to be sent cannot be read")]
struct Unreadable(#[source] std::io::Error);

/// Telegram's server cuts a file name at `;` and does not know escapes (`HttpReader` in
/// <https://github.com/tdlib/td/blob/master/tdnet/td/net/HttpReader.cpp>).
fn header_safe(name: &str) -> String {
    let safe =
        |c: char| if c.is_control() || matches!(c, '"' | ';' | '\\' | '/') { '_' } else { c };
    let name: String = name.chars().map(safe).collect();
    if name.trim().is_empty() { "file".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_out_as_what_it_is_and_else_as_a_document() {
        let first = |mime: &str, bytes| upload_methods(mime, bytes)[0].0;
        assert_eq!(first("image/png", 5), "sendPhoto");
        assert_eq!(first("image/png", PHOTO_BYTES_MAX), "sendDocument");
        assert_eq!(first("image/svg+xml", 5), "sendDocument");
        assert_eq!(first("video/mp4", 5), "sendVideo");
        assert_eq!(first("audio/mpeg", 5), "sendAudio");
        assert_eq!(first("text/plain", 5), "sendDocument");
        let all = attempts("video/mp4", 5, "**x**");
        assert_eq!(all[0].0.0, "sendVideo");
        assert_eq!(all[1], (DOCUMENT, ("**x**".into(), None)));
        assert_eq!(attempts("text/plain", 5, "").len(), 1);
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        assert_eq!(header_safe("a\"; name=\"x\r\n.txt"), "a__ name=_x__.txt");
        assert_eq!(header_safe("Größe 😀.pdf"), "Größe 😀.pdf");
        assert_eq!(header_safe(" "), "file");
        assert!(!is_mime("text/plain\r\nx: y") && !is_mime("text") && is_mime("image/svg+xml"));
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_said_before_anything_is_sent() {
        let gone = size(Path::new("/nowhere/at/all")).await.unwrap_err();
        assert!(matches!(gone, DeliverError::Refused(_)));
        let empty = size(Path::new("/dev/null")).await.unwrap_err();
        assert!(matches!(empty, DeliverError::Refused(why) if why.to_string().contains("empty")));
    }
}
