//! Markdown as Telegram's small HTML (<https://core.telegram.org/bots/api#html-style>), where that fits.

use domain::outgoing::{Dialect, Unit};

/// What is rendered here, to the server.
pub(crate) const PARSE_MODE: &str = "HTML";

/// The text with tags; `None` where these show nothing, or more than `max` UTF-16 code units.
pub(crate) fn within(markdown: &str, max: usize) -> Option<String> {
    let units = markdown::measure(markdown, Dialect::TelegramHtml, Unit::Utf16);
    (1..=max).contains(&units).then(|| markdown::render(markdown, Dialect::TelegramHtml))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tags_make_empty_or_too_long_is_not_shown_with_them() {
        assert_eq!(within("**a**", 1).as_deref(), Some("<b>a</b>"));
        assert_eq!((within("**ab**", 1), within("", 5)), (None, None));
    }
}
