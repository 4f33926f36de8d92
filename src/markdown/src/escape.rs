//! How a text is written so that it stays a text, for each dialect.

use std::borrow::Cow;

use domain::outgoing::Dialect;

use crate::style::Style;

/// Shows nothing, and keeps signs apart that would mean something together, where a platform has no way
/// to escape them.
pub(crate) const APART: char = '\u{200b}';

pub(crate) fn is_html(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::TelegramHtml | Dialect::MatrixHtml | Dialect::MailHtml)
}

/// Text within tags and attributes; what Slack wants escaped is less.
pub(crate) fn entities(text: &str, dialect: Dialect) -> Cow<'_, str> {
    if !(is_html(dialect) || dialect == Dialect::Mrkdwn) || !text.contains(['&', '<', '>', '"']) {
        return text.into();
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if is_html(dialect) { text.replace('"', "&quot;").into() } else { text.into() }
}

/// Where a sign stands.
#[derive(Clone, Copy, Debug)]
struct Spot<'a> {
    sign: char,
    /// What is written already of this line; without what quotes and lists put before it.
    line: &'a str,
    /// What follows in this text; what follows behind that is not known.
    rest: &'a str,
    /// Whether it may begin a link.
    is_link: bool,
}

impl Spot<'_> {
    fn before(self) -> Option<char> {
        self.line.chars().next_back()
    }

    fn next(self) -> Option<char> {
        self.rest.chars().next()
    }

    fn is_first(self) -> bool {
        self.line.is_empty()
    }

    /// Between white space, or letters of a word that `_` does not divide.
    fn is_loose(self) -> bool {
        let is_space = |it: Option<char>| it.is_none_or(char::is_whitespace);
        let is_letter = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
        let within = self.sign == '_' && is_letter(self.before()) && is_letter(self.next());
        within || (is_space(self.before()) && self.next().is_some_and(char::is_whitespace))
    }

    fn is_doubled(self) -> bool {
        self.before() == Some(self.sign) || self.next().is_none_or(|it| it == self.sign)
    }

    /// It ends the number of an item.
    fn ends_number(self) -> bool {
        let is_number = self.line.bytes().all(|it| it.is_ascii_digit()) && !self.is_first();
        is_number && self.next().is_none_or(char::is_whitespace)
    }

    /// <https://support.discord.com/hc/en-us/articles/210298617>, and what stands for people, channels,
    /// roles, commands, emoji, times (<https://discord.com/developers/docs/reference#message-formatting>).
    fn is_discord(self) -> bool {
        const NAMED: [&str; 8] = ["@", "#", "/", ":", "a:", "t:", "id:", "http"];
        match self.sign {
            '\\' => self.next().is_none_or(|it| it.is_ascii_punctuation()),
            '*' | '_' => !self.is_loose(),
            '`' => true,
            '~' | '|' => self.is_doubled(),
            '[' => self.is_link,
            '<' => self.rest.is_empty() || NAMED.iter().any(|it| self.rest.starts_with(it)),
            '>' | '#' | '-' | '+' => {
                self.is_first()
                    && self.next().is_none_or(|it| it.is_whitespace() || "#>".contains(it))
            }
            '.' => self.ends_number(),
            _ => false,
        }
    }

    /// <https://spec.commonmark.org/0.31.2/#backslash-escapes>
    fn is_markdown(self) -> bool {
        match self.sign {
            '\\' => self.next().is_none_or(|it| it.is_ascii_punctuation()),
            '*' | '_' | '~' => !self.is_loose() || self.is_first(),
            '`' | '[' | ']' | '|' => true,
            '!' => self.rest.is_empty(),
            '<' => self.next().is_none_or(|it| it.is_alphabetic() || "/!?".contains(it)),
            '&' => self.next().is_none_or(|it| it.is_ascii_alphanumeric() || it == '#'),
            '>' | '=' | ':' => self.is_first(),
            '#' => self.is_first() || self.before() == Some(' ') || self.before() == Some('#'),
            '-' | '+' => self.is_first() && !self.next().is_some_and(char::is_alphanumeric),
            '.' | ')' => self.ends_number(),
            _ => false,
        }
    }

    /// No sign can open a format then: it would have to stand before a word, and not in one.
    fn is_kept_apart(self, dialect: Dialect) -> bool {
        let in_word = self.before().is_some_and(|it| it.is_ascii_alphanumeric());
        let is_before_space = self.next().is_some_and(char::is_whitespace);
        match self.sign {
            '`' => true,
            '*' | '_' | '~' => !in_word && !is_before_space,
            // <https://developers.google.com/workspace/chat/format-messages#messages-@mention>
            '<' if dialect == Dialect::GoogleChat => {
                self.next().is_none_or(|it| it.is_ascii_alphabetic())
            }
            _ => false,
        }
    }
}

/// Writes a text behind what `out` holds, whose line begins at `line`.
pub(crate) fn write_text(out: &mut String, line: usize, text: &str, dialect: Dialect) {
    if dialect == Dialect::TelegramHtml {
        let text = calling_nobody(out.chars().next_back(), text);
        out.push_str(&entities(&text, dialect));
        return;
    }
    if dialect == Dialect::Plain || is_html(dialect) {
        return out.push_str(&code(text, dialect));
    }
    let is_source = dialect == Dialect::Markdown;
    let (bracket, address) = (text.rfind(']'), text.rfind("]("));
    let (mut at, mut link_end) = (0, 0);
    while let Some(sign) = text[at..].chars().next() {
        if !is_source && link_end <= at && sign == 'h' {
            link_end = at + bare_link(&text[at..]);
        }
        if at < link_end {
            out.push_str(&entities(&text[at..link_end], dialect));
            at = link_end;
            continue;
        }
        let next = at + sign.len_utf8();
        let (written, is_first) = (&text[at..next], out.len() == line);
        let is_link = bracket.is_none_or(|it| it < at) || address.is_some_and(|it| at < it);
        let spot = Spot { sign, line: &out[line..], rest: &text[next..], is_link };
        at = next;
        if sign.is_alphanumeric() || (sign == ' ' && !is_first) {
            out.push(sign);
        } else if is_source && sign.is_whitespace() {
            out.push_str(&format!("&#{};", u32::from(sign)));
        } else if is_source || dialect == Dialect::Discord {
            let is_sign = if is_source { Spot::is_markdown } else { Spot::is_discord }(spot);
            out.extend(is_sign.then_some('\\').into_iter().chain([sign]));
        } else {
            let is_apart = spot.is_kept_apart(dialect);
            out.extend((is_first && ">-*+".contains(sign)).then_some(APART));
            out.push_str(&entities(written, dialect));
            out.extend(is_apart.then_some(APART));
        }
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
    let calls = dialect == Dialect::MatrixHtml && lower.contains("matrix.to");
    if !is_known || calls || url.contains(char::is_control) {
        return None;
    }
    if is_html(dialect) {
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
