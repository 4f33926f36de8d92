//! How long a text may be, and the forms in which it is tried: formatting never costs a message.

use domain::outgoing::Unit;

use crate::methods::{Body, RichMessage};
use crate::{html, rich};

/// <https://core.telegram.org/bots/api#sendmessage>, UTF-16 code units without the tags.
pub(crate) const TEXT_MAX: usize = 4096;
/// <https://core.telegram.org/bots/api#senddocument>, counted as above.
pub(crate) const CAPTION_MAX: usize = 1024;

/// Before a text that was perhaps shown already: Telegram takes no key by which it could tell.
const REPEAT_NOTE: &str = "(possibly a repeat)\n\n";

/// What the host may send as one message; leaves room for the note.
pub(crate) const ACCEPTED_MAX: usize = TEXT_MAX - REPEAT_NOTE.len();

const HTML: &str = "HTML";

pub(crate) fn marked(text: &str, repeat: bool) -> String {
    if repeat { format!("{REPEAT_NOTE}{text}") } else { text.to_owned() }
}

pub(crate) fn units(text: &str) -> usize {
    Unit::Utf16.measure(text)
}

/// The ways to show a text, the best first, the safest last.
pub(crate) fn forms(markdown: &str, takes_rich: bool) -> Vec<Body> {
    let rich = if takes_rich { rich::render(markdown) } else { None };
    let rich =
        rich.map(|html| Body { rich_message: Some(RichMessage { html }), ..Body::default() });
    let formatted = formatted(markdown, TEXT_MAX).map(|html| Body {
        text: Some(html),
        parse_mode: Some(HTML),
        ..Body::default()
    });
    rich.into_iter().chain(formatted).chain([plain(markdown)]).collect()
}

pub(crate) fn plain(text: &str) -> Body {
    Body { text: Some(text.to_owned()), ..Body::default() }
}

/// A caption and its `parse_mode`, the best first.
pub(crate) fn captions(markdown: &str) -> Vec<(String, Option<&'static str>)> {
    let formatted = formatted(markdown, CAPTION_MAX).map(|html| (html, Some(HTML)));
    formatted.into_iter().chain([(markdown.to_owned(), None)]).collect()
}

/// `None` where tags show nothing, or more than is taken.
fn formatted(markdown: &str, max: usize) -> Option<String> {
    let rendered = html::render(markdown);
    let fits = 0 < rendered.units && rendered.units <= max;
    fits.then_some(rendered.html)
}

/// The beginning of a text, no longer than is taken.
pub(crate) fn beginning(text: &str) -> &str {
    let mut taken = 0;
    let too_much = text.char_indices().find(|(_, c)| {
        taken += c.len_utf16();
        TEXT_MAX < taken
    });
    too_much.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_tried_with_formats_first_and_without_them_last() {
        let parse_modes = |text: &str, rich| -> Vec<_> {
            forms(text, rich).iter().map(|it| (it.rich_message.is_some(), it.parse_mode)).collect()
        };
        assert_eq!(parse_modes("**a**", true), [(false, Some("HTML")), (false, None)]);
        let table = "| a |\n|---|\n| b |";
        assert_eq!(parse_modes(table, true), [(true, None), (false, Some("HTML")), (false, None)]);
        assert_eq!(parse_modes(table, false), [(false, Some("HTML")), (false, None)]);
        assert_eq!(forms("**a**", true)[1].text.as_deref(), Some("**a**"));
    }

    #[test]
    fn what_formats_make_too_long_goes_out_as_it_is() {
        // Each of the short cells is as wide as the long one above it.
        let table = format!("| {} | b |\n|---|---|\n{}", "x".repeat(90), "| 1 | 2 |\n".repeat(200));
        assert!(units(&table) <= ACCEPTED_MAX);
        let forms = forms(&table, false);
        assert_eq!(forms.len(), 1);
        assert_eq!(forms[0].text.as_deref(), Some(table.as_str()));
    }

    #[test]
    fn a_text_of_the_greatest_length_has_room_for_the_note() {
        assert_eq!(units(&marked(&"x".repeat(ACCEPTED_MAX), true)), TEXT_MAX);
        assert_eq!(marked("x", false), "x");
        assert!(marked("x", true).starts_with("(possibly a repeat)"));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(beginning("abc"), "abc");
        let faces = "😀".repeat(3000);
        assert_eq!(units(beginning(&faces)), TEXT_MAX);
        assert_eq!(units(beginning(&format!("x{faces}"))), TEXT_MAX - 1);
    }
}
