//! Pictures that came with a message, as the model sees them. Everything else it reads from its path.

use std::fs;
use std::path::{Path, PathBuf};

use domain::file_type::{SNIFF_BYTES, sniff};
use domain::inbound::{FileLocation, Inbound};
use domain::message::FileKind;
use tokio::task::spawn_blocking;

/// The formats that the API takes (<https://docs.anthropic.com/en/docs/build-with-claude/vision>).
const TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// The API takes no larger picture.
const IMAGE_BYTES_MAX: u64 = 5 * 1024 * 1024;
const IMAGES_MAX: usize = 8;
/// A request has at most 32 MB, and a picture in it a third more than its file. What does not fit
/// any more can still be read from its path.
const MESSAGE_BYTES_MAX: u64 = 15 * 1024 * 1024;

/// A picture for a user line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) media_type: &'static str,
    pub(super) base64: String,
}

/// Reads the pictures of a message; what cannot be read is left out.
pub(super) async fn load(message: &Inbound, inbound_dir: &Path) -> Vec<Image> {
    let candidate = |kind| matches!(kind, FileKind::Image | FileKind::Sticker);
    let paths: Vec<PathBuf> = message
        .files
        .iter()
        .filter(|it| candidate(it.kind))
        .filter_map(|file| match &file.location {
            FileLocation::Here(path) => Some(inbound_dir.join(path)),
            FileLocation::Failed(_) => None,
        })
        .collect();
    if paths.is_empty() {
        return vec![];
    }
    match spawn_blocking(move || read_all(&paths)).await {
        Ok(images) => images,
        Err(err) => std::panic::resume_unwind(err.into_panic()),
    }
}

fn read_all(paths: &[PathBuf]) -> Vec<Image> {
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

fn read(path: &Path) -> Option<Image> {
    let content = fs::read(path).ok()?;
    // The API rejects a picture whose type is not the one that was named.
    let (found, _) = sniff(&content[..content.len().min(SNIFF_BYTES)])?;
    let media_type = TYPES.into_iter().find(|it| *it == found)?;
    Some(Image { media_type, base64: base64(&content) })
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            let sextet = usize::try_from(bits >> (18 - 6 * index) & 63).unwrap_or(0);
            out.push(if chunk.len() < index { '=' } else { char::from(ALPHABET[sextet]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xfe]), "/+/+");
    }

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
        let expected =
            Image { media_type: "image/jpeg", base64: base64(b"\xff\xd8\xff\xe0 a photo") };
        assert_eq!(images, [expected]);

        let small = write("small", PNG);
        assert_eq!(read_all(&vec![small; 9]).len(), IMAGES_MAX);
        let sized = |name: &str, bytes: u64| {
            let path = write(name, PNG);
            fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
            path
        };
        assert_eq!(read_all(&[sized("large", IMAGE_BYTES_MAX + 1)]), []);
        let most = sized("most", IMAGE_BYTES_MAX);
        assert_eq!(read_all(&vec![most; 4]).len(), 3, "no more than a request takes");
    }
}
