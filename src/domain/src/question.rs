//! A question with options: how it is shown on any channel, what counts as an answer, and who may
//! give it.

mod typed;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::AgentName;
use crate::ids::written;
use crate::outgoing::{BUTTON_DATA_BYTES_MAX, BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX, Button};
use crate::people::{Identity, Standing, is_admin_of, is_global_admin};
use crate::plain::{cut, one_line};

pub use typed::{CardCode, CardView, JUST_CLOSED, Typed, numbered, typed};

/// Identifies a question on this host, across all sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(pub i64);

written!(QuestionId, "");

/// One thing that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opt {
    /// What people see.
    pub label: String,
    /// The value that the asker gets.
    pub value: String,
}

impl Opt {
    #[must_use]
    pub fn new(label: &str, value: &str) -> Self {
        Self { label: label.into(), value: value.into() }
    }

    /// The label as it is shown, so that it fits every platform's button.
    #[must_use]
    pub fn shown(&self) -> String {
        cut(&one_line(&self.label), BUTTON_LABEL_CHARS_MAX)
    }
}

/// A button for each option, for channels that have them. With each its place in the question.
#[must_use]
pub fn buttons<'a>(
    id: QuestionId,
    options: impl IntoIterator<Item = (usize, &'a Opt)>,
) -> Vec<Button> {
    let button = |(index, opt): (usize, &Opt)| Button { label: opt.shown(), data: data(id, index) };
    options.into_iter().filter(|it| it.0 < BUTTONS_MAX).map(button).collect()
}

/// An index instead of the value, which may be too long for a platform, and which a forged click
/// could otherwise make up.
fn data(id: QuestionId, index: usize) -> String {
    format!("q:{id}:{index}")
}

/// Reads the data of a button that [`buttons`] made; `None` for those of others.
#[must_use]
pub fn parse_data(text: &str) -> Option<(QuestionId, usize)> {
    if BUTTON_DATA_BYTES_MAX < text.len() {
        return None;
    }
    let (id, index) = text.strip_prefix("q:")?.split_once(':')?;
    let (id, index) = (QuestionId(id.parse().ok()?), index.parse().ok()?);
    (index < BUTTONS_MAX && data(id, index) == text).then_some((id, index))
}

/// The longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// The longest question, in characters; with its title it fits one message of Discord, which takes
/// 2000 (<https://discord.com/developers/docs/resources/message#create-message>).
pub const QUESTION_CHARS_MAX: usize = 1_500;
/// The longest label and value, in characters. A label is shown up to [`BUTTON_LABEL_CHARS_MAX`].
pub const OPTION_CHARS_MAX: usize = 500;

/// Why a question cannot be asked. Told to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadQuestion {
    Empty { what: &'static str },
    TooLong { what: &'static str, chars: usize, max: usize },
    Options { count: usize },
    SameLabel { label: String },
}

/// Checks a question before it is stored.
///
/// # Errors
/// When it has no or too many options, an empty or too long part, or two options that look alike.
pub fn validate(title: &str, question: &str, options: &[Opt]) -> Result<(), BadQuestion> {
    check("title", title, TITLE_CHARS_MAX)?;
    check("question", question, QUESTION_CHARS_MAX)?;
    if options.is_empty() || BUTTONS_MAX < options.len() {
        return Err(BadQuestion::Options { count: options.len() });
    }
    let mut seen: Vec<String> = Vec::with_capacity(options.len());
    for option in options {
        check("label of an option", &option.label, OPTION_CHARS_MAX)?;
        check("value of an option", &option.value, OPTION_CHARS_MAX)?;
        let label = option.shown();
        if seen.contains(&label.to_lowercase()) {
            return Err(BadQuestion::SameLabel { label });
        }
        seen.push(label.to_lowercase());
    }
    Ok(())
}

fn check(what: &'static str, text: &str, max: usize) -> Result<(), BadQuestion> {
    let chars = text.chars().count();
    if one_line(text).is_empty() {
        Err(BadQuestion::Empty { what })
    } else if max < chars {
        Err(BadQuestion::TooLong { what, chars, max })
    } else {
        Ok(())
    }
}

impl fmt::Display for BadQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { what } => write!(f, "the {what} is empty"),
            Self::TooLong { what, chars, max } => {
                write!(f, "the {what} has {chars} characters; at most {max} are shown, shorten it")
            }
            Self::Options { count } => {
                write!(f, "there are {count} options; give 1 to {BUTTONS_MAX}")
            }
            Self::SameLabel { label } => {
                write!(f, "two options look like `{label}`; give them different labels")
            }
        }
    }
}

impl std::error::Error for BadQuestion {}

/// Whose answer counts.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// An agent asks while it works: the sender of the message that led to it, or an admin of the
    /// agent. `None` when no person did, as for a scheduled task.
    Asker { agent: &'a AgentName, led_to_it: Option<&'a Identity> },
    /// An approval: admins of the agent, and of the host.
    AdminsOf { agent: &'a AgentName },
    /// An approval that concerns no single agent: owners and admins of the host.
    HostAdmins,
}

/// Whether somebody's answer counts. Looked up when the answer comes, not when the question was
/// asked, so that a user who lost a role in between cannot use it any more.
#[must_use]
pub fn may_answer(audience: &Audience<'_>, who: &Identity, standing: Option<&Standing>) -> bool {
    match audience {
        Audience::Asker { agent, led_to_it } => {
            led_to_it.is_some_and(|it| it.is_same(who)) || is_admin_of(standing, agent)
        }
        Audience::AdminsOf { agent } => is_admin_of(standing, agent),
        Audience::HostAdmins => is_global_admin(standing),
    }
}

#[cfg(test)]
mod tests;
