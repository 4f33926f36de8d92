//! Forms with files, read as Telegram's server reads them: a header's value ends at `;` even within
//! quotes, there are no escapes, and only what has a `filename` is a file (`HttpReader` in
//! <https://github.com/tdlib/td/blob/master/tdnet/td/net/HttpReader.cpp>).

use super::call::Upload;

/// Names and values.
pub(super) type Fields = Vec<(String, String)>;

/// The fields and the files of a form; `None` when it is no form.
pub(super) fn parse(kind: &str, body: &[u8]) -> Option<(Fields, Vec<Upload>)> {
    let boundary = kind.split(';').find_map(|it| it.trim().strip_prefix("boundary="))?;
    let mark = format!("--{}", boundary.trim_matches('"')).into_bytes();
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    let mut rest = after(body, &mark)?;
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = [b"\r\n", mark.as_slice()].concat();
        let length = find(part, &end)?;
        let (head, content) = split(&part[..length], b"\r\n\r\n")?;
        let head = std::str::from_utf8(head).ok()?;
        let name = attribute(head, "name")?;
        match attribute(head, "filename") {
            Some(file) => files.push(Upload {
                field: name,
                name: file,
                mime: mime(head),
                content: content.to_vec(),
            }),
            None => fields.push((name, String::from_utf8(content.to_vec()).ok()?)),
        }
        rest = &part[length + end.len()..];
    }
    rest.starts_with(b"--").then_some((fields, files))
}

fn attribute(head: &str, name: &str) -> Option<String> {
    let lower = "content-disposition:";
    let line = head.lines().find(|it| it.to_ascii_lowercase().starts_with(lower))?;
    let values = line[lower.len()..].split(';').filter_map(|it| it.trim().split_once('='));
    let (_, value) = values.into_iter().find(|(key, _)| *key == name)?;
    let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    Some(quoted.unwrap_or(value).to_owned())
}

fn mime(head: &str) -> String {
    let name = "content-type:";
    let line = head.lines().find(|it| it.to_ascii_lowercase().starts_with(name));
    line.map_or("application/octet-stream", |it| it[name.len()..].trim()).to_owned()
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|it| it == needle)
}

fn split<'a>(hay: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = find(hay, needle)?;
    Some((&hay[..at], &hay[at + needle.len()..]))
}

fn after<'a>(hay: &'a [u8], needle: &[u8]) -> Option<&'a [u8]> {
    split(hay, needle).map(|it| it.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_fields_and_files() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n\
            --b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\
            Content-Type: text/plain\r\n\r\n\r\n--\r\n--b--\r\n";
        let (fields, files) = parse("multipart/form-data; boundary=b", body).unwrap();
        assert_eq!(fields, [("a".to_owned(), "1\r\n2".to_owned())]);
        assert_eq!((files[0].name.as_str(), files[0].mime.as_str()), ("x.txt", "text/plain"));
        assert_eq!(files[0].content, b"\r\n--");
        assert!(parse("multipart/form-data; boundary=c", body).is_none());
    }
}
