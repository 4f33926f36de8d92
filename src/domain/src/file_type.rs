//! What a file is, by its first bytes or by what somebody says that it is.

/// As many bytes as [`sniff`] wants to see, if the file has them.
pub const SNIFF_BYTES: usize = 512;

/// Media types and the extension of a file's name for each. The first of a type is the one that is
/// used (<https://www.iana.org/assignments/media-types>).
const TYPES: &[(&str, &str)] = &[
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/heic", "heic"),
    ("image/avif", "avif"),
    ("image/svg+xml", "svg"),
    ("application/pdf", "pdf"),
    ("application/zip", "zip"),
    ("application/gzip", "gz"),
    ("application/json", "json"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/x-tgsticker", "tgs"),
    ("audio/ogg", "ogg"),
    ("audio/opus", "opus"),
    ("audio/mpeg", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/x-m4a", "m4a"),
    ("audio/aac", "aac"),
    ("audio/wav", "wav"),
    ("audio/x-wav", "wav"),
    ("audio/flac", "flac"),
    ("video/mp4", "mp4"),
    ("video/quicktime", "mov"),
    ("video/webm", "webm"),
    ("video/x-matroska", "mkv"),
    ("text/plain", "txt"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/markdown", "md"),
    ("text/calendar", "ics"),
];

/// The extension for a media type; parameters and case do not matter.
#[must_use]
pub fn extension_of(mime: &str) -> Option<&'static str> {
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    TYPES.iter().find(|it| it.0 == essence).map(|it| it.1)
}

/// The media type and extension of common files by their first bytes, see
/// <https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern>. What is valid UTF-8 without
/// control characters is plain text; `None` is anything else.
#[must_use]
pub fn sniff(first: &[u8]) -> Option<(&'static str, &'static str)> {
    let mime = magic(first).or_else(|| is_text(first).then_some("text/plain"))?;
    Some((mime, extension_of(mime)?))
}

fn magic(first: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, bytes: &[u8]| {
        first.get(offset..).is_some_and(|rest| rest.starts_with(bytes))
    };
    let riff = |form: &[u8]| at(0, b"RIFF") && at(8, form);
    let known: [(bool, &'static str); 11] = [
        (at(0, b"\x89PNG\r\n\x1a\n"), "image/png"),
        (at(0, b"\xff\xd8\xff"), "image/jpeg"),
        (at(0, b"GIF87a") || at(0, b"GIF89a"), "image/gif"),
        (riff(b"WEBP"), "image/webp"),
        (riff(b"WAVE"), "audio/wav"),
        (at(0, b"%PDF-"), "application/pdf"),
        (at(0, b"PK\x03\x04") || at(0, b"PK\x05\x06"), "application/zip"),
        (at(0, b"\x1f\x8b\x08"), "application/gzip"),
        (at(0, b"OggS"), "audio/ogg"),
        (at(0, b"fLaC"), "audio/flac"),
        (at(0, b"ID3") || is_mpeg_frame(first), "audio/mpeg"),
    ];
    let found = known.into_iter().find(|it| it.0).map(|it| it.1);
    found.or_else(|| iso_media(first)).or_else(|| matroska(first))
}

/// The header of an MPEG audio frame of layer III: eleven bits of sync, a version, the layer, a bit
/// rate and a sample rate that exist.
fn is_mpeg_frame(first: &[u8]) -> bool {
    let &[a, b, c, ..] = first else { return false };
    let (version, layer) = ((b >> 3) & 0b11, (b >> 1) & 0b11);
    let (bit_rate, sample_rate) = (c >> 4, (c >> 2) & 0b11);
    a == 0xff
        && b >> 5 == 0b111
        && version != 0b01
        && layer == 0b01
        && !matches!(bit_rate, 0 | 0b1111)
        && sample_rate != 0b11
}

/// MP4 and its relatives name their brand (<https://mp4ra.org/registered-types/brands>).
fn iso_media(first: &[u8]) -> Option<&'static str> {
    let brand = first.get(8..12).filter(|_| first.get(4..8) == Some(b"ftyp"))?;
    Some(match brand {
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " => "audio/mp4",
        b"heic" | b"heix" | b"mif1" => "image/heic",
        b"avif" => "image/avif",
        _ => "video/mp4",
    })
}

/// The document type follows within the header (<https://www.rfc-editor.org/rfc/rfc8794#section-8.1>).
fn matroska(first: &[u8]) -> Option<&'static str> {
    let header = first.strip_prefix(b"\x1a\x45\xdf\xa3")?;
    let head = &header[..header.len().min(64)];
    let has = |word: &[u8]| head.windows(word.len()).any(|it| it == word);
    if has(b"webm") { Some("video/webm") } else { has(b"matroska").then_some("video/x-matroska") }
}

/// The last character may be cut off.
fn is_text(first: &[u8]) -> bool {
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        Err(err) if err.error_len().is_none() => {
            std::str::from_utf8(&first[..err.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    !text.is_empty() && !text.chars().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8], want: Option<(&str, &str)>) {
        assert_eq!(sniff(bytes), want, "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn common_files_are_known_by_their_first_bytes() {
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some(("image/png", "png")));
        check(b"\xff\xd8\xff\xe0\0\x10JFIF", Some(("image/jpeg", "jpg")));
        check(b"GIF89a\x01\0", Some(("image/gif", "gif")));
        check(b"RIFF\x10\0\0\0WEBPVP8 ", Some(("image/webp", "webp")));
        check(b"RIFF\x10\0\0\0WAVEfmt ", Some(("audio/wav", "wav")));
        check(b"%PDF-1.7\n", Some(("application/pdf", "pdf")));
        check(b"PK\x03\x04\x14\0", Some(("application/zip", "zip")));
        check(b"OggS\0\x02\0\0", Some(("audio/ogg", "ogg")));
        check(b"ID3\x04\0\0", Some(("audio/mpeg", "mp3")));
        check(b"\xff\xfb\x90\x64\0", Some(("audio/mpeg", "mp3")));
        check(b"\0\0\0\x20ftypisom\0\0\x02\0", Some(("video/mp4", "mp4")));
        check(b"\0\0\0\x14ftypqt  \0\0\0\0", Some(("video/quicktime", "mov")));
        check(b"\0\0\0\x20ftypM4A \0\0\0\0", Some(("audio/mp4", "m4a")));
        check(b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01\x42\x82\x84webm", Some(("video/webm", "webm")));
        check("Grüße\n\t小明".as_bytes(), Some(("text/plain", "txt")));
        check(&"Grüße".as_bytes()[..4], Some(("text/plain", "txt")));
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
        check(b"\x1a\x45\xdf\xa3\x01\x02", None);
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
        fn whatever_is_sniffed_has_an_extension_that_reads_back(
            bytes in prop::collection::vec(any::<u8>(), 0..64)
        ) {
            if let Some((mime, extension)) = sniff(&bytes) {
                prop_assert_eq!(extension_of(mime), Some(extension));
            }
        }
    }
}
