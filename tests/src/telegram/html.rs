//! Reads the HTML of messages as strictly as the server does (`parse_html` in
//! <https://github.com/tdlib/td/blob/master/td/telegram/MessageEntity.cpp>).

/// What `parse_mode=HTML` takes.
pub(super) const OF_TEXTS: &[&str] = &[
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "code",
    "pre",
    "a",
    "blockquote",
    "tg-spoiler",
    "span",
    "tg-emoji",
];
/// What rich messages take (<https://core.telegram.org/bots/api#inputrichmessage>).
pub(super) const OF_RICH_MESSAGES: &[&str] = &[
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "code",
    "pre",
    "a",
    "blockquote",
    "mark",
    "sub",
    "sup",
    "tg-spoiler",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "p",
    "hr",
    "br",
    "ul",
    "ol",
    "li",
    "table",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "tg-button",
    "tg-button-row",
];
const ALONE: &[&str] = &["br", "hr"];
/// Where a reader sees the end of a line.
const BREAKS: &[&str] =
    &["br", "hr", "p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "table", "pre"];

/// What a reader sees.
///
/// # Errors
/// The server's words for what is wrong.
pub(super) fn visible(html: &str, tags: &[&str]) -> Result<String, String> {
    let (mut out, mut open): (String, Vec<String>) = (String::new(), Vec::new());
    let mut at = 0;
    while let Some(next) = html[at..].chars().next() {
        if next == '&' {
            let (c, length) = reference(&html[at..]);
            out.push(c);
            at += length;
        } else if next == '<' {
            let end = html[at..].find('>');
            let end = end.ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))? + at;
            tag(&html[at + 1..end], at, tags, &mut open, &mut out)?;
            at = end + 1;
        } else {
            out.push(next);
            at += next.len_utf8();
        }
    }
    match open.last() {
        None => Ok(out),
        Some(tag) => Err(format!("Can't find end tag corresponding to start tag \"{tag}\"")),
    }
}

fn tag(
    inner: &str,
    at: usize,
    tags: &[&str],
    open: &mut Vec<String>,
    out: &mut String,
) -> Result<(), String> {
    let name = inner.trim_start_matches('/').trim_end_matches('/');
    let name = name.split([' ', '\n']).next().unwrap_or_default().to_ascii_lowercase();
    if BREAKS.contains(&name.as_str()) && !out.ends_with('\n') && tags == OF_RICH_MESSAGES {
        out.push('\n');
    }
    if inner.starts_with('/') {
        return match open.pop() {
            None => Err(format!("Unexpected end tag at byte offset {at}")),
            Some(expected) if expected == name => Ok(()),
            Some(expected) => Err(format!(
                "Unmatched end tag at byte offset {at}, expected \"</{expected}>\", found \"</{name}>\""
            )),
        };
    }
    if !tags.contains(&name.as_str()) {
        return Err(format!("Unsupported start tag \"{name}\" at byte offset {at}"));
    }
    if inner.matches('"').count() % 2 == 1 {
        return Err(format!("Unclosed start tag at byte offset {at}"));
    }
    if !ALONE.contains(&name.as_str()) {
        open.push(name);
    }
    Ok(())
}

/// The character behind `&lt;` and its like, and how long that is; anything else is a plain `&`.
fn reference(text: &str) -> (char, usize) {
    let named = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')];
    if let Some((name, c)) = named.into_iter().find(|(name, _)| text.starts_with(name)) {
        return (c, name.len());
    }
    let number = text.strip_prefix("&#").and_then(|it| it.split_once(';')).map(|it| it.0);
    let found = number.and_then(|it| Some((char::from_u32(it.parse().ok()?)?, it.len() + 3)));
    found.unwrap_or(('&', 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_left_out_and_references_read() {
        let html =
            "<b>a <i>b</i></b> <a href=\"https://e.org/?a=1&amp;b\">c</a> &lt;&#33;&x &amp;lt;";
        assert_eq!(visible(html, OF_TEXTS).unwrap(), "a b c <!&x &lt;");
        let rich = "<h1>a</h1><p>b<br>c</p><table><tr><td>d</td><td>e</td></tr></table>";
        assert_eq!(visible(rich, OF_RICH_MESSAGES).unwrap().trim(), "a\nb\nc\nde");
    }

    #[test]
    fn what_is_not_right_is_refused_as_the_server_does_it() {
        let why = |html: &str| visible(html, OF_TEXTS).unwrap_err();
        assert!(why("<b>x").starts_with("Can't find end tag corresponding to start tag \"b\""));
        assert!(why("<b><i>x</b></i>").starts_with("Unmatched end tag at byte offset 7"));
        assert!(why("x</b>").starts_with("Unexpected end tag"));
        assert!(why("<h1>x</h1>").starts_with("Unsupported start tag \"h1\""));
        assert!(why("1 < 2").starts_with("Unclosed start tag at byte offset 2"));
        assert!(why("1 <2> 3").starts_with("Unsupported start tag \"2\""));
    }
}
