//! Typed names for the things that are told apart. All ids are ours, never a platform's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a number is written: a prefix, which may be empty, and the digits. `parse` reads that.
macro_rules! written {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// Reads what [`std::fmt::Display`] writes.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                text.strip_prefix($prefix)?.parse().ok().map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}
pub(crate) use written;

/// The longest agent name; it is also a folder name and part of a container's name.
const AGENT_NAME_CHARS_MAX: usize = 32;

/// Names one agent group: its workspace, memory, provider and limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentName(String);

/// Why a text is no agent name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAgentName;

impl AgentName {
    /// Takes 1 to 32 characters of `a-z`, `0-9`, `-`, `_`, the first one a letter or a digit, so
    /// that the name is safe as a folder name on every file system. Upper case is folded.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidAgentName> {
        let name = text.trim().to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let first_ok = name.starts_with(plain);
        let rest_ok = name.chars().all(|c| plain(c) || c == '-' || c == '_');
        if first_ok && rest_ok && name.len() <= AGENT_NAME_CHARS_MAX {
            Ok(Self(name))
        } else {
            Err(InvalidAgentName)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidAgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an agent name has 1 to 32 of a-z, 0-9, `-` and `_`, and starts with a letter or digit",
        )
    }
}

impl std::error::Error for InvalidAgentName {}

impl FromStr for AgentName {
    type Err = InvalidAgentName;

    fn from_str(text: &str) -> Result<Self, InvalidAgentName> {
        Self::parse(text)
    }
}

crate::as_text!(AgentName);

/// Identifies one conversation with one agent: rows, a folder with two mailboxes, at most one
/// container. Written as `s` and a number that the central database hands out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub i64);

written!(SessionId, "s");

/// Counts the starts of a session's container. Claims, labels and link folders carry it, so that a
/// successor never inherits what its predecessor left half done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incarnation(pub i64);

written!(Incarnation, "");

/// Numbers an inbound message within its session; always even, see [`OutSeq`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageSeq(pub i64);

written!(MessageSeq, "");

/// Numbers an outbound message within its session; always odd. With two writers and two files the
/// parity gives the model one numbering that needs no coordination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutSeq(pub i64);

written!(OutSeq, "");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_names_are_safe_folder_names() {
        for good in ["andy", "Andy", "a", "team-2_x", "0"] {
            assert!(AgentName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "a/b", "..", "ä", "a b", &"x".repeat(33)] {
            assert_eq!(AgentName::parse(bad), Err(InvalidAgentName), "{bad}");
        }
    }

    #[test]
    fn a_session_id_reads_back() {
        assert_eq!(SessionId::parse(&SessionId(42).to_string()), Some(SessionId(42)));
        assert_eq!(SessionId::parse("42"), None);
    }
}
