//! How questions are put on platforms without buttons, and what is said of a typed answer that may mean several.

use crate::plain::quoted;
use crate::question::{CardCode, CardView, Opt};

const EXCERPT_CHARS_MAX: usize = 80;

/// A card with what to choose from, and how. With each option its place in the question.
pub fn numbered<'a>(
    text: &str,
    options: impl IntoIterator<Item = (usize, &'a Opt)>,
    code: CardCode,
) -> String {
    let line = |(index, option): (usize, &Opt)| format!("\n{}. {}", index + 1, option.shown());
    let lines: String = options.into_iter().map(line).collect();
    format!("{}\n\nReply `{code}` and a number, as in `{code} 1`:{lines}", text.trim_end())
}

/// Told who typed an answer that could be one to several of these.
pub fn unclear(cards: &[CardView<'_>]) -> String {
    let line = |card: &CardView<'_>| {
        let text = quoted(card.text, EXCERPT_CHARS_MAX, "a question");
        format!("\n- `{} 1` answers {text}", card.code)
    };
    let lines: String = cards.iter().filter(|it| it.is_open).map(line).collect();
    format!(
        "I can't tell which question you mean, so I did nothing. Put the code of the question before \
         the number:{lines}"
    )
}
