//! Pictures that came with a message, as the model sees them. Everything else it reads from its path.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::file_type::{SNIFF_BYTES, sniff};
use domain::inbound::{FileIn, FileLocation, Inbound};
use domain::message::FileKind;
use serde_json::{Value, json};

use crate::host_client::HostClient;

/// The formats that the API takes (<https://docs.anthropic.com/en/docs/build-with-claude/vision>).
const TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// The API takes no larger picture.
const IMAGE_BYTES_MAX: u64 = 5 * 1024 * 1024;
const IMAGES_MAX: usize = 8;
/// A request has at most 32 MB, and a picture in it a third more than its file. What does not fit
/// any more can still be read from its path.
const MESSAGE_BYTES_MAX: u64 = 15 * 1024 * 1024;

/// Reads the pictures of a message, as blocks of a user line; what cannot be read is left out.
pub(super) async fn load(message: &Inbound, host_client: &HostClient) -> Vec<Value> {
    let is_picture = |it: &&FileIn| matches!(it.kind, FileKind::Image | FileKind::Sticker);
    let path = |file: &FileIn| match &file.location {
        FileLocation::Here(path) => Some(host_client.config.received_dir.join(path)),
        FileLocation::Failed(_) => None,
    };
    let paths: Vec<PathBuf> = message.files.iter().filter(is_picture).filter_map(path).collect();
    if paths.is_empty() {
        return vec![];
    }
    host_client.store.beside(move || read_all(&paths)).await
}

fn read_all(paths: &[PathBuf]) -> Vec<Value> {
    let (mut images, mut room) = (Vec::new(), MESSAGE_BYTES_MAX);
    for path in paths {
        if IMAGES_MAX <= images.len() {
            break;
        }
        let bytes = fs::metadata(path).map_or(u64::MAX, |it| it.len());
        if bytes <= IMAGE_BYTES_MAX.min(room)
            && let Some(image) = read(path)
        {
            room -= bytes;
            images.push(image);
        }
    }
    images
}

fn read(path: &Path) -> Option<Value> {
    let content = fs::read(path).ok()?;
    // The API rejects a picture whose type is not the one that was named.
    let found = sniff(&content[..content.len().min(SNIFF_BYTES)])?;
    let media_type = TYPES.into_iter().find(|it| *it == found)?;
    Some(block(media_type, &content))
}

fn block(media_type: &str, content: &[u8]) -> Value {
    let source =
        json!({"type": "base64", "media_type": media_type, "data": STANDARD.encode(content)});
    json!({"type": "image", "source": source})
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    #[test]
    fn pictures_are_read_within_limits_and_by_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let lies = write("lies.png", b"\xff\xd8\xff\xe0 a photo");
        let text = write("text.png", b"no picture");
        let none = dir.path().join("none");
        let images = read_all(&[lies, text, none]);
        let expected = block("image/jpeg", b"\xff\xd8\xff\xe0 a photo");
        assert_eq!(images, [expected]);

        let small = write("small", PNG);
        assert_eq!(read_all(&vec![small; 9]).len(), IMAGES_MAX);
        let sized = |name: &str, bytes: u64| {
            let path = write(name, PNG);
            fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
            path
        };
        assert!(read_all(&[sized("large", IMAGE_BYTES_MAX + 1)]).is_empty());
        let most = sized("most", IMAGE_BYTES_MAX);
        assert_eq!(read_all(&vec![most; 4]).len(), 3, "no more than a request takes");
    }
}
