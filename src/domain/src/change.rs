//! What follows from a change of a message that was there before: an edit, a deletion, a reaction. It concerns
//! the sessions that know the message, and no others.
//!
//! Invariants (checked in `tests`)
//! - A change makes no agent act, but for an edit that calls for one that the message did not call for.
//! - Nobody's words are changed by anybody else.
//! - What an agent may have read is never replaced behind its back; it is told.

use crate::message::Change;

/// The message that is changed, as one session knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// It is one of ours.
    pub is_ours: bool,
    /// Who changes it wrote it.
    pub is_author: bool,
    /// It was for the agent; it has an answer, or gets one.
    pub was_called: bool,
    /// No runner can have read it, and none can read it before this is committed.
    pub is_unseen: bool,
    /// It reads as before: formats changed, or the platform says it again.
    pub is_same: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// The agent is to handle the message as it reads now.
    Engage,
    /// The message reads otherwise, and nobody is told.
    Replace,
    /// The agent reads of it before its next message.
    Tell,
}

/// `calls`: the new text calls for the agent, by its word or a mention. `changed` is `None` where the session
/// does not know the message.
pub fn follow(change: &Change, calls: bool, changed: Option<Changed>) -> Effect {
    match (change, changed) {
        (Change::Edited { .. }, Some(of)) if of.is_ours || !of.is_author => Effect::Nothing,
        (Change::Edited { .. }, of) if calls && !of.is_some_and(|it| it.was_called) => {
            Effect::Engage
        }
        (_, None) => Effect::Nothing,
        (Change::Edited { .. }, Some(of)) if of.is_same => Effect::Nothing,
        (Change::Edited { .. }, Some(of)) if of.is_unseen => Effect::Replace,
        // A message that was for the agent is answered; it has to know.
        (Change::Deleted { .. }, Some(of)) if of.is_unseen && !of.was_called => Effect::Replace,
        (Change::Edited { .. } | Change::Deleted { .. } | Change::Reacted { .. }, Some(_)) => {
            Effect::Tell
        }
    }
}

impl Change {
    /// The platform's id of the message that is changed.
    pub fn of(&self) -> &str {
        match self {
            Self::Edited { of } | Self::Deleted { of } => of,
            Self::Reacted { to, .. } => to,
        }
    }

    /// What happened, in a word or two for the agent and for people.
    pub fn word(&self) -> String {
        match self {
            Self::Edited { .. } => "edited".to_owned(),
            Self::Deleted { .. } => "deleted".to_owned(),
            Self::Reacted { emoji, added: true, .. } => format!("reacted {emoji}"),
            Self::Reacted { emoji, added: false, .. } => format!("took back {emoji}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited() -> Change {
        Change::Edited { of: "7".into() }
    }

    fn deleted() -> Change {
        Change::Deleted { of: "7".into() }
    }

    fn reacted() -> Change {
        Change::Reacted { to: "7".into(), emoji: "👍".into(), added: true }
    }

    const CONTEXT: Changed = Changed {
        is_ours: false,
        is_author: true,
        was_called: false,
        is_unseen: true,
        is_same: false,
    };
    const SEEN: Changed = Changed { is_unseen: false, ..CONTEXT };
    const CALLED: Changed = Changed { was_called: true, ..SEEN };
    const WAITS: Changed = Changed { is_unseen: true, ..CALLED };
    const OURS: Changed = Changed { is_ours: true, is_author: false, ..CALLED };

    #[test]
    fn a_change_concerns_who_knows_the_message_and_tells_what_may_have_been_read() {
        use Effect::{Engage, Nothing, Replace, Tell};
        for (change, calls, changed, effect) in [
            (edited(), false, None, Nothing),
            (edited(), true, None, Engage),
            (edited(), false, Some(CONTEXT), Replace),
            (edited(), true, Some(CONTEXT), Engage),
            (edited(), false, Some(SEEN), Tell),
            (edited(), true, Some(SEEN), Engage),
            (edited(), true, Some(CALLED), Tell),
            (edited(), true, Some(WAITS), Replace),
            (edited(), false, Some(OURS), Nothing),
            (edited(), true, Some(Changed { is_same: true, ..CALLED }), Nothing),
            (deleted(), false, Some(Changed { is_same: true, ..CALLED }), Tell),
            (deleted(), false, None, Nothing),
            (deleted(), true, None, Nothing),
            (deleted(), false, Some(CONTEXT), Replace),
            (deleted(), false, Some(SEEN), Tell),
            (deleted(), false, Some(WAITS), Tell),
            (deleted(), false, Some(OURS), Tell),
            (reacted(), false, None, Nothing),
            (reacted(), true, Some(CONTEXT), Tell),
            (reacted(), false, Some(OURS), Tell),
        ] {
            assert_eq!(follow(&change, calls, changed), effect, "{change:?} {calls} {changed:?}");
        }
    }

    #[test]
    fn only_the_author_edits() {
        for changed in [CONTEXT, SEEN, CALLED, WAITS] {
            for calls in [false, true] {
                let by_another = Some(Changed { is_author: false, ..changed });
                assert_eq!(follow(&edited(), calls, by_another), Effect::Nothing);
            }
        }
    }

    #[test]
    fn each_change_has_a_word_and_a_message() {
        for (change, word) in
            [(edited(), "edited"), (deleted(), "deleted"), (reacted(), "reacted 👍")]
        {
            assert_eq!((change.of(), change.word().as_str()), ("7", word));
        }
    }
}
