//! Sends files (<https://core.telegram.org/bots/api#sending-files>) and fetches those that came with
//! messages (<https://core.telegram.org/bots/api#getfile>).

use std::path::Path;

use channel::FetchError;
use channel::http::{self, Failure};
use domain::outgoing::{FileOut, Unit};
use reqwest::multipart::Form;
use serde_json::Value;
use tokio::io::AsyncWrite;

use crate::api::Api;
use crate::html;
use crate::ids::Target;
use crate::refusal::is_about_the_content;
use crate::types::Sent;

/// What a bot may send.
pub(crate) const BYTES_MAX: u64 = 50_000_000;
/// A larger picture goes out as a document.
const PHOTO_BYTES_MAX: u64 = 10_000_000;
/// Telegram gives a bot no larger file (`MAX_DOWNLOAD_FILE_SIZE` in the server's `Client.h`).
const FETCHED_BYTES_MAX: u64 = 20 << 20;
/// <https://core.telegram.org/bots/api#senddocument>, UTF-16 code units without the tags.
const CAPTION_MAX: usize = 1024;

/// A way to send a file: the method and the field of the file.
type UploadMethod = (&'static str, &'static str);
/// A text and its `parse_mode`.
type Caption = (String, Option<&'static str>);
/// Anything may be one.
const DOCUMENT: UploadMethod = ("sendDocument", "document");

/// The most telling way to send a file.
fn upload_method(mime: &str, bytes: u64) -> UploadMethod {
    match mime {
        "image/jpeg" | "image/png" | "image/webp" if bytes < PHOTO_BYTES_MAX => {
            ("sendPhoto", "photo")
        }
        "video/mp4" => ("sendVideo", "video"),
        "audio/mpeg" => ("sendAudio", "audio"),
        _ => DOCUMENT,
    }
}

/// Whether a caption has to be a message of its own.
pub(crate) fn is_too_long_for_a_caption(text: &str) -> bool {
    CAPTION_MAX < Unit::Utf16.measure(text)
}

/// Sends a file with a caption that fits; returns the message's number.
pub(crate) async fn send_file(
    api: &Api,
    to: Target,
    file: &FileOut,
    caption: &str,
    reply: &Value,
) -> Result<i64, Failure> {
    let bytes = size(&file.path).await?;
    let mut refused = None;
    for ((method, field), caption) in attempts(&file.mime, bytes, caption) {
        let part = http::upload(file, header_safe(&file.name)).await?;
        let form = form(to, caption, reply, field).part(field, part);
        match api.upload::<Sent>(method, form).await {
            Err(err) if is_about_the_content(&err) => refused = Some(err),
            sent => return Ok(sent?.message_id),
        }
    }
    Err(refused.unwrap_or_else(|| Failure::refused("there is no way to send the file")))
}

/// The best way with the best caption, and what Telegram never refuses for what is in it.
fn attempts(mime: &str, bytes: u64, caption: &str) -> Vec<(UploadMethod, Caption)> {
    let plain = (caption.to_owned(), None);
    let formatted = html::within(caption, CAPTION_MAX).map(|it| (it, Some(html::PARSE_MODE)));
    let best = (upload_method(mime, bytes), formatted.unwrap_or_else(|| plain.clone()));
    let mut attempts = vec![best, (DOCUMENT, plain)];
    attempts.dedup();
    attempts
}

fn form(to: Target, (text, parse_mode): Caption, reply: &Value, field: &str) -> Form {
    let fields = [
        ("chat_id", Some(to.chat.to_string())),
        ("message_thread_id", to.thread.map(|it| it.to_string())),
        ("reply_parameters", (!reply.is_null()).then(|| reply.to_string())),
        ("caption", Some(text).filter(|it| !it.is_empty())),
        ("parse_mode", parse_mode.map(str::to_owned)),
        ("disable_content_type_detection", (field == DOCUMENT.1).then(|| "true".to_owned())),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.fold(Form::new(), |form, (name, value)| form.text(name, value))
}

async fn size(path: &Path) -> Result<u64, Failure> {
    let bytes = tokio::fs::metadata(path).await.map_err(Failure::Unreadable)?.len();
    if BYTES_MAX < bytes {
        return Err(Failure::refused(format!(
            "the file has {} MB, and a bot may send {} MB at most",
            bytes / 1_000_000,
            BYTES_MAX / 1_000_000
        )));
    }
    if bytes == 0 {
        return Err(Failure::refused("the file is empty, which Telegram does not take"));
    }
    Ok(bytes)
}

/// Telegram's server cuts a file name at `;` and does not know escapes (`HttpReader` in
/// <https://github.com/tdlib/td/blob/master/tdnet/td/net/HttpReader.cpp>).
fn header_safe(name: &str) -> String {
    let safe =
        |c: char| if c.is_control() || matches!(c, '"' | ';' | '\\' | '/') { '_' } else { c };
    let name: String = name.chars().map(safe).collect();
    if name.trim().is_empty() { "file".to_owned() } else { name }
}

pub(crate) async fn fetch(
    api: &Api,
    file_id: &str,
    bytes_max: u64,
    into: &mut (dyn AsyncWrite + Send + Unpin),
) -> Result<(), FetchError> {
    let bytes_max = bytes_max.min(FETCHED_BYTES_MAX);
    let stored = match api.get_file(file_id).await {
        Err(Failure::Refused(no)) if no.why.contains("file is too big") => {
            return Err(FetchError::TooLarge { bytes_max });
        }
        stored => stored?,
    };
    if stored.file_size.is_some_and(|it| bytes_max < it) {
        return Err(FetchError::TooLarge { bytes_max });
    }
    let path =
        stored.file_path.ok_or_else(|| FetchError::Gone("telegram has it no more".into()))?;
    if path.starts_with('/') {
        let why = "the Bot API server keeps its files on its own disk; start it without --local";
        return Err(FetchError::Gone(why.into()));
    }
    api.download(&path, bytes_max, into).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_out_as_what_it_is_and_else_as_a_document() {
        let first = |mime: &str, bytes| upload_method(mime, bytes).0;
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
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_said_before_anything_is_sent() {
        let gone = size(Path::new("/nowhere/at/all")).await.unwrap_err();
        assert!(matches!(gone, Failure::Unreadable(_)));
        let empty = size(Path::new("/dev/null")).await.unwrap_err();
        assert!(matches!(empty, Failure::Refused(no) if no.why.contains("empty")));
    }
}
