//! Files in both directions.

use serde_json::json;

use super::call::{Call, Outcome, Refusal};
use super::sends::{addressed, parsed, sent};
use super::state::{Inner, StoredFile};

const CAPTION_MAX: usize = 1024;
const UPLOAD_MAX: usize = 50 << 20;
const PHOTO_MAX: usize = 10 << 20;
const DOWNLOAD_MAX: usize = 20 << 20;

/// `field` is both the parameter and how the message carries the file.
pub(super) fn send(inner: &mut Inner, call: &Call, field: &'static str) -> Outcome {
    let mut message = addressed(inner, call)?;
    message.text = parsed(call, "caption")?;
    if CAPTION_MAX < message.text.encode_utf16().count() {
        return Err(Refusal::bad("message caption is too long"));
    }
    let id = match call.upload(field) {
        Some(upload) => {
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
            inner.keep_file(stored(inner.files.len(), &upload.name, &upload.mime, &upload.content))
        }
        None => {
            let id = call.text(field).unwrap_or_default();
            if !inner.files.contains_key(&id) {
                return Err(Refusal::bad(
                    "wrong remote file identifier specified: Wrong string length",
                ));
            }
            id
        }
    };
    message.files = vec![(field, id)];
    sent(inner, message)
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
