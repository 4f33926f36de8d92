//! What a file is, by its first bytes or by what somebody says that it is.

pub const SNIFF_BYTES: usize = 512;

type Magic = (usize, &'static [u8]);

/// Media types (<https://www.iana.org/assignments/media-types>), the extension of a file's name for each,
/// and what its files begin with (<https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern>,
/// <https://mp4ra.org/registered-types/brands>); the first that fits counts.
const TYPES: &[(&str, &str, &[Magic])] = &[
    ("image/png", "png", &[(0, b"\x89PNG\r\n\x1a\n")]),
    ("image/jpeg", "jpg", &[(0, b"\xff\xd8\xff")]),
    ("image/gif", "gif", &[(0, b"GIF8")]),
    ("image/webp", "webp", &[(0, b"RIFF"), (8, b"WEBP")]),
    ("image/heic", "heic", &[(4, b"ftyphei")]),
    ("image/heic", "heic", &[(4, b"ftypmif1")]),
    ("image/avif", "avif", &[(4, b"ftypavif")]),
    ("application/pdf", "pdf", &[(0, b"%PDF-")]),
    ("audio/ogg", "ogg", &[(0, b"OggS")]),
    ("audio/wav", "wav", &[(0, b"RIFF"), (8, b"WAVE")]),
    ("audio/flac", "flac", &[(0, b"fLaC")]),
    ("audio/mpeg", "mp3", &[(0, b"ID3")]),
    ("audio/mpeg", "mp3", &[(0, b"\xff\xfb")]),
    ("audio/mp4", "m4a", &[(4, b"ftypM4A")]),
    ("audio/mp4", "m4a", &[(4, b"ftypM4B")]),
    ("video/quicktime", "mov", &[(4, b"ftypqt")]),
    ("video/mp4", "mp4", &[(4, b"ftyp")]),
    ("video/webm", "webm", &[]),
    ("application/x-tgsticker", "tgs", &[]),
    (TEXT, "txt", &[]),
];

const TEXT: &str = "text/plain";

/// The extension for a media type; parameters and case do not matter.
pub fn extension_of(mime: &str) -> Option<&'static str> {
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    TYPES.iter().find(|it| it.0 == essence).map(|it| it.1)
}

/// The media type of common files by their first bytes. What is valid UTF-8 without control characters
/// is plain text; `None` is anything else, such as archives, of which the platform knows more.
pub fn sniff(first: &[u8]) -> Option<&'static str> {
    let is_there = |(at, bytes): &Magic| first.get(*at..).is_some_and(|it| it.starts_with(bytes));
    let fits = |magic: &[Magic]| !magic.is_empty() && magic.iter().all(is_there);
    let known = TYPES.iter().find(|it| fits(it.2)).map(|it| it.0);
    known.or_else(|| is_text(first).then_some(TEXT))
}

fn is_text(first: &[u8]) -> bool {
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(err) if err.error_len().is_none() => return is_text(&first[..err.valid_up_to()]),
        Err(_) => return false,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    !text.is_empty() && !text.chars().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8], want: Option<&str>) {
        assert_eq!(sniff(bytes), want, "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn common_files_are_known_by_their_first_bytes() {
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png"));
        check(b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg"));
        check(b"GIF89a\x01\0", Some("image/gif"));
        check(b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp"));
        check(b"RIFF\x10\0\0\0WAVEfmt ", Some("audio/wav"));
        check(b"%PDF-1.7\n", Some("application/pdf"));
        check(b"OggS\0\x02\0\0", Some("audio/ogg"));
        check(b"ID3\x04\0\0", Some("audio/mpeg"));
        check(b"\xff\xfb\x90\x64\0", Some("audio/mpeg"));
        check(b"\0\0\0\x20ftypisom\0\0\x02\0", Some("video/mp4"));
        check(b"\0\0\0\x14ftypqt  \0\0\0\0", Some("video/quicktime"));
        check(b"\0\0\0\x20ftypM4A \0\0\0\0", Some("audio/mp4"));
        check("Grüße\n\t小明".as_bytes(), Some("text/plain"));
        check(&"Grüße".as_bytes()[..4], Some("text/plain"));
    }

    #[test]
    fn anything_else_is_not_guessed() {
        for bytes in [
            &b""[..],
            b"\0\x01\x02",
            b"\xff\xff\xff\xff",
            b"\xff\xfe\0a",
            b"RIFF\0\0\0\0AVI ",
            b"gr\xfc\xdfe!",
        ] {
            check(bytes, None);
        }
        check(b"PK\x03\x04\x14\0", None);
    }

    #[test]
    fn a_media_type_has_one_extension() {
        assert_eq!(extension_of("image/jpeg"), Some("jpg"));
        assert_eq!(extension_of("Text/Plain; charset=utf-8"), Some("txt"));
        for unknown in ["", "application/octet-stream", "image", ";"] {
            assert_eq!(extension_of(unknown), None, "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sniffed_has_an_extension(
            bytes in prop::collection::vec(any::<u8>(), 0..64)
        ) {
            if let Some(mime) = sniff(&bytes) {
                prop_assert!(extension_of(mime).is_some());
            }
        }
    }
}
