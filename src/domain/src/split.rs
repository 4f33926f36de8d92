//! Cuts a text into parts that a platform accepts, at the most sensible place within reach.
//!
//! Invariants (checked in `tests`)
//! - Every part keeps to the limit, as the platform counts (for limits of 64 and more).
//! - Nothing is lost but white space at the cuts; nothing is added but the fences of code that was
//!   cut: closed at the end of a part, opened again with the same info string in the next.

#[cfg(test)]
mod tests;

use crate::outgoing::{TextLimit, Unit};

/// Cuts Markdown into parts within the limit: at a blank line, else at a line end, a sentence end, a
/// space, anywhere. An empty text is one empty part; one character is the least.
pub fn split_text(text: &str, limit: TextLimit) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    let mut carried: Option<Fence> = None;
    loop {
        let room = Room::new(limit, rest, carried.as_ref());
        if room.fits_whole(rest) {
            if !rest.trim().is_empty() {
                parts.push(format!("{}{rest}", room.opening));
            }
            break;
        }
        let cut = room.cut(rest);
        let open = open_at(rest, cut, carried.as_ref(), room.marker_max());
        let (body, tail) = (rest[..cut].trim_end(), &rest[cut..]);
        if !body.trim().is_empty() {
            let closing = open.as_ref().map(|it| it.fence.closing()).unwrap_or_default();
            parts.push(format!("{}{body}{closing}", room.opening));
        }
        carried = open.map(|it| it.fence);
        rest = skip_gap(tail);
    }
    if parts.is_empty() {
        parts.push(String::new());
    }
    parts
}

/// Drops empty lines and keeps indentation; behind a cut within a line its spaces go.
fn skip_gap(tail: &str) -> &str {
    let text = tail.trim_start_matches([' ', '\t']);
    if text.starts_with(['\n', '\r']) || text.len() == tail.len() {
        text.trim_start_matches(['\n', '\r'])
    } else {
        text
    }
}

#[derive(Debug)]
struct Room<'a> {
    limit: TextLimit,
    carried: Option<&'a Fence>,
    opening: String,
    /// What is left for the text itself, a closing fence set aside.
    body_max: usize,
}

impl<'a> Room<'a> {
    fn new(limit: TextLimit, rest: &str, carried: Option<&'a Fence>) -> Self {
        let limit = TextLimit { max: limit.max.max(1), ..limit };
        let third = limit.max / 3;
        let opening = carried.map(|it| it.opening(third, limit.unit)).unwrap_or_default();
        let left = limit.max.saturating_sub(limit.unit.measure(&opening));
        let window = &rest[..window(rest, left, limit.unit)];
        let closing = |it: &Fence| limit.unit.measure(&it.closing());
        let opened = window.lines().filter_map(Fence::parse).filter(|it| it.fits(third));
        let opened = opened.map(|it| closing(&it)).max().unwrap_or(0);
        let body_max = left.saturating_sub(carried.map_or(0, closing).max(opened)).max(1);
        Self { limit, carried, opening, body_max }
    }

    /// Fences that take more are text like any other, so that every part has room for content.
    fn marker_max(&self) -> usize {
        self.limit.max / 3
    }

    fn fits_whole(&self, rest: &str) -> bool {
        let unit = self.limit.unit;
        let opening = unit.measure(&self.opening);
        opening <= self.limit.max && window(rest, self.limit.max - opening, unit) == rest.len()
    }

    fn cut(&self, rest: &str) -> usize {
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = window(rest, self.body_max, self.limit.unit).max(first);
        self.around_fences(rest, best_cut(rest, end), end)
    }

    /// Keeps fences whole: no cut is inside the line of one, no part ends with a fence and no code
    /// behind it, or begins with one and no code before its end.
    fn around_fences(&self, rest: &str, cut: usize, end: usize) -> usize {
        let line = line_start(rest, cut);
        let whole = rest[line..line_end(rest, line)].trim_end();
        let inside = 0 < line && cut < line + whole.len() && Fence::parse(whole).is_some();
        let cut = if inside { line } else { cut };
        let open = open_at(rest, cut, self.carried, self.marker_max());
        let Some(OpenFence { fence, line, body }) = open else { return cut };
        if let Some(line) = line.filter(|&it| !rest[..it].trim().is_empty()) {
            let barely = rest[body.min(cut)..cut].trim().is_empty();
            if barely || end / 2 < line {
                return line;
            }
        }
        // If its end comes next, that takes the place that was set aside for one of ours.
        let next = rest.len() - skip_gap(&rest[cut..]).len();
        let close = line_end(rest, next);
        let unit = self.limit.unit;
        let fits = unit.measure(&rest[..close]) <= self.body_max + unit.measure(&fence.closing());
        if fits && fence.is_closed_by(&rest[next..close]) { close } else { cut }
    }
}

/// The best place to cut at `end` or before it, a cut at any place being the last resort. One in the
/// first half would make many small parts, so only the second half is searched.
fn best_cut(rest: &str, end: usize) -> usize {
    let (window, ahead) = rest.split_at(end);
    let late = |at: &usize| end / 2 < *at;
    let before = |mark: &str| {
        let there = ahead.starts_with(mark).then_some(end);
        there.or_else(|| window.rfind(mark).filter(late))
    };
    before("\n\n")
        .or_else(|| before("\n"))
        .or_else(|| sentence_end(rest, end).filter(late))
        .or_else(|| before(" "))
        .unwrap_or_else(|| whole_sign(rest, end))
}

fn sentence_end(rest: &str, end: usize) -> Option<usize> {
    let ends = |(at, c): (usize, char)| {
        let behind = at + c.len_utf8();
        let spaced = matches!(c, '.' | '!' | '?' | '…') && rest[behind..].starts_with(' ');
        (spaced || matches!(c, '。' | '！' | '？')).then_some(behind)
    };
    rest[..end].char_indices().rev().find_map(ends)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |it| it + 1)
}

/// Where the line that starts at `at` ends, without its line feed.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |it| at + it)
}

/// How many bytes at the start of the text the platform counts as at most `max`.
fn window(text: &str, max: usize, unit: Unit) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += unit.of(c);
        if max < used {
            return at;
        }
    }
    text.len()
}

/// The longest sequence of characters that show as one sign and are not torn apart.
const SIGN_CHARS_MAX: usize = 12;

/// Moves a cut at any place back, so that accents stay with their letters and families together.
fn whole_sign(text: &str, cut: usize) -> usize {
    let is_torn = |at: usize| text[at..].starts_with(joins) || text[..at].ends_with('\u{200d}');
    let mut at = cut;
    for _ in 0..SIGN_CHARS_MAX {
        let Some(c) = text[..at].chars().next_back().filter(|_| is_torn(at)) else { break };
        at -= c.len_utf8();
    }
    if at == 0 || is_torn(at) { cut } else { at }
}

/// Combining marks, joiners, variation selectors, skin tones, tags
/// (<https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundary_Rules>, the common ones).
fn joins(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{200d}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{1f3fb}'..='\u{1f3ff}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

/// What opens and closes a block of code (<https://spec.commonmark.org/0.31.2/#fenced-code-blocks>).
/// Indentation is not looked at, since in a list the fences are indented with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fence {
    mark: char,
    count: usize,
    info: String,
}

#[derive(Debug)]
struct OpenFence {
    fence: Fence,
    /// Where its line starts; `None` when it was opened in an earlier part.
    line: Option<usize>,
    body: usize,
}

impl Fence {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|it| matches!(it, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let count = line.len() - info.len();
        let code_span = mark == '`' && info.contains('`');
        (3 <= count && !code_span).then(|| Self { mark, count, info: info.trim().to_owned() })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        Self::parse(line)
            .is_some_and(|it| it.mark == self.mark && self.count <= it.count && it.info.is_empty())
    }

    fn marks(&self) -> String {
        self.mark.to_string().repeat(self.count)
    }

    /// The line that opens it again; without its info string where that takes more than `max`.
    fn opening(&self, max: usize, unit: Unit) -> String {
        let full = format!("{}{}\n", self.marks(), self.info);
        if unit.measure(&full) <= max { full } else { format!("{}\n", self.marks()) }
    }

    fn closing(&self) -> String {
        format!("\n{}", self.marks())
    }

    fn fits(&self, max: usize) -> bool {
        self.count < max
    }
}

/// The block open at `cut`; `carried` is open at the start. A line counts if it starts before the cut.
fn open_at(
    text: &str,
    cut: usize,
    carried: Option<&Fence>,
    marker_max: usize,
) -> Option<OpenFence> {
    let mut open = carried.map(|fence| OpenFence { fence: fence.clone(), line: None, body: 0 });
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if cut <= start {
            break;
        }
        let end = start + line.len();
        match &open {
            Some(block) if block.fence.is_closed_by(line) => open = None,
            Some(_) => {}
            None => {
                let fence = Fence::parse(line).filter(|it| it.fits(marker_max));
                open = fence.map(|fence| OpenFence { fence, line: Some(start), body: end });
            }
        }
        start = end;
    }
    open
}
