//! Typed names for the things that are told apart. All ids are ours, never a platform's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Numbers that name something: each a prefix, which may be empty, and the digits. `parse` reads that.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub i64);

        impl $name {
            pub fn parse(text: &str) -> Option<Self> {
                text.strip_prefix($prefix)?.parse().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )+ };
}

ids! {
    /// Identifies one conversation with one agent: rows, a folder with two mailboxes, at most one
    /// container. The central database hands the number out once.
    SessionId "s";
    /// Counts the starts of a session's container. Claims, labels and link folders carry it, so that a
    /// successor never inherits what its predecessor left half done.
    Incarnation "";
    /// Numbers an inbound message within its session; always even, see [`OutSeq`].
    MessageSeq "";
    /// Numbers an outbound message within its session; always odd. With two writers and two files the
    /// parity gives the model one numbering that needs no coordination.
    OutSeq "";
    ChatId "";
    PersonId "p";
    QuestionId "";
    TaskId "t";
}

/// The longest agent name; it is also a folder name and part of a container's name.
const AGENT_NAME_CHARS_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentName(String);

/// Why a text is not what it should be, for its writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadText(pub String);

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadText {}

impl AgentName {
    /// Takes 1 to 32 characters of `a-z`, `0-9`, `-`, `_`, the first one a letter or a digit, so
    /// that the name is safe as a folder name on every file system. Upper case is folded.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let name = text.trim().to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_safe = name.starts_with(plain)
            && name.len() <= AGENT_NAME_CHARS_MAX
            && name.chars().all(|c| plain(c) || c == '-' || c == '_');
        let why =
            "an agent name has 1 to 32 of a-z, 0-9, `-` and `_`, and starts with a letter or digit";
        if is_safe { Ok(Self(name)) } else { Err(BadText(why.into())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AgentName {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        Self::parse(text)
    }
}

crate::as_text!(AgentName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_names_are_safe_folder_names() {
        for good in ["andy", "Andy", "a", "team-2_x", "0"] {
            assert!(AgentName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "a/b", "..", "ä", "a b", &"x".repeat(33)] {
            assert!(AgentName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_session_id_reads_back() {
        assert_eq!(SessionId::parse(&SessionId(42).to_string()), Some(SessionId(42)));
        assert_eq!(SessionId::parse("42"), None);
    }
}
