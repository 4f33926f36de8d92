//! Files in both directions.

use serde_json::{Value, json};

use super::call::{Call, Outcome, Refusal};
use super::sends::{addressed, parsed, sent};
use super::state::{Inner, StoredFile};

const KINDS: [&str; 4] = ["photo", "video", "audio", "document"];
const CAPTION_MAX: usize = 1024;
const UPLOAD_MAX: usize = 50 << 20;
const PHOTO_MAX: usize = 10 << 20;
const DOWNLOAD_MAX: usize = 20 << 20;

/// `field` is both the parameter and how the message carries the file.
pub(super) fn send(inner: &mut Inner, call: &Call, field: &'static str) -> Outcome {
    let mut message = addressed(inner, call)?;
    message.text = caption(call)?;
    let id = take(inner, call, field, &call.text(field).unwrap_or_default())?;
    message.files = vec![(field, id)];
    sent(inner, message)
}

/// Two to ten files that go together (<https://core.telegram.org/bots/api#sendmediagroup>).
pub(super) fn send_album(inner: &mut Inner, call: &Call) -> Outcome {
    let media = call.value("media")?.unwrap_or_default();
    let media = media.as_array().cloned().unwrap_or_default();
    if !(2..=10).contains(&media.len()) {
        return Err(Refusal::bad("wrong number of items in the album specified"));
    }
    let is_all = |kinds: &[&str]| {
        media.iter().all(|it| kinds.contains(&it["type"].as_str().unwrap_or_default()))
    };
    if !is_all(&["photo", "video"]) && !is_all(&["document"]) && !is_all(&["audio"]) {
        return Err(Refusal::bad("can't use the media of the specified type in the album"));
    }
    let mut messages = Vec::new();
    for item in media {
        let field = KINDS.iter().find(|it| item["type"] == **it).copied().unwrap_or_default();
        let source = item["media"].as_str().unwrap_or_default().to_owned();
        let parameters = item.as_object().cloned().unwrap_or_default();
        let mut message = addressed(inner, call)?;
        message.text = caption(&Call { parameters, ..Call::default() })?;
        message.files = vec![(field, take(inner, call, field, &source)?)];
        messages.push(message);
    }
    let sent = messages.into_iter().map(|it| sent(inner, it));
    Ok(Value::Array(sent.collect::<Result<_, _>>()?))
}

fn caption(call: &Call) -> Result<String, Refusal> {
    let text = parsed(call, "caption")?;
    if CAPTION_MAX < text.encode_utf16().count() {
        return Err(Refusal::bad("message caption is too long"));
    }
    Ok(text)
}

/// Keeps a file that came with the call; `source` leads to it, or is the id of one that is there.
fn take(inner: &mut Inner, call: &Call, field: &str, source: &str) -> Result<String, Refusal> {
    let name = source.strip_prefix("attach://").unwrap_or(field);
    let Some(upload) = call.uploads.iter().find(|it| it.field == name) else {
        if inner.files.contains_key(source) {
            return Ok(source.to_owned());
        }
        return Err(Refusal::bad("wrong remote file identifier specified: Wrong string length"));
    };
    let size = upload.content.len();
    if size == 0 {
        return Err(Refusal::bad("file must be non-empty"));
    }
    if UPLOAD_MAX < size {
        return Err(Refusal::new(413, "Request Entity Too Large"));
    }
    if field == "photo" && (PHOTO_MAX < size || !is_picture(&upload.content)) {
        return Err(Refusal::bad("IMAGE_PROCESS_FAILED"));
    }
    Ok(inner.keep_file(stored(inner.files.len(), &upload.name, &upload.mime, &upload.content)))
}

fn is_picture(content: &[u8]) -> bool {
    content.starts_with(b"\x89PNG")
        || content.starts_with(b"\xff\xd8")
        || content.starts_with(b"RIFF")
}

/// Names on disk are the server's own.
pub(super) fn stored(count: usize, name: &str, mime: &str, content: &[u8]) -> StoredFile {
    let folder = mime.split('/').next().unwrap_or("files");
    let path = format!("{folder}/file_{}", count + 1);
    StoredFile { path, name: name.into(), mime: mime.into(), content: content.to_vec() }
}

pub(super) fn get_file(inner: &mut Inner, call: &Call) -> Outcome {
    let id = call.text("file_id").unwrap_or_default();
    let Some(file) = inner.files.get(&id) else {
        return Err(Refusal::bad("invalid file_id"));
    };
    if DOWNLOAD_MAX < file.content.len() {
        return Err(Refusal::bad("file is too big"));
    }
    Ok(json!({"file_id": id, "file_unique_id": format!("uniq_{id}"),
        "file_size": file.content.len(), "file_path": file.path}))
}
