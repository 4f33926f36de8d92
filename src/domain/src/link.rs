//! The words that host and runner exchange over the link.
//!
//! A stream begins with a [`Header`] line. Who speaks is known from the carrier (a socket in a folder that
//! only one container sees), never from what is said. A model stream continues with plain HTTP/1.1; a
//! notify stream with lines that are hints: losing one costs a slow poll, never a message.

use std::time::Duration;

use crate::MessageSeq;

/// Bytes of the longest header or notification; either side hangs up on a longer one.
pub const LINE_BYTES_MAX: usize = 64;

/// The longest text of a draft; of a longer one the beginning is told.
pub const DRAFT_BYTES_MAX: usize = 16 * 1024;
pub const DRAFT_LINE_BYTES_MAX: usize = DRAFT_BYTES_MAX + LINE_BYTES_MAX;

const CUT: char = '…';

crate::words! {
    pub enum Header {
        Notify,
        Model,
    }

    /// A line on a notify stream. A word of a later version is ignored.
    pub enum Notification {
        Look,
        /// The provider emitted something. Runner to host only.
        Progress,
        /// The provider will report later, unasked. Runner to host only, as is the next one.
        Background,
        /// All of that has ended and was reported.
        BackgroundEnded,
        /// Finish and exit. Host to runner only.
        Stop,
    }
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

pub const TOOL_NAME_CHARS_MAX: usize = 40;

/// What an answer in the making reads like so far; runner to host only. On the line it is
/// `draft <number of the message that it answers> <text, its line feeds as carriage returns>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub in_reply_to: MessageSeq,
    text: String,
}

impl Tool {
    pub fn new(name: &str, max: Duration) -> Self {
        let may = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.');
        let name = name.chars().filter(may).take(TOOL_NAME_CHARS_MAX).collect();
        Self { name, max }
    }

    pub fn as_line(tool: Option<&Self>) -> String {
        tool.map_or("tool".into(), |it| format!("tool {} {}", it.max.as_secs(), it.name))
    }

    /// Reads a line; `Some(None)` says that none runs.
    pub fn parse(line: &str) -> Option<Option<Self>> {
        if line == "tool" {
            return Some(None);
        }
        let (secs, name) = line.strip_prefix("tool ")?.split_once(' ')?;
        let tool = Self::new(name, Duration::from_secs(secs.parse().ok()?));
        (tool.name == name && !name.is_empty()).then_some(Some(tool))
    }
}

impl Draft {
    pub fn new(in_reply_to: MessageSeq, text: &str) -> Self {
        let mut text = text.replace('\r', "");
        if DRAFT_BYTES_MAX < text.len() {
            text.truncate(text.floor_char_boundary(DRAFT_BYTES_MAX - CUT.len_utf8()));
            text.push(CUT);
        }
        Self { in_reply_to, text }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn as_line(&self) -> String {
        format!("draft {} {}", self.in_reply_to, self.text.replace('\n', "\r"))
    }

    /// Reads a line. `None` for anything else, a text that is too long included.
    pub fn parse(line: &str) -> Option<Self> {
        let (seq, text) = line.strip_prefix("draft ")?.split_once(' ')?;
        let in_reply_to = MessageSeq::parse(seq)?;
        (text.len() <= DRAFT_BYTES_MAX)
            .then(|| Self { in_reply_to, text: text.replace('\r', "\n") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_fits_a_line() {
        for notification in Notification::ALL {
            assert_eq!(Notification::parse(notification.as_str()), Some(notification));
            assert!(notification.as_str().len() < LINE_BYTES_MAX);
        }
        for header in Header::ALL {
            assert_eq!(Header::parse(header.as_str()), Some(header));
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
        for text in ["", "plain", " \"a\\b\" \n\r\t\u{0}\u{7f}\u{2028} é 😀 \n", "look"] {
            let draft = Draft::new(MessageSeq(4), text);
            let line = draft.as_line();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(draft.text(), text.replace('\r', ""));
            assert_eq!(Draft::parse(&line), Some(draft));
            assert_eq!(Notification::parse(&line), None);
        }
        for bad in ["draft 2", "draft x y", "draft  x", "drafts 2 x"] {
            assert_eq!(Draft::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_long_draft_is_cut_and_the_worst_fits_its_line() {
        for unit in ["\u{1}", "é", "😀"] {
            let draft = Draft::new(MessageSeq(i64::MAX), &unit.repeat(DRAFT_BYTES_MAX + 1));
            assert!(draft.text().len() <= DRAFT_BYTES_MAX && draft.text().ends_with(CUT));
            assert!(draft.as_line().len() < DRAFT_LINE_BYTES_MAX);
            assert_eq!(Draft::parse(&draft.as_line()), Some(draft));
        }
        let exact = "x".repeat(DRAFT_BYTES_MAX);
        assert_eq!(Draft::new(MessageSeq(2), &exact).text(), exact);
        assert_eq!(Draft::parse(&format!("draft 2 {exact}x")), None);
    }
}
