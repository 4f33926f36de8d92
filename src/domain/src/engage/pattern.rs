//! The regular expression of a wiring. The engine takes time in proportion to the text, whatever
//! the expression, so nobody can stall the host with a text made for it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

/// The longest pattern.
pub const PATTERN_CHARS_MAX: usize = 1_000;
/// The largest compiled pattern; `\w{20}` fits, `\w{1000}` does not. Bounds the work per character
/// of a text.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// The largest cache of a search.
const CACHE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How deep groups may be nested.
const NEST_MAX: u32 = 50;

/// A pattern that is ready for use.
#[derive(Clone, Debug)]
pub struct Pattern(Option<Arc<Regex>>);

/// How many compiled patterns are kept; a host has a handful of wirings with one.
const RECENT_MAX: usize = 32;
/// Those that were used last, the newest at the end. To compile one takes longer than all the rest of
/// what is decided about a message.
static RECENT: Mutex<Vec<(String, Pattern)>> = Mutex::new(Vec::new());

/// Why a text is no pattern. Shown to the user who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadPattern {
    TooLong { chars: usize },
    TooBig,
    Syntax { pattern: String, why: String },
}

impl Pattern {
    /// # Errors
    /// When the text is not a regular expression as <https://docs.rs/regex/latest/regex/#syntax>
    /// has it, or too large.
    pub fn compile(text: &str) -> Result<Self, BadPattern> {
        if matches!(text, "" | ".") {
            return Ok(Self(None));
        }
        let chars = text.chars().count();
        if PATTERN_CHARS_MAX < chars {
            return Err(BadPattern::TooLong { chars });
        }
        let built = RegexBuilder::new(text)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(CACHE_BYTES_MAX)
            .nest_limit(NEST_MAX)
            .build();
        match built {
            Ok(regex) => Ok(Self(Some(Arc::new(regex)))),
            Err(regex::Error::CompiledTooBig(_)) => Err(BadPattern::TooBig),
            Err(err) => Err(BadPattern::Syntax { pattern: text.into(), why: reason(&err) }),
        }
    }

    /// The same, and keeps it for the next message.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn recent(text: &str) -> Result<Self, BadPattern> {
        let recent = || RECENT.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recent().iter().find(|it| it.0 == text).map(|it| it.1.clone());
        let pattern = known.map_or_else(|| Self::compile(text), Ok)?;
        let mut recent = recent();
        recent.retain(|it| it.0 != text);
        if RECENT_MAX <= recent.len() {
            recent.remove(0);
        }
        recent.push((text.to_owned(), pattern.clone()));
        Ok(pattern)
    }

    /// Whether it is found anywhere in the text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|it| it.is_match(text))
    }
}

/// The engine draws the pattern over several lines; the last one says what is wrong.
fn reason(err: &regex::Error) -> String {
    let text = err.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Checks a pattern before it is stored.
///
/// # Errors
/// As [`Pattern::compile`].
pub fn check_pattern(text: &str) -> Result<(), BadPattern> {
    Pattern::compile(text).map(|_| ())
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { chars } => write!(
                f,
                "the pattern has {chars} characters, more than the {PATTERN_CHARS_MAX} that are \
                 accepted"
            ),
            Self::TooBig => f.write_str(
                "the pattern becomes too large; use smaller numbers in its `{…}` repetitions",
            ),
            Self::Syntax { pattern, why } => write!(
                f,
                "`{pattern}` is not a regular expression: {why}; use `.` for every message, and \
                 put `\\` before a character that is meant as it stands"
            ),
        }
    }
}

impl std::error::Error for BadPattern {}
