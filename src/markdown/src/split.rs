//! Where a text is cut.

use domain::outgoing::{Dialect, TextLimit};
use unicode_segmentation::UnicodeSegmentation;

use crate::tree::{Doc, Kind, Node, Window};
use crate::{length, measure, write};

/// Bytes of the longest sign that is not torn; a letter may have accents without end.
const SIGN_MAX: usize = 128;

/// The parts of a text, one after another.
#[derive(Debug)]
pub(crate) struct Splitter<'a> {
    dialect: Dialect,
    limit: TextLimit,
    /// It was not looked at yet whether it is short enough as it is.
    whole: Option<&'a str>,
    doc: Doc,
    at: usize,
    /// What has no formats in its place is done with before it goes on.
    inner: Option<Box<Splitter<'a>>>,
    /// It has no formats, so that there is no other way to write it.
    is_literal: bool,
}

impl<'a> Splitter<'a> {
    pub(crate) fn new(markdown: &'a str, dialect: Dialect, limit: TextLimit) -> Self {
        let limit = TextLimit { max: limit.max.max(1), ..limit };
        let doc = Doc::parse(markdown);
        Self { dialect, limit, whole: Some(markdown), doc, at: 0, inner: None, is_literal: false }
    }

    fn literal(&self, text: &str) -> Self {
        let doc = Doc::literal(text);
        let (dialect, limit) = (self.dialect, self.limit);
        Self { dialect, limit, whole: None, doc, at: 0, inner: None, is_literal: true }
    }

    #[cfg(test)]
    pub(crate) fn is_bare(&self) -> bool {
        self.inner.is_some()
    }

    fn length(&self, from: usize, to: usize) -> usize {
        let shown = write(&self.doc, Window { from, to }, self.dialect);
        length(&shown, self.dialect, self.limit.unit)
    }

    /// A place up to which a part may go if it is cut anywhere: the last one, or nearly so.
    fn reach(&self) -> usize {
        let max = self.limit.max;
        let (mut fits, mut short) = (self.at, 0);
        let (mut over, mut long) = (None, 0);
        for turn in 0.. {
            let end = over.unwrap_or(self.doc.end + 1);
            let room = end - fits;
            if room <= 1 || max - short < max / 64 {
                break;
            }
            let guess = match over {
                None => fits + (fits - self.at).max(max),
                // Lengths grow evenly as a rule.
                Some(_) if turn % 3 < 2 => fits + room * (max - short) / (long - short).max(1),
                Some(_) => fits + room / 2,
            };
            let guess = guess.clamp(fits + 1, end - 1);
            let length = self.length(self.at, guess);
            if length <= max {
                (fits, short) = (guess, length);
            } else {
                (over, long) = (Some(guess), length);
            }
        }
        fits
    }

    /// Passes white space, which nobody misses at a cut.
    fn behind_space(&self, mut at: usize) -> usize {
        while let Some(leaf) = leaf(&self.doc.blocks, at) {
            let text = Window { from: at, to: leaf.end }.text(leaf);
            let is_text = matches!(leaf.kind, Kind::Text(_));
            if leaf.kind == Kind::Break {
                at = leaf.end;
            } else if is_text && text.starts_with(char::is_whitespace) {
                at += text.len() - text.trim_start().len();
            } else {
                break;
            }
        }
        at
    }

    /// The same backwards.
    fn trim(&self, mut to: usize) -> usize {
        while self.at < to {
            let Some(leaf) = leaf(&self.doc.blocks, to - 1) else { break };
            let text = Window { from: self.at, to }.text(leaf);
            let is_text = matches!(leaf.kind, Kind::Text(_));
            if leaf.kind == Kind::Break {
                to = leaf.start;
            } else if is_text && text.ends_with(char::is_whitespace) {
                to -= text.len() - text.trim_end().len();
            } else {
                break;
            }
        }
        to.max(self.at)
    }

    /// Whether a part shows what the window shows, and no more than may be.
    fn holds(&self, part: &str, window: Window) -> bool {
        let (limit, read) = (self.limit, Doc::parse(part));
        let is_same = |dialect| {
            let shown = write(&read, Window::WHOLE, dialect);
            (shown == write(&self.doc, window, dialect)).then_some(shown)
        };
        if self.dialect == Dialect::Markdown {
            // As it is written, it says what was written; that it means the same shows elsewhere.
            return is_same(Dialect::MailHtml).is_some() && limit.unit.measure(part) <= limit.max;
        }
        is_same(self.dialect).is_some_and(|it| length(&it, self.dialect, limit.unit) <= limit.max)
    }

    /// The block in which the next part begins has too much around its text, or cannot be cut so that
    /// each part is what it was: it goes on without formats.
    fn without_formats(&mut self) -> Option<String> {
        let blocks = &self.doc.blocks;
        let at = blocks.partition_point(|it| it.end <= self.at);
        let end = blocks.get(at).map_or(self.doc.end, |it| it.end);
        let window = Window { from: self.at, to: end };
        let text = write(&self.doc, window, Dialect::Plain);
        self.at = self.behind_space(end);
        self.inner = Some(Box::new(self.literal(&text)));
        self.next()
    }
}

impl Iterator for Splitter<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if let Some(part) = self.inner.as_mut().and_then(Iterator::next) {
            return Some(part);
        }
        self.inner = None;
        if let Some(text) = self.whole.take() {
            let blank = text.trim().is_empty();
            let text = if blank { "" } else { text.trim_end_matches(['\n', '\r']) };
            if measure(text, self.dialect, self.limit.unit) <= self.limit.max {
                self.at = self.doc.end;
                return Some(text.to_owned());
            }
        }
        if self.doc.end <= self.at {
            return None;
        }
        let reach = self.reach();
        let is_last = reach == self.doc.end;
        let least = leaf(&self.doc.blocks, self.at).map_or(1, |leaf| {
            let window = Window { from: self.at, to: leaf.end.min(self.at + SIGN_MAX) };
            window.text(leaf).graphemes(true).next().map_or(1, str::len)
        });
        let around = if is_last { 0 } else { self.length(self.at, self.at + least) };
        if !self.is_literal && (reach == self.at || self.limit.max / 2 < around) {
            return self.without_formats();
        }
        let cut = if is_last { reach } else { best(&self.doc.blocks, self.at, reach) };
        let cut =
            if cut <= self.at { self.at + first_char(&self.doc.blocks, self.at) } else { cut };
        let window = Window { from: self.at, to: self.trim(cut) };
        let part = write(&self.doc, window, Dialect::Markdown);
        if !self.is_literal && !self.holds(&part, window) {
            return self.without_formats();
        }
        self.at = self.behind_space(cut);
        if part.trim().is_empty() { self.next() } else { Some(part) }
    }
}

/// What stands at a place.
fn leaf(mut nodes: &[Node], at: usize) -> Option<&Node> {
    loop {
        let node = nodes.get(nodes.partition_point(|it| it.end <= at))?;
        if node.children.is_empty() {
            return Some(node);
        }
        nodes = &node.children;
    }
}

fn first_char(nodes: &[Node], at: usize) -> usize {
    let text = leaf(nodes, at).map(|it| Window { from: at, to: it.end }.text(it));
    text.and_then(|it| it.chars().next()).map_or(1, char::len_utf8)
}

/// How good a place for a cut is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Block,
    /// Of a list, a table, a quote.
    Piece,
    Line,
    Sentence,
    Word,
}

/// The best place behind `from`, `to` at most. One in the first half would make many small parts, so
/// only the second half is searched; a cut between two signs is the last resort.
fn best(blocks: &[Node], from: usize, to: usize) -> usize {
    let middle = from + (to - from) / 2;
    let mut found: Option<(Rank, usize)> = None;
    let mut take = |rank: Rank, at: usize| {
        let is_better =
            found.is_none_or(|(best, before)| rank < best || (rank == best && before < at));
        if middle < at && at <= to && is_better {
            found = Some((rank, at));
        }
    };
    places(blocks, Window { from: middle, to: to + 1 }, 0, &mut take);
    found.map_or_else(|| sign(blocks, from, to), |it| it.1)
}

fn places(nodes: &[Node], window: Window, depth: usize, take: &mut impl FnMut(Rank, usize)) {
    let mut before: Option<&Kind> = None;
    for (index, node) in window.of(nodes).iter().enumerate() {
        // A heading stays with what it is of.
        let heads = matches!(before, Some(Kind::Heading(_)));
        if node.kind == Kind::Break {
            take(Rank::Line, node.start);
        } else if node.kind.is_whole() && !heads && (0 < index || window.from <= node.start) {
            take(if depth == 0 { Rank::Block } else { Rank::Piece }, node.start);
        }
        before = Some(&node.kind);
        if let Some(text) = node.kind.text() {
            let shown = window.text(node);
            let start = node.start + shown.as_ptr() as usize - text.as_ptr() as usize;
            words(shown, start, &node.kind, take);
        }
        // So does a head with the first row.
        let first = if node.kind == Kind::Table { 2 } else { 0 };
        let from = if heads { window.from.max(node.start + 1) } else { window.from };
        let children = node.children.get(first..).unwrap_or_default();
        places(children, Window { from, ..window }, depth + 1, take);
    }
}

/// Places in a text that begins at `start`.
fn words(text: &str, start: usize, kind: &Kind, take: &mut impl FnMut(Rank, usize)) {
    let is_code = matches!(kind, Kind::Code(..));
    let mut before = None;
    for (at, sign) in text.char_indices() {
        let behind = start + at + sign.len_utf8();
        match sign {
            '\n' if is_code => take(Rank::Line, behind),
            ' ' if is_code => take(Rank::Word, behind),
            '。' | '！' | '？' => take(Rank::Sentence, behind),
            ' ' if matches!(before, Some('.' | '!' | '?' | '…')) => {
                take(Rank::Sentence, start + at)
            }
            ' ' => take(Rank::Word, start + at),
            _ => {}
        }
        before = Some(sign);
    }
}

/// The last place up to which signs are whole.
fn sign(blocks: &[Node], from: usize, to: usize) -> usize {
    let Some(node) = leaf(blocks, to) else { return to };
    if node.start == to {
        return to;
    }
    let start = node.start.max(from);
    let text = Window { from: start, to: node.end.min(to + SIGN_MAX) }.text(node);
    let ends = text.grapheme_indices(true).map(|(at, sign)| start + at + sign.len());
    let whole = ends.take_while(|it| *it <= to).last().unwrap_or(start);
    if from < whole { whole } else { start + text.floor_char_boundary(to - start) }
}
