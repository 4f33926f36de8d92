//! Bodies of requests: JSON, or JSON with files (<https://www.rfc-editor.org/rfc/rfc7578>).

use serde_json::Value;

/// A file of a request.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// The number in `files[n]`.
    pub(crate) at: u64,
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) content: Vec<u8>,
}

pub(crate) fn read(content_type: &str, body: &[u8]) -> (Value, Vec<Upload>) {
    let Some((_, boundary)) = content_type.split_once("boundary=") else {
        return (serde_json::from_slice(body).unwrap_or_default(), vec![]);
    };
    let boundary = format!("\r\n--{}", boundary.trim_matches('"'));
    // The first boundary has no line before it.
    let body = [b"\r\n", body].concat();
    let (mut json, mut files) = (Value::Null, Vec::new());
    for part in split(&body, boundary.as_bytes()) {
        let Some((head, content)) = cut(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(head);
        let name = parameter(&head, "name").unwrap_or_default();
        if name == "payload_json" {
            json = serde_json::from_slice(content).unwrap_or_default();
        }
        let at = name.strip_prefix("files[").and_then(|it| it.strip_suffix(']')?.parse().ok());
        if let Some(at) = at {
            files.push(Upload {
                at,
                name: parameter(&head, "filename").unwrap_or_default(),
                mime: field(&head, "content-type").unwrap_or("application/octet-stream").into(),
                content: content.to_vec(),
            });
        }
    }
    (json, files)
}

fn split<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let (mut parts, mut rest) = (Vec::new(), body);
    while let Some((part, after)) = cut(rest, boundary) {
        parts.push(part);
        rest = after;
    }
    parts
}

fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|it| it == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|it| it.split_once(':'));
    fields.into_iter().find(|it| it.0.trim().eq_ignore_ascii_case(name)).map(|it| it.1.trim())
}

/// A quoted parameter of `Content-Disposition`.
fn parameter(head: &str, name: &str) -> Option<String> {
    let disposition = field(head, "content-disposition")?;
    let mut parameters = disposition.split(';').filter_map(|it| it.trim().split_once('='));
    parameters.find(|it| it.0 == name).map(|it| it.1.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_files_is_taken_apart_byte_for_byte() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"a\":1}\r\n\
            --b\r\nContent-Disposition: form-data; name=\"files[3]\"; filename=\"\xc3\xbc 1.bin\"\r\n\
            content-type: image/png\r\n\r\n\0\r\n-\r\n\r\n-\r\n--b--\r\n";
        let (json, files) = read("multipart/form-data; boundary=b", body);
        assert_eq!(json["a"], 1);
        assert_eq!((files[0].at, files[0].name.as_str()), (3, "ü 1.bin"));
        assert_eq!(files[0].mime, "image/png");
        assert_eq!(files[0].content, b"\0\r\n-\r\n\r\n-");
    }
}
