//! Sends files (<https://core.telegram.org/bots/api#sending-files>) and fetches those that came with
//! messages (<https://core.telegram.org/bots/api#getfile>).

use std::path::Path;

use channel::http::{self, Failure};
use channel::{FetchError, Writer};
use domain::outgoing::FileOut;
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::api::Api;
use crate::methods::{PARSE_MODE, html_within, number};
use crate::refusal::is_about_the_content;

/// What a bot may send.
pub(crate) const BYTES_MAX: u64 = 50_000_000;
/// A larger picture goes out as a document (<https://core.telegram.org/bots/api#sendphoto>).
const PHOTO_BYTES_MAX: u64 = 10_000_000;
/// <https://core.telegram.org/bots/api#senddocument>, UTF-16 code units without the tags.
pub(crate) const CAPTION_MAX: usize = 1024;
/// <https://core.telegram.org/bots/api#sendmediagroup>.
pub(crate) const ALBUM_MAX: usize = 10;

/// How a file is shown: the field that it is in, and the method that sends it alone.
type Kind = (&'static str, &'static str);
/// A text and its `parse_mode`.
type Caption = (String, Option<&'static str>);
/// Anything may be one.
const DOCUMENT: Kind = ("document", "sendDocument");
const PHOTO: Kind = ("photo", "sendPhoto");
const VIDEO: Kind = ("video", "sendVideo");

/// The most telling kind. Telegram makes a JPEG of every photo, so that only those are sent as one.
fn kind(mime: &str, bytes: u64) -> Kind {
    match mime {
        "image/jpeg" if bytes < PHOTO_BYTES_MAX => PHOTO,
        "video/mp4" => VIDEO,
        "audio/mpeg" => ("audio", "sendAudio"),
        _ => DOCUMENT,
    }
}

/// Sends a file, or several as an album, with a caption that fits; returns the first message's number.
pub(crate) async fn send_files(
    api: &Api,
    frame: &Value,
    files: &[FileOut],
    caption: &str,
) -> Result<i64, Failure> {
    let mut kinds = Vec::new();
    for file in files {
        kinds.push(kind(&file.mime, size(&file.path).await?));
    }
    let mut refused = None;
    for (kinds, caption) in attempts(kinds, caption) {
        let (method, mut form) = parameters(frame.clone(), &kinds, caption);
        for (at, file) in files.iter().enumerate() {
            form = form.part(
                format!("file{at}"),
                http::upload(file, header_safe(&file.name), &api.pulse).await?,
            );
        }
        match api.upload(method, form).await {
            Err(err) if is_about_the_content(&err) => refused = Some(err),
            sent => return number(&sent?),
        }
    }
    Err(refused.unwrap_or_else(|| Failure::refused("there is no way to send the file")))
}

/// The best way with the best caption, and what Telegram never refuses for what is in it. In an album, photos
/// and videos go together and else only one kind.
fn attempts(kinds: Vec<Kind>, caption: &str) -> Vec<(Vec<Kind>, Caption)> {
    let plain = (markdown::calling_nobody(caption).into_owned(), None);
    let formatted = html_within(caption, CAPTION_MAX).map(|it| (it, Some(PARSE_MODE)));
    let documents = vec![DOCUMENT; kinds.len()];
    let fits = kinds.windows(2).all(|it| it[0] == it[1])
        || kinds.iter().all(|it| [PHOTO, VIDEO].contains(it));
    let best = if fits { kinds } else { documents.clone() };
    let mut attempts = vec![(best, formatted.unwrap_or_else(|| plain.clone())), (documents, plain)];
    attempts.dedup();
    attempts
}

/// The method and its parameters; the files are in fields of their own. An album has the caption of its first.
fn parameters(frame: Value, kinds: &[Kind], (text, parse_mode): Caption) -> (&'static str, Form) {
    let item = |(at, &(field, _)): (usize, &Kind)| {
        let is_first = at == 0;
        json!({
            "type": field,
            "media": format!("attach://file{at}"),
            "caption": Some(&text).filter(|it| is_first && !it.is_empty()),
            "parse_mode": parse_mode.filter(|_| is_first),
            "disable_content_type_detection": (field == DOCUMENT.0).then_some(true),
        })
    };
    let mut items: Vec<Value> = kinds.iter().enumerate().map(item).collect();
    let mut all = frame;
    let method = if let ([(field, method)], [only]) = (kinds, &mut items[..]) {
        all[field] = only["media"].take();
        for name in ["caption", "parse_mode", "disable_content_type_detection"] {
            all[name] = only[name].take();
        }
        method
    } else {
        all["media"] = items.into();
        "sendMediaGroup"
    };
    let mut form = Form::new();
    for (name, value) in all.as_object().into_iter().flatten().filter(|it| !it.1.is_null()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        form = form.text(name.clone(), text);
    }
    (method, form)
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
    into: Writer<'_>,
) -> Result<(), FetchError> {
    let stored: Value = match api.call("getFile", json!({ "file_id": file_id })).await {
        Err(Failure::Refused(no)) if no.why.contains("file is too big") => {
            let why =
                "telegram gives a bot no file over 20 MB; send it in smaller parts, or as a link";
            return Err(FetchError::Gone(why.into()));
        }
        stored => stored?,
    };
    if stored["file_size"].as_u64().is_some_and(|it| bytes_max < it) {
        return Err(FetchError::TooLarge { bytes_max });
    }
    let gone = || FetchError::Gone("telegram has it no more".into());
    let path = stored["file_path"].as_str().ok_or_else(gone)?;
    if path.starts_with('/') {
        let why = "the Bot API server keeps its files on its own disk; start it without --local";
        return Err(FetchError::Gone(why.into()));
    }
    api.download(path, bytes_max, into).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_out_as_what_it_is_and_else_as_a_document() {
        let method = |mime: &str, bytes| kind(mime, bytes).1;
        assert_eq!(method("image/jpeg", 5), "sendPhoto");
        assert_eq!(method("image/jpeg", PHOTO_BYTES_MAX), "sendDocument");
        assert_eq!(method("image/png", 5), "sendDocument", "a photo loses its sharp edges");
        assert_eq!(method("video/mp4", 5), "sendVideo");
        assert_eq!(method("audio/mpeg", 5), "sendAudio");
        let all = attempts(vec![VIDEO], "**x**");
        assert_eq!(all[0], (vec![VIDEO], ("<b>x</b>".into(), Some("HTML"))));
        assert_eq!(all[1], (vec![DOCUMENT], ("**x**".into(), None)));
        assert_eq!(attempts(vec![DOCUMENT], "").len(), 1);
    }

    #[test]
    fn an_album_has_only_kinds_that_go_together() {
        let audio = kind("audio/mpeg", 5);
        let first = |kinds: &[Kind]| attempts(kinds.to_vec(), "").remove(0).0;
        for together in [[PHOTO, VIDEO], [DOCUMENT, DOCUMENT], [audio, audio]] {
            assert_eq!(first(&together), together);
        }
        for apart in [[PHOTO, DOCUMENT], [audio, VIDEO]] {
            assert_eq!(first(&apart), [DOCUMENT; 2]);
        }
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
