//! Answers that are typed, on platforms without buttons. Each names its card, so that nothing can be
//! answered by a text that was meant for something else.
//!
//! Invariants (checked in `tests`)
//! - A text without a code answers only where it can mean one card: no other one is open for its
//!   writer in that chat, and none closed so short a time ago that they may not have seen it.
//! - A text with a code answers that card or nothing.

use std::fmt;
use std::time::Duration;

use super::{Opt, QuestionId};
use crate::plain::one_line;
use crate::texts::questions::unclear;

/// A card that closed this short a time ago may be the one that somebody is answering.
pub const JUST_CLOSED: Duration = Duration::from_secs(3 * 60);

/// No vowels, so that no word comes out; no letters that look like digits.
const LETTERS: &[u8; 18] = b"BCDFGHJKMNPQRTVWXZ";
const DIGITS: &[u8; 8] = b"23456789";
const CODE_CHARS: usize = 3;

/// Names a card in a typed answer: a digit and two letters, as in `4KM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CardCode([u8; CODE_CHARS]);

impl CardCode {
    pub fn from_random(number: u64) -> Self {
        let pick = |from: &[u8], at: u64| from[usize::try_from(at).unwrap_or(0) % from.len()];
        Self([pick(DIGITS, number % 8), pick(LETTERS, number / 8), pick(LETTERS, number / 144)])
    }

    /// Reads a code in upper or lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; CODE_CHARS] = text.to_ascii_uppercase().as_bytes().try_into().ok()?;
        let is_code = DIGITS.contains(&bytes[0])
            && LETTERS.contains(&bytes[1])
            && LETTERS.contains(&bytes[2]);
        is_code.then_some(Self(bytes))
    }
}

impl fmt::Display for CardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|it| write!(f, "{}", char::from(*it)))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct CardView<'a> {
    pub id: QuestionId,
    pub code: CardCode,
    pub text: &'a str,
    pub options: &'a [Opt],
    /// `false` for one that ended within [`JUST_CLOSED`], and not by the writer's own answer.
    pub is_open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    Message,
    Answer(QuestionId, usize),
    /// It could answer more than one card. Tell its writer this, and do nothing else.
    Unclear(String),
}

/// Judges a text; pure and total. `cards` are those of the chat that the writer may answer.
pub fn typed(text: &str, cards: &[CardView<'_>]) -> Typed {
    if let Some((code, rest)) = split_code(text) {
        let mut named = cards.iter().filter(|it| it.is_open && it.code == code);
        return match (named.next(), named.next()) {
            (Some(card), None) => option_in(rest, card.options)
                .map_or(Typed::Message, |index| Typed::Answer(card.id, index)),
            (_, _) => Typed::Message,
        };
    }
    let mut fits = cards.iter().filter(|it| it.is_open);
    let Some((card, index)) =
        fits.find_map(|it| option_in(text, it.options).map(|index| (it, index)))
    else {
        return Typed::Message;
    };
    match cards {
        [_only] => Typed::Answer(card.id, index),
        _ => Typed::Unclear(unclear(cards)),
    }
}

fn split_code(text: &str) -> Option<(CardCode, &str)> {
    let (code, rest) = text.trim().split_at_checked(CODE_CHARS)?;
    let rest = rest.trim_start_matches([' ', '\t', ':', '.']);
    Some((CardCode::parse(code)?, rest)).filter(|it| !it.1.is_empty())
}

/// The option that a text chooses: its number as `2`, `2.` or `#2`, or exactly its label in any
/// case. Where a label is a number, the number of the line counts, as the card says.
fn option_in(text: &str, options: &[Opt]) -> Option<usize> {
    let text = text.trim();
    let bare = text.strip_prefix('#').or(text.strip_suffix('.')).unwrap_or(text);
    let number = (1..=options.len()).find(|n| n.to_string() == bare);
    let folded = one_line(text).to_lowercase();
    let is = |label: &str| one_line(label).to_lowercase() == folded;
    let label = || options.iter().position(|it| is(&it.label) || is(&it.shown()));
    number.map(|n| n - 1).or_else(label)
}

#[cfg(test)]
mod tests;
