//! Where a text is cut.

use domain::outgoing::{Dialect, TextLimit};
use unicode_segmentation::UnicodeSegmentation;

use crate::lines::write;
use crate::style::Style;
use crate::tree::{Doc, Kind, Node, clip, shown};
use crate::{length, measure};

/// The parts of a text, one after another.
#[derive(Debug)]
pub(crate) struct Splitter {
    dialect: Dialect,
    limit: TextLimit,
    /// It is short enough as it is.
    whole: Option<String>,
    doc: Doc,
    at: usize,
    /// What has no formats in its place is done with before it goes on.
    inner: Option<Box<Splitter>>,
    /// It has no formats, so that there is no other way to write it.
    is_literal: bool,
}

impl Splitter {
    pub(crate) fn new(markdown: &str, dialect: Dialect, limit: TextLimit) -> Self {
        let limit = TextLimit { max: limit.max.max(1), ..limit };
        let blank = markdown.trim().is_empty();
        let text = if blank { "" } else { markdown.trim_end_matches(['\n', '\r']) };
        let is_short = measure(text, dialect, limit.unit) <= limit.max;
        let whole = is_short.then(|| text.to_owned());
        let doc = Doc::parse(if is_short { "" } else { markdown });
        Self { dialect, limit, whole, doc, at: 0, inner: None, is_literal: false }
    }

    #[cfg(test)]
    pub(crate) fn is_bare(&self) -> bool {
        self.inner.is_some()
    }

    fn length(&self, to: usize) -> usize {
        let shown = write(&clip(&self.doc.blocks, self.at, to), self.dialect);
        length(&shown, self.dialect, self.limit.unit)
    }

    /// A place up to which a part may go if it is cut anywhere: the last one, or nearly so.
    fn reach(&self) -> usize {
        let max = self.limit.max;
        let (mut fits, mut over, mut step) = (self.at, self.doc.end + 1, max);
        while fits + 1 + max / 64 < over || (over == self.doc.end + 1 && fits < self.doc.end) {
            let place = (fits + step.max(1)).min(over - 1);
            if self.length(place) <= max {
                fits = place;
            } else {
                over = place;
            }
            step = match self.doc.end < over {
                // Most texts are as long as they are written.
                true if step == max => max / 16,
                true => 2 * step,
                false => (over - fits) / 2,
            };
        }
        fits
    }

    /// Passes white space, which nobody misses at a cut.
    fn pass_blank(&mut self) {
        while let Some(leaf) = leaf(&self.doc.blocks, self.at) {
            let text = leaf.text(self.at, leaf.end);
            let blank = text.len() - text.trim_start().len();
            let is_text = matches!(leaf.kind, Kind::Text(_)) && blank != 0;
            if !is_text && leaf.kind != Kind::Break {
                break;
            }
            self.at = if is_text { self.at + blank } else { leaf.end };
        }
    }

    /// Whether a part shows what these nodes show, and no more than may be.
    fn holds(&self, part: &str, nodes: &[Node]) -> bool {
        // As it is written in Markdown, it says what was written; that it means the same shows elsewhere.
        let is_source = Style::of(self.dialect).is_source;
        let shows = if is_source { Dialect::MailHtml } else { self.dialect };
        let shown = write(&Doc::parse(part).blocks, shows);
        let measured = if is_source { part } else { &shown };
        shown == write(nodes, shows)
            && length(measured, self.dialect, self.limit.unit) <= self.limit.max
    }

    /// The block in which the next part begins has too much around its text, or cannot be cut so that
    /// each part is what it was: it goes on without formats.
    fn without_formats(&mut self) -> Option<String> {
        let block = shown(&self.doc.blocks, self.at, self.at + 1).first();
        let end = block.map_or(self.doc.end, |it| it.end);
        let text = write(&clip(&self.doc.blocks, self.at, end), Dialect::Plain);
        let (doc, dialect, limit) = (Doc::literal(&text), self.dialect, self.limit);
        let inner = Self { dialect, limit, whole: None, doc, at: 0, inner: None, is_literal: true };
        self.at = end;
        self.inner = Some(Box::new(inner));
        self.next()
    }
}

impl Iterator for Splitter {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let ready = self.whole.take();
        if let Some(part) = ready.or_else(|| self.inner.as_mut().and_then(Iterator::next)) {
            return Some(part);
        }
        self.inner = None;
        self.pass_blank();
        if self.doc.end <= self.at {
            return None;
        }
        let reach = self.reach();
        let around = if reach == self.doc.end { 0 } else { self.length(self.at + 1) };
        if !self.is_literal && (reach == self.at || self.limit.max / 2 < around) {
            return self.without_formats();
        }
        let best = |reach: usize| match reach == self.doc.end {
            true => reach,
            false => best(&self.doc.blocks, self.at, reach),
        };
        let mut cut = best(reach);
        // What follows a sign can make it shorter.
        while self.limit.max < self.length(cut) {
            let shorter = best(cut - 1);
            if cut <= shorter {
                break;
            }
            cut = shorter;
        }
        let nodes = clip(&self.doc.blocks, self.at, cut);
        let part = write(&nodes, Dialect::Markdown);
        if !self.is_literal && !self.holds(&part, &nodes) {
            return self.without_formats();
        }
        self.at = cut;
        if part.trim().is_empty() { self.next() } else { Some(part) }
    }
}

/// What stands at a place.
fn leaf(mut nodes: &[Node], at: usize) -> Option<&Node> {
    loop {
        let node = shown(nodes, at, at + 1).first()?;
        if node.children.is_empty() {
            return Some(node);
        }
        nodes = &node.children;
    }
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
    /// Between two that show as one each.
    Sign,
}

/// The best place behind `from`, `to` at most. One in the first half would make many small parts, so
/// only a cut between two signs, the last resort, is there.
fn best(blocks: &[Node], from: usize, to: usize) -> usize {
    let middle = from + (to - from) / 2;
    let mut found: Option<(Rank, usize)> = None;
    let mut take = |rank: Rank, at: usize| {
        let is_better =
            found.is_none_or(|(best, before)| rank < best || (rank == best && before < at));
        let least = if rank == Rank::Sign { from } else { middle };
        if least < at && at <= to && is_better {
            found = Some((rank, at));
        }
    };
    // What follows a letter may belong to it.
    places(blocks, (from, to + 4), Rank::Block, &mut take);
    // A letter may have accents without end.
    found.map_or(to.max(from + 1), |it| it.1)
}

/// Offers the places in nodes, whole ones of which rank so.
fn places(
    nodes: &[Node],
    (from, to): (usize, usize),
    whole: Rank,
    take: &mut impl FnMut(Rank, usize),
) {
    // A heading stays with what it is of.
    let mut heads = false;
    for node in shown(nodes, from, to) {
        if node.kind == Kind::Break {
            take(Rank::Line, node.start);
        } else if node.kind.is_whole() && !heads {
            take(whole, node.start);
        }
        let start = node.end - node.text(from, usize::MAX).len();
        let is_code = matches!(node.kind, Kind::Code(..));
        words(node.text(from, to), start, is_code, take);
        // So does a head with the first row.
        let first = if node.kind == Kind::Table { 2 } else { 0 };
        let behind = if heads { from.max(node.start + 1) } else { from };
        let children = node.children.get(first..).unwrap_or_default();
        places(children, (behind, to), Rank::Piece, take);
        heads = matches!(node.kind, Kind::Heading(_));
    }
}

/// Places in a text that begins at `start`.
fn words(text: &str, start: usize, is_code: bool, take: &mut impl FnMut(Rank, usize)) {
    let mut before = "";
    for (at, sign) in text.grapheme_indices(true) {
        let (at, behind) = (start + at, start + at + sign.len());
        match sign {
            "\n" if is_code => take(Rank::Line, behind),
            " " if is_code => take(Rank::Word, behind),
            "。" | "！" | "？" => take(Rank::Sentence, behind),
            " " if [".", "!", "?", "…"].contains(&before) => take(Rank::Sentence, at),
            // White space at a cut belongs to neither part.
            " " if before != " " => take(Rank::Word, at),
            _ => take(Rank::Sign, behind),
        }
        before = sign;
    }
}
