//! Markdown as a model writes it, for platforms that show something else: rendered in their dialect, and
//! cut into parts that are measured as they are rendered. Pure.
//!
//! A text is read into a tree ([`tree`]); every dialect is written from that. A part is a window on the
//! tree, which opens and closes what reaches over its edges.

mod escape;
mod html;
mod lines;
mod split;
mod style;
#[cfg(test)]
mod tests;
mod tree;

use std::borrow::Cow;

use domain::outgoing::{Dialect, TextLimit, Unit};

use crate::split::Splitter;
use crate::style::Style;
use crate::tree::Doc;

/// What the platform is given for a text. Nothing in the text becomes a format, a mention or a ping that
/// is none in Markdown.
pub fn render(markdown: &str, dialect: Dialect) -> String {
    if Style::of(dialect).is_source {
        return markdown.to_owned();
    }
    lines::write(&Doc::parse(markdown).blocks, dialect)
}

/// A text as it is, for Telegram, in which no `@name` calls a person.
pub fn calling_nobody(text: &str) -> Cow<'_, str> {
    escape::calling_nobody(None, text)
}

/// How long a text is where it is shown.
pub fn measure(markdown: &str, dialect: Dialect, unit: Unit) -> usize {
    length(&render(markdown, dialect), dialect, unit)
}

/// Cuts a text into parts, each Markdown that measures no more than the limit when rendered. What a cut
/// goes through is closed and opened again: formats, code, quotes, lists with their numbers, tables with
/// their heads. Nothing else is added, and nothing is lost but white space at the cuts. An empty text is
/// one empty part; the least is one character. Limits below 64 may not be kept.
pub fn split(markdown: &str, dialect: Dialect, limit: TextLimit) -> Vec<String> {
    Splitter::new(markdown, dialect, limit).collect()
}

/// The first part, whose formats are all closed.
pub fn beginning(markdown: &str, dialect: Dialect, limit: TextLimit) -> String {
    Splitter::new(markdown, dialect, limit).next().unwrap_or_default()
}

/// What shows of a text that is not finished, with a sign that it goes on.
pub fn draft(markdown: &str, dialect: Dialect, limit: TextLimit) -> String {
    const GOES_ON: &str = " …";
    let room = TextLimit { max: limit.max.saturating_sub(limit.unit.measure(GOES_ON)), ..limit };
    let first = beginning(markdown, dialect, room);
    let is_code = first.trim_end().ends_with(['`', '~', '|']);
    format!("{first}{}", if is_code { "\n…" } else { GOES_ON })
}

/// As the platform counts.
fn length(rendered: &str, dialect: Dialect, unit: Unit) -> usize {
    if !Style::of(dialect).hides_tags {
        return unit.measure(rendered);
    }
    let (mut hidden, mut length) = (None, 0);
    for c in rendered.chars() {
        match (hidden, c) {
            (Some(end), c) => hidden = (c != end).then_some(end),
            (None, '<') => hidden = Some('>'),
            (None, '&') => {
                hidden = Some(';');
                length += 1;
            }
            (None, c) => length += unit.of(c),
        }
    }
    length
}
