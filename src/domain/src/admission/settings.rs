//! What a chat and a wiring can be set to.

/// What a chat does with people who are not known to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Ignores them.
    Strict,
    /// Asks an admin of the agent.
    Ask,
    /// Lets them in.
    Public,
}

impl Policy {
    pub const ALL: [Self; 3] = [Self::Strict, Self::Ask, Self::Public];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Ask => "ask",
            Self::Public => "public",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Whose messages a wiring takes, on top of what the chat's [`Policy`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    All,
    /// Only of people with access to the agent, even in a public chat.
    Known,
}

impl Scope {
    pub const ALL: [Self; 2] = [Self::All, Self::Known];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Known => "known",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What a wiring does with messages that do not call for its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    Drop,
    /// Kept, and shown to the agent along with the next message that does.
    Accumulate,
}

impl Ignored {
    pub const ALL: [Self; 2] = [Self::Drop, Self::Accumulate];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Accumulate => "accumulate",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}
