//! The syntax tree of a text, in which each character that is read has a place.

mod builder;

use pulldown_cmark::{Options, Parser};

use self::builder::Builder;

/// Deeper blocks and formats are shown as if they were at this depth.
const DEPTH_MAX: usize = 16;
/// A line with more signs of tables, or more quotes and lists in each other, makes a text that nobody
/// reads and that takes long to parse; it is shown as it is written.
const BARS_MAX: usize = 256;
const MARKS_MAX: usize = 32;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Paragraph,
    Heading(usize),
    Quote,
    /// Beside another list, which is not to become one with it.
    List {
        is_beside: bool,
    },
    /// Its number, or a bullet; whether it is done, where it is a task.
    Item(Option<u64>, Option<bool>),
    /// Its info string, and what its fence stands around.
    Code(String, String),
    Rule,
    /// The first row is the head.
    Table,
    Row,
    Cell,
    Emphasis,
    Strong,
    Strike,
    Link {
        url: String,
        is_image: bool,
    },
    Text(String),
    Span(String),
    Break,
}

impl Kind {
    fn is_inline(&self) -> bool {
        matches!(
            self,
            Self::Emphasis
                | Self::Strong
                | Self::Strike
                | Self::Link { .. }
                | Self::Text(_)
                | Self::Span(_)
                | Self::Break
        )
    }

    /// Whether a cut before it is better than one in a line.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_inline() && *self != Self::Cell
    }

    /// What is written there, letter by letter.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Code(_, text) | Self::Text(text) | Self::Span(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// How many kinds have to fit in before there is a text.
    fn depth(&self) -> usize {
        if *self == Self::Table {
            4
        } else if matches!(self, Self::List { .. }) {
            2
        } else {
            1
        }
    }

    /// Whether it shows something with nothing in it.
    fn shows_empty(&self) -> bool {
        !matches!(
            self,
            Self::Paragraph
                | Self::Heading(_)
                | Self::Quote
                | Self::List { .. }
                | Self::Table
                | Self::Emphasis
                | Self::Strong
                | Self::Strike
        )
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Places from the start up to and without the end; at least one.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) children: Vec<Node>,
}

/// What is shown of a tree: the places from one up to and without another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Window {
    pub(crate) const WHOLE: Self = Self { from: 0, to: usize::MAX };

    pub(crate) fn of(self, nodes: &[Node]) -> &[Node] {
        let first = nodes.partition_point(|it| it.end <= self.from);
        let shown = nodes[first..].partition_point(|it| it.start < self.to);
        &nodes[first..first + shown]
    }

    pub(crate) fn text(self, node: &Node) -> &str {
        let text = node.kind.text().unwrap_or_default();
        let at = |place: usize| {
            text.floor_char_boundary(place.saturating_sub(node.start).min(text.len()))
        };
        &text[at(self.from)..at(self.to).max(at(self.from))]
    }
}

#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) blocks: Vec<Node>,
    pub(crate) end: usize,
}

impl Doc {
    pub(crate) fn parse(markdown: &str) -> Self {
        if is_hostile(markdown) {
            return Self::literal(markdown);
        }
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        let mut builder = Builder::default();
        Parser::new_ext(markdown, options).for_each(|it| builder.take(it));
        builder.finish()
    }

    /// A text in which nothing is a format.
    pub(crate) fn literal(text: &str) -> Self {
        let mut builder = Builder::default();
        for paragraph in text.split("\n\n") {
            builder.open(Kind::Paragraph);
            builder.lines(paragraph);
            builder.close();
        }
        builder.finish()
    }
}

fn is_hostile(text: &str) -> bool {
    text.lines().any(|line| {
        let marks = line.bytes().take_while(|it| b" \t>-+*0123456789.)".contains(it));
        let spaced = marks.clone().skip(1).chain([b' ']);
        let begins = |(mark, next): &(u8, u8)| {
            *mark == b'>' || (b"-+*.)".contains(mark) && next.is_ascii_whitespace())
        };
        // One that is escaped divides no cells.
        let bars = line.as_bytes().windows(2).filter(|it| it[1] == b'|' && it[0] != b'\\').count()
            + usize::from(line.starts_with('|'));
        BARS_MAX < bars || MARKS_MAX < marks.zip(spaced).filter(begins).count()
    })
}
