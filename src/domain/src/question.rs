//! A question with options: how it is shown on any channel, what counts as an answer, and who may
//! give it.

mod typed;

use serde::{Deserialize, Serialize};

pub use crate::ids::QuestionId;
use crate::outgoing::{BUTTON_DATA_BYTES_MAX, BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX, Button};
use crate::people::{Identity, Standing, access, is_global_admin};
use crate::plain::{cut, one_line};
use crate::{AgentName, BadText};

pub use typed::{CardCode, CardView, JUST_CLOSED, Typed, typed};

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

/// An index instead of the value, which may be too long for a platform, and which a forged click
/// could otherwise make up.
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

#[cfg(test)]
mod tests;
