//! How a text is written so that it stays a text, for each dialect.

use std::borrow::Cow;

use domain::outgoing::Dialect;

use crate::style::Style;

/// Shows nothing, and keeps signs apart that would mean something together, where a platform has no way
/// to escape them.
pub(crate) const APART: char = '\u{200b}';

/// Text within tags and attributes.
pub(crate) fn entities(text: &str, dialect: Dialect) -> Cow<'_, str> {
    let mut text = Cow::from(text);
    for (sign, entity) in Style::of(dialect).entities {
        if text.contains(*sign) {
            text = text.replace(*sign, entity).into();
        }
    }
    text
}

/// Whether a sign means something between what is written already of its line, without what quotes and
/// lists put before it, and what follows in its text: to Markdown
/// (<https://spec.commonmark.org/0.31.2/#backslash-escapes>), or to Discord
/// (<https://support.discord.com/hc/en-us/articles/210298617>), where names of people, channels, roles,
/// commands, emoji and times do too (<https://discord.com/developers/docs/reference#message-formatting>).
fn is_mark(sign: char, line: &str, rest: &str, is_link: bool, is_source: bool) -> bool {
    const NAMED: [&str; 8] = ["@", "#", "/", ":", "a:", "t:", "id:", "http"];
    let (before, next) = (line.chars().next_back(), rest.chars().next());
    let is_first = line.is_empty();
    let is_letter = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
    let begins_line = is_first && !is_letter(next);
    // Between white space, or letters of a word that `_` does not divide.
    let is_loose = (sign == '_' && is_letter(before) && is_letter(next))
        || (before.is_none_or(char::is_whitespace) && next.is_some_and(char::is_whitespace));
    let ends_number = !is_first
        && line.bytes().all(|it| it.is_ascii_digit())
        && next.is_none_or(char::is_whitespace);
    match sign {
        '\\' => next.is_none_or(|it| it.is_ascii_punctuation()),
        '`' => true,
        '.' => ends_number,
        '-' | '+' => begins_line,
        '*' | '_' if !is_source => !is_loose,
        '~' | '|' if !is_source => before == Some(sign) || next.is_none_or(|it| it == sign),
        '[' if !is_source => is_link,
        '<' if !is_source => next.is_none() || NAMED.iter().any(|it| rest.starts_with(it)),
        '>' | '#' if !is_source => begins_line,
        _ if !is_source => false,
        '*' | '_' | '~' => !is_loose || is_first,
        '[' | ']' | '|' => true,
        '!' => next.is_none(),
        '<' => next.is_none_or(|it| it.is_alphabetic() || "/!?".contains(it)),
        '&' => next.is_none_or(|it| it.is_ascii_alphanumeric() || it == '#'),
        '>' | '=' | ':' => is_first,
        '#' => is_first || matches!(before, Some(' ' | '#')),
        ')' => ends_number,
        _ => false,
    }
}

/// Whether a sign could open a format where nothing can be escaped: it would have to stand before a word,
/// and not in one. It may also begin what calls people.
fn opens(sign: char, line: &str, rest: &str, style: &Style) -> bool {
    let next = rest.chars().next();
    match sign {
        '`' => true,
        '*' | '_' | '~' => {
            let in_word = line.ends_with(|it: char| it.is_ascii_alphanumeric());
            !in_word && !next.is_some_and(char::is_whitespace)
        }
        _ => {
            let calls = style.calls.iter().any(|it| it.starts_with(sign));
            calls && next.is_none_or(|it| it.is_ascii_alphabetic())
        }
    }
}

/// Writes a text behind what `out` holds, whose line begins at `line`.
pub(crate) fn write_text(out: &mut String, line: usize, text: &str, dialect: Dialect) {
    let style = Style::of(dialect);
    if style.calls_names {
        let text = calling_nobody(out.chars().next_back(), text);
        out.push_str(&entities(&text, dialect));
        return;
    }
    if !style.has_backslash && !style.is_bare {
        return out.push_str(&code(text, dialect));
    }
    let is_source = style.is_source;
    let (bracket, address) = (text.rfind(']'), text.rfind("]("));
    let mut at = 0;
    while let Some(sign) = text[at..].chars().next() {
        let address_end = at + if is_source { 0 } else { bare_link(&text[at..]) };
        if at < address_end {
            out.push_str(&entities(&text[at..address_end], dialect));
            at = address_end;
            continue;
        }
        let next = at + sign.len_utf8();
        let (written, line, rest) = (&text[at..next], &out[line..], &text[next..]);
        let is_first = line.is_empty();
        if sign.is_alphanumeric() || (sign == ' ' && !is_first) {
            out.push(sign);
        } else if is_source && sign.is_whitespace() {
            out.push_str(&format!("&#{};", u32::from(sign)));
        } else if style.has_backslash {
            let is_link = bracket.is_none_or(|it| it < at) || address.is_some_and(|it| at < it);
            let is_mark = is_mark(sign, line, rest, is_link, is_source);
            out.extend(is_mark.then_some('\\').into_iter().chain([sign]));
        } else {
            let is_apart = opens(sign, line, rest, style);
            out.extend((is_first && ">-*+".contains(sign)).then_some(APART));
            out.push_str(&entities(written, dialect));
            out.extend(is_apart.then_some(APART));
        }
        at = next;
    }
}

/// How long the address is that a text begins with; platforms link it as it is.
fn bare_link(text: &str) -> usize {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return 0;
    }
    text.find(|it: char| it.is_whitespace() || it == '<').unwrap_or(text.len())
}

/// Telegram calls the person whose name of four letters or more stands behind `@`, but for addresses of mail and of
/// pages (<https://github.com/tdlib/td/blob/master/td/telegram/MessageEntity.cpp>, `match_mentions`). A name may go
/// on behind the text.
pub(crate) fn calling_nobody(mut before: Option<char>, text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return text.into();
    }
    let is_page = |it: &str| it.split('/').nth(2).is_some_and(|it| it.contains('.'));
    let is_name = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
    let (mut out, mut link_end) = (String::with_capacity(text.len()), 0);
    for (at, sign) in text.char_indices() {
        if sign == 'h' && link_end <= at {
            let link = &text[at..at + bare_link(&text[at..])];
            link_end = if is_page(link) { at + link.len() } else { link_end };
        }
        out.push(sign);
        let in_word = before.is_some_and(|it| it.is_alphanumeric() || it == '_');
        if sign == '@' && !in_word && link_end <= at && text[at + 1..].bytes().take(4).all(is_name)
        {
            out.push(APART);
        }
        before = Some(sign);
    }
    out.into()
}

/// Code, and text where nothing else has a meaning: what ends the code, or calls people even there, is
/// taken apart.
pub(crate) fn code(text: &str, dialect: Dialect) -> Cow<'_, str> {
    let mut text = entities(text, dialect);
    for call in Style::of(dialect).calls.iter().filter(|it| text.contains(**it)).collect::<Vec<_>>()
    {
        let signs: Vec<String> = call.chars().map(String::from).collect();
        text = text.replace(call, &signs.join("\u{200b}")).into();
    }
    text
}

/// An address that is behind a text, as it is written there; `None` where that is no link, or one that
/// would do something else than show a page: run a script, or call a person.
pub(crate) fn link(url: &str, dialect: Dialect) -> Option<String> {
    let lower = url.to_ascii_lowercase();
    let is_known =
        ["http://", "https://", "mailto:", "tel:"].iter().any(|it| lower.starts_with(it));
    let style = Style::of(dialect);
    let calls = style.calling_link.is_some_and(|it| lower.contains(it));
    if !is_known || calls || url.contains(char::is_control) {
        return None;
    }
    if style.is_html {
        return Some(entities(url, dialect).into_owned());
    }
    let mut out = url.to_owned();
    for sign in [' ', '<', '>', '|', '(', ')', '\\'] {
        out = out.replace(sign, &format!("%{:02X}", u32::from(sign)));
    }
    Some(entities(&out, dialect).into_owned())
}

/// What a language may be called.
pub(crate) fn language(info: &str) -> Option<&str> {
    let name = info.split([' ', ',']).next().unwrap_or_default();
    let plain = |it: char| it.is_ascii_alphanumeric() || "+-#._".contains(it);
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}
