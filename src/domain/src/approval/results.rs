//! What a decision did, and what undoes it: shown on the card that it closes, and by the command
//! line. Names were written by others and are shown as inline code.

use super::choice::ChatChoice;
use super::texts::ALLOW;
use crate::AgentName;
use crate::plain::{quoted, shell_word};
use crate::session_key::ChatId;

const NAME_CHARS_MAX: usize = 60;
const EXCERPT_CHARS_MAX: usize = 120;
const COMMAND_CHARS_MAX: usize = 160;

/// What was decided about.
#[derive(Clone, Copy, Debug)]
pub enum Matter<'a> {
    /// Whether somebody may talk to an agent.
    Sender { who: Requester<'a>, agent: &'a AgentName },
    /// Which agent answers in a chat.
    Chat { who: Requester<'a>, chat: ChatId },
    /// A change that an agent asked for.
    Change,
    /// Something that an agent asked.
    Question,
}

/// Who led to a question, as their platform names them.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    pub name: &'a str,
    /// `channel:id`.
    pub handle: &'a str,
}

impl Requester<'_> {
    fn shown(&self) -> String {
        let name = if self.name.is_empty() { self.handle } else { self.name };
        quoted(name, NAME_CHARS_MAX, "An unknown user")
    }
}

/// How a card ended; its buttons are gone.
#[derive(Clone, Copy, Debug)]
pub enum Closed<'a> {
    Answered {
        matter: Matter<'a>,
        value: &'a str,
        label: &'a str,
        by: &'a str,
    },
    Expired,
    /// It was allowed and could not be done any more, or failed.
    NotDone {
        why: &'a str,
        by: &'a str,
    },
}

/// What an answer did.
#[must_use]
pub fn result(matter: Matter<'_>, value: &str, label: &str) -> String {
    match matter {
        Matter::Sender { who, agent } => {
            let (name, word) = (who.shown(), shell_word(who.handle));
            if value == ALLOW {
                let undo = command(&format!("members remove {word} {agent}"));
                format!("Allowed {name} to talk to `{agent}`. Undo: {undo}.")
            } else {
                let undo = command(&format!("members add {word} {agent}"));
                format!("Refused: {name} may not talk to `{agent}`. Undo: {undo}.")
            }
        }
        Matter::Chat { who, chat } => match ChatChoice::parse(value) {
            Some(ChatChoice::Connect(agent)) => {
                let remove = format!("members remove {} {agent}", shell_word(who.handle));
                format!(
                    "`{agent}` answers in chat {chat} now, and {} may talk to it. Undo: {}, then {}.",
                    who.shown(),
                    command(&format!("unwire {chat} {agent}")),
                    command(&remove)
                )
            }
            Some(ChatChoice::New(agent)) => {
                let undo = command(&format!("unwire {chat} {agent}"));
                format!("Chat {chat} has an agent of its own now: `{agent}`. Undo: {undo}.")
            }
            Some(ChatChoice::Refuse) | None => {
                let undo = command(&format!("chats set {chat} --undeny"));
                format!("Refused: I ignore chat {chat}. Undo: {undo}.")
            }
        },
        Matter::Change if value == ALLOW => "Allowed the change.".to_owned(),
        Matter::Change => "Refused the change; nothing was changed.".to_owned(),
        Matter::Question => {
            format!("The answer is {}.", quoted(label, NAME_CHARS_MAX, "not shown"))
        }
    }
}

fn command(words: &str) -> String {
    quoted(&format!("nanoclaw {words}"), COMMAND_CHARS_MAX, "not shown")
}

impl Closed<'_> {
    fn end(self) -> String {
        match self {
            Self::Answered { matter, value, label, by } => {
                let by = quoted(by, NAME_CHARS_MAX, "an admin");
                format!("{} Decided by {by}.", result(matter, value, label))
            }
            Self::Expired => "Expired without an answer.".to_owned(),
            Self::NotDone { why, by } => {
                let why = quoted(why, EXCERPT_CHARS_MAX, "it failed");
                let by = quoted(by, NAME_CHARS_MAX, "an admin");
                format!("Allowed, but nothing was changed: {why}. Decided by {by}.")
            }
        }
    }
}

/// The card with what became of it, in place of its buttons.
#[must_use]
pub fn closed_card(card: &str, how: Closed<'_>) -> String {
    format!("{}\n\n{}", card.trim_end(), how.end())
}

/// What became of a card, as a message of its own: where a card cannot be changed.
#[must_use]
pub fn closed_notice(card: &str, how: Closed<'_>) -> String {
    format!("{}\nThe question was: {}", how.end(), quoted(card, EXCERPT_CHARS_MAX, "a question"))
}
