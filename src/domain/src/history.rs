//! Kinds of events: what the history keeps, for people and for what is worked out from it.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
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

crate::words!(EventKind);

impl EventKind {
    /// What somebody did, in the order of [`Self::ALL`]; the others happened by themselves.
    pub const BY_PEOPLE: [Self; 5] =
        [Self::Change, Self::Answer, Self::Pairing, Self::Stop, Self::Resume];
}
