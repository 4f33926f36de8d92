//! The users, and the chats that they write in.

use domain::message::{Address, Author};
use domain::session_key::SessionMode;

use crate::platform::{NAME, address};

/// The agents that are there from the start.
pub(super) const ANDY: &str = "andy";
pub(super) const HUB: &str = "hub";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Person {
    /// The owner: from the start, or by a code.
    Ann,
    /// A member of both agents.
    Zed,
    /// Admin of hub.
    Zoe,
    /// Becomes a member of andy by a code.
    Fay,
    /// Refused by andy from the start.
    Eve,
    /// Unknown users, each in one chat.
    Bob,
    Fred,
    Cat,
    Dan,
    Gus,
}

impl Person {
    pub(super) const ALL: [Self; 10] = [
        Self::Ann,
        Self::Zed,
        Self::Zoe,
        Self::Fay,
        Self::Eve,
        Self::Bob,
        Self::Fred,
        Self::Cat,
        Self::Dan,
        Self::Gus,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ann => "Ann",
            Self::Zed => "Zed",
            Self::Zoe => "Zoe",
            Self::Fay => "Fay",
            Self::Eve => "Eve",
            Self::Bob => "Bob",
            Self::Fred => "Fred",
            Self::Cat => "Cat",
            Self::Dan => "Dan",
            Self::Gus => "Gus",
        }
    }

    pub(super) fn id(self) -> String {
        self.name().to_lowercase()
    }

    pub(super) fn author(self) -> Author {
        Author::new(self.id(), self.name())
    }

    /// As the database names them.
    pub(super) fn handle(self) -> String {
        format!("{NAME}:{}", self.id())
    }

    pub(super) fn of_handle(handle: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.handle() == handle)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chat {
    /// Private ones.
    Ann,
    Fay,
    Eve,
    Gus,
    /// A group of andy's.
    Family,
    /// A group of both, with threads for andy, and in one conversation with the yard for hub.
    Hall,
    Yard,
    /// A group that nobody connected.
    Club,
}

impl Chat {
    pub(super) const ALL: [Self; 8] = [
        Self::Ann,
        Self::Fay,
        Self::Eve,
        Self::Gus,
        Self::Family,
        Self::Hall,
        Self::Yard,
        Self::Club,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ann => "ann-chat",
            Self::Fay => "fay-chat",
            Self::Eve => "eve-chat",
            Self::Gus => "gus-chat",
            Self::Family => "family",
            Self::Hall => "hall",
            Self::Yard => "yard",
            Self::Club => "club",
        }
    }

    pub(super) fn is_group(self) -> bool {
        matches!(self, Self::Family | Self::Hall | Self::Yard | Self::Club)
    }

    pub(super) fn address(self) -> Address {
        address(self.name())
    }

    pub(super) fn of(at: &Address) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == at.chat)
    }

    /// The agents that a group is wired to from the start.
    pub(super) fn wired(self) -> &'static [(&'static str, SessionMode)] {
        match self {
            Self::Family => &[(ANDY, SessionMode::Shared)],
            Self::Hall => &[(ANDY, SessionMode::PerThread), (HUB, SessionMode::AgentShared)],
            Self::Yard => &[(HUB, SessionMode::AgentShared)],
            Self::Ann | Self::Fay | Self::Eve | Self::Gus | Self::Club => &[],
        }
    }
}
