//! Kinds of events: what the history keeps, for people and for what is worked out from it.

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A change of the settings: the line of the command that made it.
    Change,
    /// Somebody answered a question: which, and what.
    Answer,
    /// Somebody used a pairing code.
    Pairing,
    Stop,
    Resume,
    /// A container ended: of which session and incarnation, and why.
    Exit,
    /// What a turn cost: of which session, begun by which message.
    Cost,
    /// A slot of a task ended or was skipped: what came of it.
    Run,
    /// Requests of an agent that the vault did not let out.
    Refused,
}

impl EventKind {
    const ALL: [Self; 9] = [
        Self::Change,
        Self::Answer,
        Self::Pairing,
        Self::Stop,
        Self::Resume,
        Self::Exit,
        Self::Cost,
        Self::Run,
        Self::Refused,
    ];

    /// What somebody did, in the order of [`Self::ALL`]; the others happened by themselves.
    pub const BY_PEOPLE: [Self; 5] =
        [Self::Change, Self::Answer, Self::Pairing, Self::Stop, Self::Resume];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Answer => "answer",
            Self::Pairing => "pairing",
            Self::Stop => "stop",
            Self::Resume => "resume",
            Self::Exit => "exit",
            Self::Cost => "cost",
            Self::Run => "run",
            Self::Refused => "refused",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}
