//! A question with options: how it is shown, what counts as an answer, and who may give it.
//!
//! On platforms without buttons answers are typed. Each names its card, so that nothing can be answered by a text that was
//! meant for something else.
//!
//! Invariants (checked in `tests`)
//! - A text without a code answers only where it can mean one card: no other one is open for its
//!   writer in that chat, and none closed so short a time ago that they may not have seen it.
//! - A text with a code answers that card or nothing.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::ids::QuestionId;
use crate::outgoing::{BUTTON_DATA_BYTES_MAX, BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX, Button};
use crate::people::{Identity, Standing, access, is_global_admin};
use crate::plain::{cut, one_line};
use crate::texts::questions::unclear;
use crate::{AgentName, BadText};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opt {
    pub label: String,
    pub value: String,
}

impl Opt {
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }

    /// The label as it is shown, so that it fits every platform's button.
    pub fn shown(&self) -> String {
        cut(&one_line(&self.label), BUTTON_LABEL_CHARS_MAX)
    }
}

/// A button for each option, for channels that have them. With each its place in the question.
pub fn buttons<'a>(
    id: QuestionId,
    options: impl IntoIterator<Item = (usize, &'a Opt)>,
) -> Vec<Button> {
    let button = |(index, opt): (usize, &Opt)| Button { label: opt.shown(), data: data(id, index) };
    options.into_iter().filter(|it| it.0 < BUTTONS_MAX).map(button).collect()
}

/// An index: a value may be too long for a platform, and a forged click could make one up.
fn data(id: QuestionId, index: usize) -> String {
    format!("q:{id}:{index}")
}

/// Reads the data of a button that [`buttons`] made; `None` for those of others.
pub fn parse_data(text: &str) -> Option<(QuestionId, usize)> {
    if BUTTON_DATA_BYTES_MAX < text.len() {
        return None;
    }
    let (id, index) = text.strip_prefix("q:")?.split_once(':')?;
    let (id, index) = (QuestionId(id.parse().ok()?), index.parse().ok()?);
    (index < BUTTONS_MAX && data(id, index) == text).then_some((id, index))
}

pub const TITLE_CHARS_MAX: usize = 200;
/// The longest question, in characters; with its title it fits one message of Discord, which takes
/// 2000 (<https://discord.com/developers/docs/resources/message#create-message>).
pub const QUESTION_CHARS_MAX: usize = 1_500;
/// The longest label and value, in characters. A label is shown up to [`BUTTON_LABEL_CHARS_MAX`].
pub const OPTION_CHARS_MAX: usize = 500;

/// Checks a question before it is stored: no or too many options, an empty or too long part, and two
/// options that look alike are told to the agent.
pub fn validate(title: &str, question: &str, options: &[Opt]) -> Result<(), BadText> {
    check("title", title, TITLE_CHARS_MAX)?;
    check("question", question, QUESTION_CHARS_MAX)?;
    if options.is_empty() || BUTTONS_MAX < options.len() {
        let count = options.len();
        return Err(BadText(format!("there are {count} options; give 1 to {BUTTONS_MAX}")));
    }
    let mut seen: Vec<String> = Vec::with_capacity(options.len());
    for option in options {
        check("label of an option", &option.label, OPTION_CHARS_MAX)?;
        check("value of an option", &option.value, OPTION_CHARS_MAX)?;
        let label = option.shown();
        if seen.contains(&label.to_lowercase()) {
            let why = format!("two options look like `{label}`; give them different labels");
            return Err(BadText(why));
        }
        seen.push(label.to_lowercase());
    }
    Ok(())
}

fn check(what: &str, text: &str, max: usize) -> Result<(), BadText> {
    let chars = text.chars().count();
    if one_line(text).is_empty() {
        Err(BadText(format!("the {what} is empty")))
    } else if max < chars {
        let why = format!("the {what} has {chars} characters; at most {max} are shown, shorten it");
        Err(BadText(why))
    } else {
        Ok(())
    }
}

/// Whether somebody's answer counts: that of an admin of the agent, or of the host for `None`; and, where
/// an agent asks while it works, that of the sender whose message led to it. Looked up when the answer
/// comes, not when the question was asked, so that a user who lost a role in between cannot use it.
pub fn may_answer(
    agent: Option<&AgentName>,
    led_to_it: Option<&Identity>,
    who: &Identity,
    standing: Option<&Standing>,
) -> bool {
    let is_admin = match agent {
        Some(agent) => access(standing, agent).is_admin(),
        None => is_global_admin(standing),
    };
    is_admin || led_to_it.is_some_and(|it| it.is_same(who))
}

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
