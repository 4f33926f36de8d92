//! The syntax tree of a text, in which each character that is read has a place.

mod reader;

use self::reader::Reader;

/// A line with more signs of tables, or more quotes and lists in each other, makes a text that nobody
/// reads and that takes long to parse; it is shown as it is written.
const BARS_MAX: usize = 256;
const MARKS_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Paragraph,
    Heading(usize),
    Quote,
    /// The number of its first item, or bullets.
    List(Option<u64>),
    Item,
    /// Its info string, and what its fence stands around.
    Code(String, String),
    Rule,
    /// The first row is the head.
    Table,
    Row,
    Cell,
    Format(Format),
    Link {
        url: String,
        is_image: bool,
    },
    Text(String),
    Span(String),
    Break,
    /// Whether a task is done.
    Task(bool),
}

/// In the order of the marks of a style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Emphasis,
    Strong,
    Strike,
}

impl Kind {
    fn is_inline(&self) -> bool {
        use Kind::{Break, Format, Link, Span, Task, Text};
        matches!(self, Format(_) | Link { .. } | Text(_) | Span(_) | Break | Task(_))
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
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Places from the start up to and without the end; at least one.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) children: Vec<Node>,
}

impl Node {
    fn new(kind: Kind, children: Vec<Self>) -> Self {
        Self { kind, start: 0, end: 0, children }
    }

    /// What is written from one place up to and without another.
    pub(crate) fn text(&self, from: usize, to: usize) -> &str {
        let text = self.kind.text().unwrap_or_default();
        let at = |place: usize| {
            text.floor_char_boundary(place.saturating_sub(self.start).min(text.len()))
        };
        &text[at(from)..at(to).max(at(from))]
    }

    /// What shows of it between two places. A table keeps its head, and a row its cells.
    fn clip(&self, from: usize, to: usize) -> Self {
        if from <= self.start && self.end <= to {
            return self.clone();
        }
        let text = || self.text(from, to).to_owned();
        #[expect(clippy::wildcard_enum_match_arm, reason = "no other shows less")]
        let kind = match &self.kind {
            Kind::Text(_) => Kind::Text(text()),
            Kind::Span(_) => Kind::Span(text()),
            Kind::Code(info, _) => Kind::Code(info.clone(), text()),
            Kind::List(Some(first)) => {
                let gone = self.children.partition_point(|it| it.end <= from);
                Kind::List(Some(first.saturating_add(gone as u64)))
            }
            kind => kind.clone(),
        };
        let children = match (&kind, self.children.split_first()) {
            (Kind::Table, Some((head, rows))) => {
                std::iter::once(head.clone()).chain(clip(rows, from, to)).collect()
            }
            (Kind::Row, _) => self.children.iter().map(|it| it.clip(from, to)).collect(),
            _ => clip(&self.children, from, to),
        };
        Self { kind, children, ..*self }
    }
}

/// Which of these nodes show between two places.
pub(crate) fn shown(nodes: &[Node], from: usize, to: usize) -> &[Node] {
    let first = nodes.partition_point(|it| it.end <= from);
    let count = nodes[first..].partition_point(|it| it.start < to);
    &nodes[first..first + count]
}

/// A tree of what shows between two places.
pub(crate) fn clip(nodes: &[Node], from: usize, to: usize) -> Vec<Node> {
    shown(nodes, from, to).iter().map(|it| it.clip(from, to)).collect()
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
        Self::of(Reader::new(markdown).blocks())
    }

    /// A text in which nothing is a format.
    pub(crate) fn literal(text: &str) -> Self {
        Self::of(text.split("\n\n").filter_map(reader::literal).collect())
    }

    fn of(mut blocks: Vec<Node>) -> Self {
        let end = number(&mut blocks, 0);
        Self { blocks, end }
    }
}

/// Gives each node its places, from `at` on.
fn number(nodes: &mut [Node], mut at: usize) -> usize {
    for node in nodes {
        node.start = at;
        let inner =
            node.kind.text().map_or_else(|| number(&mut node.children, at), |it| at + it.len());
        node.end = inner.max(at + 1);
        at = node.end;
    }
    at
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
