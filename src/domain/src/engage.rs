//! Decides whether a message calls for one of the agents that its chat is wired to. Everyone who may
//! write in a chat chooses the text, so the work is bounded by its length: the regular expressions of
//! wirings take time in proportion to it, whatever they are.
//!
//! Invariants
//! - A pattern that cannot be compiled engages nobody.
//! - Only an earlier engagement makes a conversation sticky, never a message that was stored as
//!   background: the caller records `sticky_since` for messages that engaged, and for no others.
//! - Who may talk to the agent is not decided here, see [`crate::admission`].

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use strum::{EnumString, IntoStaticStr};

use crate::admission::{AdmissionView, WiringView};
use crate::command::is_for_another_bot;
use crate::time::Timestamp;
use crate::{AgentName, BadText};

/// When an agent handles a message of a chat that it is wired to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString)]
#[strum(serialize_all = "kebab-case")]
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
    pub fn as_str(&self) -> &'static str {
        self.into()
    }

    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::Pattern(pattern) => Some(pattern),
            Self::Mention | Self::MentionSticky => None,
        }
    }

    /// Reads the two columns. The pattern is not checked here, see [`check_pattern`].
    pub fn parse(word: &str, pattern: Option<&str>) -> Option<Self> {
        let mut engage: Self = word.parse().ok()?;
        if let Self::Pattern(own) = &mut engage {
            *own = pattern.unwrap_or_default().into();
        }
        Some(engage)
    }
}

/// How long an agent keeps listening in a group without threads after it was last engaged. A thread
/// has an end of its own; a whole group would never be left in peace again.
pub const STICKY_FOR: Duration = Duration::from_secs(30 * 60);

crate::words! {
    pub enum By {
        /// Its trigger word, or, on the terminal, its name.
        Trigger,
        Direct,
        Mention,
        Sticky,
        Pattern,
    }
}

/// Whether the message calls for the agent of this wiring. Pure and total.
///
/// One bot speaks for several agents, so a mention by the platform means all of them; a text that
/// calls another agent by its word, and not this one, means the other. The same goes for a direct
/// chat and for a conversation that is sticky.
///
/// A command that names another bot means nobody here.
pub fn engages(view: &AdmissionView<'_>, wiring: &WiringView<'_>) -> Option<By> {
    if is_for_another_bot(view.text) && !view.mentioned {
        return None;
    }
    match wiring.engage {
        Engage::Pattern(pattern) => is_found(pattern, view.text).then_some(By::Pattern),
        Engage::Mention => called(view, wiring),
        Engage::MentionSticky => {
            called(view, wiring).or_else(|| sticks(view, wiring).then_some(By::Sticky))
        }
    }
}

fn called(view: &AdmissionView<'_>, wiring: &WiringView<'_>) -> Option<By> {
    if says_trigger(view.text, wiring.trigger) {
        Some(By::Trigger)
    } else if calls_another(view, wiring) {
        None
    } else if !view.chat.is_group {
        Some(By::Direct)
    } else {
        view.mentioned.then_some(By::Mention)
    }
}

fn sticks(view: &AdmissionView<'_>, wiring: &WiringView<'_>) -> bool {
    // Both ways: a clock that stepped back far ends the conversation, it never prolongs it.
    let recent = |at: Timestamp| view.now.since(at).max(at.since(view.now)) <= STICKY_FOR;
    let open = wiring.sticky_since.is_some_and(|at| view.in_thread || recent(at));
    open && !calls_another(view, wiring)
}

fn calls_another(view: &AdmissionView<'_>, wiring: &WiringView<'_>) -> bool {
    let mut others = view.wirings.iter().filter(|it| it.agent != wiring.agent);
    others.any(|it| says_trigger(view.text, it.trigger))
}

const PATTERN_CHARS_MAX: usize = 1_000;
/// The largest compiled pattern, which bounds the work per character; `\w{20}` fits, `\w{1000}` not.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
const CACHE_BYTES_MAX: usize = 2 * 1024 * 1024;
const NEST_MAX: u32 = 50;

/// How many compiled patterns are kept; a host has a handful of wirings with one.
const RECENT_MAX: usize = 32;
/// The last ones used, the newest at the end: to compile takes longer than all else about a message.
static RECENT: Mutex<Vec<(String, Arc<Regex>)>> = Mutex::new(Vec::new());

/// Takes regular expressions as <https://docs.rs/regex/latest/regex/#syntax>, if not too large.
pub fn check_pattern(text: &str) -> Result<(), BadText> {
    compile(text).map(drop)
}

fn is_found(pattern: &str, text: &str) -> bool {
    let recent = || RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = recent().iter().find(|it| it.0 == pattern).map(|it| Arc::clone(&it.1));
    let Some(regex) = known.or_else(|| compile(pattern).ok().map(Arc::new)) else { return false };
    let mut recent = recent();
    recent.retain(|it| it.0 != pattern);
    if RECENT_MAX <= recent.len() {
        recent.remove(0);
    }
    recent.push((pattern.to_owned(), Arc::clone(&regex)));
    drop(recent);
    regex.is_match(text)
}

fn compile(text: &str) -> Result<Regex, BadText> {
    let chars = text.chars().count();
    if PATTERN_CHARS_MAX < chars {
        return Err(BadText(format!(
            "the pattern has {chars} characters, more than the {PATTERN_CHARS_MAX} that are accepted"
        )));
    }
    // `.` is everything, also a text of no character and a line end.
    let built = RegexBuilder::new(if text == "." { "" } else { text })
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .nest_limit(NEST_MAX)
        .build();
    built.map_err(|err| {
        if matches!(err, regex::Error::CompiledTooBig(_)) {
            let why = "the pattern becomes too large; use smaller numbers in its `{…}` repetitions";
            return BadText(why.into());
        }
        let why = err.to_string();
        let why = why.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        BadText(format!(
            "`{text}` is not a regular expression: {why}; use `.` for every message, and put `\\` \
             before a character that is meant as it stands"
        ))
    })
}

pub const TRIGGER_CHARS_MAX: usize = 64;

pub fn trigger_of(agent: &AgentName, custom: Option<&str>) -> String {
    let custom = custom.map(str::trim).filter(|it| !it.is_empty());
    custom.map_or_else(|| format!("@{agent}"), str::to_owned)
}

/// Whether a text says the word: in any case, and alone. `@andy` is in "ask @Andy, please", and
/// is not in "@andyx", "@andy-2", "mail@andy.com".
pub fn says_trigger(text: &str, trigger: &str) -> bool {
    let trigger = trigger.trim();
    if trigger.is_empty() || trigger.chars().nth(TRIGGER_CHARS_MAX).is_some() {
        return false;
    }
    let (text, word) = (folded(text), folded(trigger));
    let joints: &[char] = if word.starts_with(is_word) { &['-', '.', '@'] } else { &[] };
    text.match_indices(&word).any(|(from, _)| {
        let (before, behind) = (&text[..from], &text[from + word.len()..]);
        (!word.contains(is_word) || ends_there(before.chars().rev(), joints))
            && (!word.ends_with(is_word) || ends_there(behind.chars(), &['-', '.']))
    })
}

/// Upper case first, so that letters that differ only in lower case meet: final and other sigma.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Whether no word, address or name goes on beyond the trigger, as in `@andy-2` and `mail@andy.com`.
fn ends_there(mut beyond: impl Iterator<Item = char>, joints: &[char]) -> bool {
    let Some(next) = beyond.next() else { return true };
    let goes_on = joints.contains(&next) && beyond.next().is_some_and(is_word);
    !is_word(next) && !goes_on
}

/// Letters and digits of scripts that put spaces between words. Others run on, so that a name is
/// followed by a letter more often than not; there every place may begin and end a word.
fn is_word(c: char) -> bool {
    (c.is_alphanumeric() || c == '_') && !runs_on(c)
}

/// South-east Asian and East Asian scripts (<https://www.unicode.org/reports/tr14/#SA>,
/// <https://www.unicode.org/reports/tr14/#ID>), and Hangul, which joins particles to names.
fn runs_on(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{1100}'..='\u{11ff}'
            | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}
