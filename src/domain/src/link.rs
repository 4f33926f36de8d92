//! The words that host and runner exchange over the link.
//!
//! A stream begins with one header line that says what it is for. Who speaks is known from the
//! carrier (a socket in a folder that only one container sees), never from what is said. A model
//! stream continues with plain HTTP/1.1; a notify stream with one [`Notification`] or, from the runner, one
//! [`Draft`] per line. All of these are hints: losing one costs a slow poll, never a message.

use std::time::Duration;

use crate::MessageSeq;

/// Bytes of the longest header or notification; either side hangs up on a longer one.
pub const LINE_BYTES_MAX: usize = 64;

/// The longest text of a draft; of a longer one the beginning is told.
pub const DRAFT_BYTES_MAX: usize = 16 * 1024;
/// The longest line of a draft: each byte of its text may take six as an escape.
pub const DRAFT_LINE_BYTES_MAX: usize = 6 * DRAFT_BYTES_MAX + LINE_BYTES_MAX;

const DRAFT: &str = "draft ";
const CUT: char = '…';

/// The first line of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Notify,
    Model,
}

/// A line on a notify stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notification {
    /// Look at the database.
    Look,
    /// The provider emitted something. Runner to host only.
    Progress,
    /// Work goes on after the turn that began it: the provider will report later without having been
    /// asked. Runner to host only, as is the next one.
    BackgroundStarted,
    /// All of that has ended and was reported.
    BackgroundEnded,
    /// Finish and exit. Host to runner only.
    Stop,
}

/// A tool that the provider runs; runner to host only. On the line it is
/// `tool <seconds that it may take> <name>`, or `tool` alone once none runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Letters, digits, `_`, `-` and `.`; at most [`TOOL_NAME_CHARS_MAX`].
    pub name: String,
    /// How long its caller lets it take; zero when that was not said.
    pub max: Duration,
}

/// The longest name of a tool; of a longer one the beginning is told.
pub const TOOL_NAME_CHARS_MAX: usize = 40;

/// What an answer in the making reads like so far; runner to host only. On the line it is
/// `draft <number of the message that it answers> <text as a JSON string>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub in_reply_to: MessageSeq,
    /// At most [`DRAFT_BYTES_MAX`].
    text: String,
}

impl Header {
    #[must_use]
    pub fn as_line(self) -> &'static str {
        match self {
            Self::Notify => "notify\n",
            Self::Model => "model\n",
        }
    }

    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        [Self::Notify, Self::Model]
            .into_iter()
            .find(|it| it.as_line().trim_end() == line.trim_end())
    }
}

impl Notification {
    const ALL: [Self; 5] =
        [Self::Look, Self::Progress, Self::BackgroundStarted, Self::BackgroundEnded, Self::Stop];

    #[must_use]
    pub fn as_line(self) -> &'static str {
        match self {
            Self::Look => "look\n",
            Self::Progress => "progress\n",
            Self::BackgroundStarted => "background\n",
            Self::BackgroundEnded => "background-ended\n",
            Self::Stop => "stop\n",
        }
    }

    /// `None` for a word of a later version, which is to be ignored, and for a [`Draft`].
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_line().trim_end() == line.trim_end())
    }
}

impl Tool {
    /// Drops what a name may not contain, and what is too much of it.
    #[must_use]
    pub fn new(name: &str, max: Duration) -> Self {
        let may = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.');
        let name = name.chars().filter(may).take(TOOL_NAME_CHARS_MAX).collect();
        Self { name, max }
    }

    #[must_use]
    pub fn as_line(tool: Option<&Self>) -> String {
        tool.map_or_else(
            || "tool\n".into(),
            |it| format!("tool {} {}\n", it.max.as_secs(), it.name),
        )
    }

    /// Reads a line, with or without its end; `Some(None)` says that none runs.
    #[must_use]
    pub fn parse(line: &str) -> Option<Option<Self>> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line == "tool" {
            return Some(None);
        }
        let (secs, name) = line.strip_prefix("tool ")?.split_once(' ')?;
        let tool = Self::new(name, Duration::from_secs(secs.parse().ok()?));
        (tool.name == name && !name.is_empty()).then_some(Some(tool))
    }
}

impl Draft {
    /// Cuts a text that is too long.
    #[must_use]
    pub fn new(in_reply_to: MessageSeq, text: &str) -> Self {
        if text.len() <= DRAFT_BYTES_MAX {
            return Self { in_reply_to, text: text.to_owned() };
        }
        let mut end = DRAFT_BYTES_MAX - CUT.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self { in_reply_to, text: format!("{}{CUT}", &text[..end]) }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn as_line(&self) -> String {
        let mut line = format!("{DRAFT}{} \"", self.in_reply_to);
        for c in self.text.chars() {
            match c {
                '"' => line.push_str("\\\""),
                '\\' => line.push_str("\\\\"),
                '\n' => line.push_str("\\n"),
                c if c.is_ascii_control() => line.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => line.push(c),
            }
        }
        line.push_str("\"\n");
        line
    }

    /// Reads a line, with or without its end. `None` for anything else, a text that is too long
    /// included.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (seq, text) = line.strip_prefix(DRAFT)?.split_once(' ')?;
        let text = unescape(text.trim_end().strip_prefix('"')?.strip_suffix('"')?)?;
        let in_reply_to = MessageSeq(seq.parse().ok()?);
        (text.len() <= DRAFT_BYTES_MAX).then_some(Self { in_reply_to, text })
    }
}

/// The inside of a JSON string (RFC 8259, section 7).
fn unescape(text: &str) -> Option<String> {
    let mut chars = text.chars();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        let c = match c {
            '"' => return None,
            c if u32::from(c) < 0x20 => return None,
            '\\' => match chars.next()? {
                c @ ('"' | '\\' | '/') => c,
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => unicode(&mut chars)?,
                _ => return None,
            },
            c => c,
        };
        out.push(c);
    }
    Some(out)
}

/// What follows `\u`: four hexadecimal digits, for a character outside the first plane twice.
fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let first = unit(chars)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) {
        if (chars.next(), chars.next()) != (Some('\\'), Some('u')) {
            return None;
        }
        units.push(unit(chars)?);
    }
    char::decode_utf16(units).next()?.ok()
}

fn unit(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    (0..4).try_fold(0, |value: u16, _| {
        let digit = u16::try_from(chars.next()?.to_digit(16)?).ok()?;
        Some(value * 16 + digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_fits_a_line() {
        for notification in Notification::ALL {
            assert_eq!(Notification::parse(notification.as_line()), Some(notification));
            assert!(notification.as_line().len() <= LINE_BYTES_MAX);
        }
        for header in [Header::Notify, Header::Model] {
            assert_eq!(Header::parse(header.as_line()), Some(header));
        }
        assert_eq!(Notification::parse("dance"), None);
    }

    #[test]
    fn a_tool_reads_back_and_nothing_else_does() {
        for tool in [None, Some(Tool::new("mcp__nanoclaw__ask", Duration::from_secs(600)))] {
            let line = Tool::as_line(tool.as_ref());
            assert_eq!(Tool::parse(&line), Some(tool));
            assert_eq!((Notification::parse(&line), Draft::parse(&line)), (None, None));
        }
        let long = Tool::new(&"a`b\n".repeat(99), Duration::from_secs(u64::MAX));
        assert_eq!(Tool::parse(&Tool::as_line(Some(&long))), Some(Some(long)));
        for bad in ["tool ", "tool x", "tool x Bash", "tool 5 ", "tool 5 a b", "tool 5 `a`", "look"]
        {
            assert_eq!(Tool::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_draft_reads_back_on_one_line_whatever_is_in_it() {
        for text in ["", "plain", " \"a\\b\" \n\r\t\u{0}\u{7f}\u{2028} é 😀 ", "look", "\\u0041"]
        {
            let draft = Draft::new(MessageSeq(4), text);
            let line = draft.as_line();
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert_eq!(Draft::parse(&line), Some(draft.clone()));
            assert_eq!(Draft::parse(line.trim_end_matches('\n')), Some(draft));
            assert_eq!(Notification::parse(&line), None);
        }
    }

    #[test]
    fn the_escapes_of_any_writer_are_understood() {
        let draft = Draft::parse(r#"draft 2 "\/\b\f\t\u00e9\uD83D\ude00""#).unwrap();
        assert_eq!((draft.in_reply_to, draft.text()), (MessageSeq(2), "/\u{8}\u{c}\té😀"));
        for bad in [
            "draft 2",
            "draft 2 ",
            "draft 2 \"",
            "draft 2 x",
            "draft x \"\"",
            "draft 2 \"a\"b\"",
            r#"draft 2 "\x""#,
            r#"draft 2 "\u12""#,
            r#"draft 2 "\ud83d""#,
            r#"draft 2 "\ud83d\u0041""#,
            r#"draft 2 "\ude00""#,
            r#"draft 2 "\""#,
            "draft 2 \"a\tb\"",
        ] {
            assert_eq!(Draft::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_long_draft_is_cut_and_the_worst_fits_its_line() {
        for unit in ["\u{1}", "é", "😀"] {
            let draft = Draft::new(MessageSeq(i64::MAX), &unit.repeat(DRAFT_BYTES_MAX + 1));
            assert!(draft.text().len() <= DRAFT_BYTES_MAX && draft.text().ends_with(CUT));
            assert!(draft.as_line().len() <= DRAFT_LINE_BYTES_MAX);
            assert_eq!(Draft::parse(&draft.as_line()), Some(draft));
        }
        let exact = "x".repeat(DRAFT_BYTES_MAX);
        assert_eq!(Draft::new(MessageSeq(2), &exact).text(), exact);
        assert_eq!(Draft::parse(&format!("draft 2 \"{exact}x\"")), None);
    }
}
