//! Decides whether a message calls for one of the agents that its chat is wired to.
//!
//! Invariants
//! - A pattern that cannot be compiled engages nobody.
//! - Only an earlier engagement makes a conversation sticky, never a message that was stored as
//!   background: the caller records `sticky_since` for messages that engaged, and for no others.
//! - Who may talk to the agent is not decided here, see [`crate::admission`].

mod pattern;
#[cfg(test)]
mod tests;
mod trigger;

use std::time::Duration;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::time::Timestamp;

pub use pattern::{BadPattern, PATTERN_CHARS_MAX, Pattern, check_pattern};
pub use trigger::{TRIGGER_CHARS_MAX, says_trigger, trigger_of};

/// When an agent handles a message of a chat that it is wired to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Engage {
    /// When a regular expression is found in the text; an empty one and `.` take everything.
    Pattern(String),
    /// When it is mentioned, or its trigger word is said.
    Mention,
    /// As [`Engage::Mention`], and whatever follows in the same conversation.
    MentionSticky,
}

impl Engage {
    /// The word in the database; the pattern is a column of its own.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pattern(_) => "pattern",
            Self::Mention => "mention",
            Self::MentionSticky => "mention-sticky",
        }
    }

    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::Pattern(pattern) => Some(pattern),
            Self::Mention | Self::MentionSticky => None,
        }
    }

    /// Reads the two columns. The pattern is not checked here, see [`check_pattern`].
    #[must_use]
    pub fn parse(word: &str, pattern: Option<&str>) -> Option<Self> {
        match word {
            "pattern" => Some(Self::Pattern(pattern.unwrap_or_default().into())),
            "mention" => Some(Self::Mention),
            "mention-sticky" => Some(Self::MentionSticky),
            _ => None,
        }
    }
}

/// How long an agent keeps listening in a group without threads after it was last engaged. A thread
/// has an end of its own; a whole group would never be left in peace again.
pub const STICKY_FOR: Duration = Duration::from_secs(30 * 60);

/// A message, seen from one agent that the chat is wired to.
#[derive(Clone, Copy, Debug)]
pub struct EngageView<'a> {
    pub engage: &'a Engage,
    /// Others than the bot and one person can be in the chat.
    pub is_group: bool,
    /// The platform says that the bot is meant. All agents share the bot.
    pub mentioned: bool,
    pub text: &'a str,
    /// What this agent is called by, see [`trigger_of`].
    pub trigger: &'a str,
    /// What the other agents of the chat are called by.
    pub other_triggers: &'a [&'a str],
    /// When this agent was last engaged in exactly this chat and thread.
    pub sticky_since: Option<Timestamp>,
    pub in_thread: bool,
    pub now: Timestamp,
}

/// What made an agent handle a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum By {
    /// Its trigger word, or, on the terminal, its name.
    Trigger,
    /// It is a direct chat, so everything in it is meant for the bot.
    Direct,
    /// The platform's mention.
    Mention,
    /// It is in conversation here.
    Sticky,
    Pattern,
}

crate::words!(By);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engagement {
    Engaged { by: By },
    NotEngaged,
}

/// Whether the message calls for this agent. Pure and total.
///
/// One bot speaks for several agents, so a mention by the platform means all of them; a text that
/// calls another agent by its word, and not this one, means the other. The same goes for a direct
/// chat and for a conversation that is sticky.
#[must_use]
pub fn engages(view: &EngageView<'_>) -> Engagement {
    let by = match view.engage {
        Engage::Pattern(pattern) => {
            let found = Pattern::recent(pattern).is_ok_and(|it| it.is_in(view.text));
            found.then_some(By::Pattern)
        }
        Engage::Mention => called(view),
        Engage::MentionSticky => called(view).or_else(|| sticks(view).then_some(By::Sticky)),
    };
    by.map_or(Engagement::NotEngaged, |by| Engagement::Engaged { by })
}

fn called(view: &EngageView<'_>) -> Option<By> {
    if says_trigger(view.text, view.trigger) {
        Some(By::Trigger)
    } else if calls_another(view) {
        None
    } else if !view.is_group {
        Some(By::Direct)
    } else {
        view.mentioned.then_some(By::Mention)
    }
}

fn sticks(view: &EngageView<'_>) -> bool {
    // Looked at both ways: a clock that stepped back far ends the conversation, it never
    // prolongs it.
    let recent = |at: Timestamp| view.now.since(at).max(at.since(view.now)) <= STICKY_FOR;
    let open = view.sticky_since.is_some_and(|at| view.in_thread || recent(at));
    open && !calls_another(view)
}

fn calls_another(view: &EngageView<'_>) -> bool {
    view.other_triggers.iter().any(|it| says_trigger(view.text, it))
}
